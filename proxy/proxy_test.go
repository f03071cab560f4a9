package proxy

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/levee-proxy/levee/config"
)

// running is a proxy under test, on a loopback port.
type running struct {
	*Proxy
	url string
}

// start runs a proxy for a configuration in YAML, in which $UPSTREAM stands
// for an endpoint.
func start(t testing.TB, yaml, upstream string, o Options) *running {
	t.Helper()
	p, err := New(parse(t, yaml, upstream), o)
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	t.Cleanup(p.Close)
	return &running{p, "http://" + p.Addrs()[0].String()}
}

func parse(t testing.TB, yaml, upstream string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte(strings.ReplaceAll(yaml, "$UPSTREAM", upstream)), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	if engine := os.Getenv("LEVEE_ENGINE"); engine != "" && !strings.Contains(yaml, "engine:") { // the tests run on both
		cfg.Engine = engine
	}
	return cfg
}

// simple is one route to one upstream.
const simple = `
apiVersion: levee/v1
listeners: [{address: "127.0.0.1:0"}]
routes: [{name: all, upstream: service}]
upstreams: [{name: service, endpoints: ["$UPSTREAM"]}]
`

// onLean says whether these tests run on the lean engine, as they do by default:
// LEVEE_ENGINE chooses.
func onLean() bool { return os.Getenv("LEVEE_ENGINE") != config.EngineStandard }

// steady is a configuration without storm control, for tests of what fails again
// and again on purpose: to the detector their clients are a storm.
func steady(yaml string) string {
	return strings.Replace(yaml, `["$UPSTREAM"]`, `["$UPSTREAM"], storm: {mode: off}`, 1)
}

// unlimited is a configuration without concurrency limits, for tests of what
// lies behind them under more load than a cold limit takes.
func unlimited(yaml string) string {
	return strings.Replace(yaml, `["$UPSTREAM"]`, `["$UPSTREAM"], concurrency: {mode: off}`, 1)
}

// service starts an upstream over HTTP/1.1.
func service(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.DisableGeneralOptionsHandler = true
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestForwardsAndAnswers(t *testing.T) {
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen", r.Method+" "+r.RequestURI)
		io.WriteString(w, "hello")
	})
	p := start(t, simple, up.URL, Options{})
	for range 30 {
		resp, body := get(t, p.url+"/a?b=c")
		if resp.StatusCode != 200 || body != "hello" || resp.Header.Get("X-Seen") != "GET /a?b=c" {
			t.Fatalf("got %d %q %v", resp.StatusCode, body, resp.Header)
		}
	}
	// net/http may still be about to give one back when the next is asked for.
	if n := p.Status().Upstreams[0].Endpoints[0].Connections; n < 1 || n > 5 {
		t.Errorf("%d connections to the upstream for 30 requests in sequence, want one, or hardly more", n)
	}
}

var _ net.Conn
