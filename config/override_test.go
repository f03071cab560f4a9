package config

import (
	"slices"
	"strings"
	"testing"
)

func TestFlagsAlone(t *testing.T) {
	cfg, err := FromFlags(Overrides{
		Listen: ":8000", Upstream: "http://127.0.0.1:8080/", Health: "off", Admin: "unix:/run/levee.sock",
		StateFile: "/var/lib/levee/state", LogLevel: "debug", LogFormat: "text", LogAccess: "none", Engine: "standard",
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Listeners) != 1 || cfg.Listeners[0].Address != ":8000" || cfg.Listeners[0].Timeouts.Idle == 0 ||
		cfg.Health.Address != "off" || cfg.Admin.Address != "unix:/run/levee.sock" || cfg.Log != (Log{"debug", "text", "none"}) || cfg.State.File != "/var/lib/levee/state" || cfg.State.Interval == 0 ||
		len(cfg.Routes) != 1 || cfg.Routes[0].Upstream != "default" || cfg.Routes[0].Match.PathPrefix != "/" || cfg.Routes[0].Name != "/" ||
		len(cfg.Upstreams) != 1 || cfg.Upstreams[0].Name != "default" || !slices.Equal(cfg.Upstreams[0].Endpoints, []string{"http://127.0.0.1:8080"}) ||
		cfg.Upstreams[0].Timeouts.Connect == 0 || cfg.Engine != EngineStandard || cfg.Source() != "flags" {
		t.Errorf("%+v", cfg)
	}
	other, err := FromUpstream("http://127.0.0.1:8080")
	if err != nil || other.Listeners[0].Address != ":4480" || other.Hash() == cfg.Hash() {
		t.Errorf("%+v, %v", other, err)
	}
}

func TestFlagsAloneAreChecked(t *testing.T) {
	for _, test := range []struct {
		flags Overrides
		want  string
	}{
		{Overrides{}, "--upstream: there is nothing to proxy to; give a URL like http://127.0.0.1:8080, or a file with --config [required]"},
		{Overrides{Upstream: "127.0.0.1:8080"}, `--upstream: "127.0.0.1:8080" has no scheme; write http:// before it (or https://, h2c://) [format]`},
		{Overrides{Upstream: "http://joe:secret@a"}, `--upstream: "http://***@a" has a user or password in it; an endpoint has none, remove everything up to the @ [format]`},
		{Overrides{Upstream: "http://127.0.0.1:4480"}, `--upstream: "http://127.0.0.1:4480" is Levee's own listener by default, so requests would go round forever; write where the service itself listens [conflict]`},
		{Overrides{Upstream: "http://a", Listen: "4480"}, `--listen: "4480" has no colon; write ":4480" [format]`},
		{Overrides{Upstream: "http://a", Listen: ":4482"}, `--listen: ":4482" is taken by health.address already (:4482 by default); choose another port [conflict]`},
		{Overrides{Upstream: "http://a", Listen: ":1", Health: ":1"}, `--health: ":1" is taken by listeners[0].address already (:1 by --listen); choose another port [conflict]`},
		{Overrides{Upstream: "http://a", Admin: ":4481"}, `--admin: ":4481" can be reached by others, who could then stop Levee and read its configuration without a password; write 127.0.0.1:4481 or unix:/path/to/socket [value]`},
		{Overrides{Upstream: "http://a", Engine: "fast"}, `--engine: must be lean or standard, and "fast" isn't [enum]`},
		{
			Overrides{Upstream: "http://a", LogLevel: "verbose", LogFormat: "yaml", LogAccess: "some"},
			`--log-level: must be debug, info, warn or error, and "verbose" isn't [enum]
--log-format: must be json or text, and "yaml" isn't [enum]
--log-access: must be all, errors or none, and "some" isn't; did you mean "none"? [enum]`,
		},
	} {
		_, err := FromFlags(test.flags)
		if got := lines(err); got != test.want {
			t.Errorf("%+v\ngot  %s\nwant %s", test.flags, got, test.want)
		}
	}
}

func TestFlagsOverFile(t *testing.T) {
	file := minimal + "listeners: [{address: \":1000\", timeouts: {idle: 7s}}]\nlog: {level: warn, access: none}\nadmin: {address: \"127.0.0.1:9\"}\n"
	cfg, err := ParseWith("levee.yaml", []byte(file), Overrides{Listen: ":2000", Upstream: "https://other", LogLevel: "error", Admin: "off"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Listeners[0].Address != ":2000" || cfg.Listeners[0].Timeouts.Idle.String() != "7s" ||
		!slices.Equal(cfg.Upstreams[0].Endpoints, []string{"https://other"}) || cfg.Upstreams[0].Name != "features" ||
		cfg.Log != (Log{"error", "json", "none"}) || cfg.Admin.Address != "off" {
		t.Errorf("%+v", cfg)
	}
}

func TestFlagBringsWhatTheFileLacks(t *testing.T) {
	cfg, err := ParseWith("levee.yaml", []byte("apiVersion: levee/v1\nlimits: {headerFields: 50}\n"), Overrides{Upstream: "http://a"}, nil)
	if err != nil || cfg.Routes[0].Upstream != "default" || cfg.Limits.HeaderFields != 50 {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func TestFlagsThatDoNotFitTheFile(t *testing.T) {
	two := strings.Replace(minimal, "upstreams:", "upstreams:\n- {name: b, endpoints: [\"http://b\"]}", 1) + "listeners: [{address: \":1\"}, {address: \":2\"}]\n"
	for _, test := range []struct {
		text  string
		flags Overrides
		want  string
	}{
		{
			two,
			Overrides{Listen: ":3", Upstream: "http://c"},
			`--listen: the file has 2 listeners, and which one is meant can't be said by a flag; change the address in the file [flag]
--upstream: the file has 2 upstreams, and which one is meant can't be said by a flag; change the endpoints in the file [flag]`,
		},
		{
			"apiVersion: levee/v1\nroutes: [{upstream: a}]\n",
			Overrides{Upstream: "http://c"},
			`levee.yaml:1:1: upstreams is missing; list at least one, like: upstreams: [{name: NAME, endpoints: ["http://127.0.0.1:8080"]}] [required]`,
		},
		{
			"apiVersion: levee/v1\nlisteners: x\nupstreams: {}\nroutes: []\n",
			Overrides{Upstream: "http://c", Listen: ":1"},
			`levee.yaml:2:12: listeners must be a list, and is text; begin each element with a dash [type]
levee.yaml:3:12: upstreams must be a list, and is a mapping; begin each element with a dash [type]
levee.yaml:4:9: routes is missing; list at least one, like: routes: [{upstream: NAME}] [required]`,
		},
		{minimal + "health: {address: nonsense}\n", Overrides{Health: ":1"}, `levee.yaml:7:19: "nonsense" has no port; write nonsense:4480 [format]`},
		{minimal, Overrides{Health: ":4480"}, `--health: ":4480" is taken by listeners[0].address already (:4480 by default); choose another port [conflict]`},
	} {
		_, err := ParseWith("levee.yaml", []byte(test.text), test.flags, nil)
		if got := lines(err); got != test.want {
			t.Errorf("%s%+v\ngot  %s\nwant %s", test.text, test.flags, got, test.want)
		}
	}
}

// TestFlagReplacesASecret: what a flag gives came from no variable, and is shown.
func TestFlagReplacesASecret(t *testing.T) {
	file := strings.Replace(minimal, "http://10.0.0.7:8080", "http://${HOST}", 1)
	cfg, err := ParseWith("levee.yaml", []byte(file), Overrides{Upstream: "http://shown"}, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Redacted(cfg)
	if err != nil || !strings.Contains(string(out), "- http://shown\n") {
		t.Errorf("%s, %v", out, err)
	}
}
