package config_test

import (
	"fmt"

	"github.com/levee-proxy/levee/config"
)

// Everything that is wrong is reported at once.
func ExampleParse() {
	_, err := config.Parse("levee.yaml", []byte(`apiVersion: levee/v1
routes:
- upstream: featurs
  timeout: 800
upstreams:
- name: features
  endpoints: ["http://10.0.0.7:8080"]
`), nil)
	fmt.Println(err)
	// Output:
	// levee.yaml:3:13: there is no upstream "featurs"; did you mean "features"?
	//   3 | - upstream: featurs
	//     |             ^
	// levee.yaml:4:12: "800" has no unit; write 800ms or 800s
	//   4 |   timeout: 800
	//     |            ^
}

// Without a file, one upstream takes all requests.
func ExampleFromUpstream() {
	cfg, err := config.FromUpstream("http://127.0.0.1:8080")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.Listeners[0].Address, "to", cfg.Upstreams[0].Endpoints[0], "connecting within", cfg.Upstreams[0].Timeouts.Connect)
	// Output: :4480 to http://127.0.0.1:8080 connecting within 1s
}
