package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const minimal = `apiVersion: levee/v1
routes:
- upstream: features
upstreams:
- name: features
  endpoints: ["http://10.0.0.7:8080"]
`

// parse parses text with the variables of testEnv, and fails on an error.
func parse(t *testing.T, text string) *Config {
	t.Helper()
	cfg, err := Parse("levee.yaml", []byte(text), testEnv)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return cfg
}

// problems parses text and returns what is wrong with it, a line each.
func problems(text string) string {
	_, err := Parse("levee.yaml", []byte(text), testEnv)
	return lines(err)
}

func lines(err error) string {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return message(err)
	}
	var out []string
	for _, p := range e.Problems {
		out = append(out, fmt.Sprintf("%s [%s]", p, p.Kind))
	}
	return strings.Join(out, "\n")
}

func TestMinimal(t *testing.T) {
	cfg := parse(t, minimal)
	if len(cfg.Listeners) != 1 || cfg.Listeners[0].Address != ":4480" || cfg.Listeners[0].Timeouts.Header.D() != 5*time.Second {
		t.Errorf("listeners: %+v", cfg.Listeners)
	}
	r := cfg.Routes[0]
	if r.Name != "/" || r.Match.PathPrefix != "/" || r.ResponseTimeout.D() != time.Minute || r.RateLimit != nil {
		t.Errorf("route: %+v", r)
	}
	u := cfg.Upstreams[0]
	if u.Host != "preserve" || u.Ejection.MaxPercent != 50 || u.HealthCheck != nil || u.Timeouts.Connect.D() != time.Second {
		t.Errorf("upstream: %+v", u)
	}
	if cfg.Health.Address != ":4482" || cfg.Admin.Address != "127.0.0.1:4481" || cfg.Limits.HeaderBytes != 32<<10 || !cfg.Forwarding.XForwarded {
		t.Errorf("defaults: %+v", cfg)
	}
	if cfg.Source() != "levee.yaml" || len(cfg.Hash()) != 12 || len(cfg.Warnings()) != 0 {
		t.Errorf("source %s, hash %s, warnings %v", cfg.Source(), cfg.Hash(), cfg.Warnings())
	}
}

func TestNullAndEmptyMeanDefault(t *testing.T) {
	want := parse(t, minimal)
	got := parse(t, minimal+`listeners:
health:
admin: ~
log: {level: null, format: ""}
limits: {headerBytes: , headerFields: "${EMPTY}"}
shutdown: {delay: "${UNSET:-}"}
forwarding: {trusted: [], xForwarded: "", requestIDHeader: ''}
`)
	want.source, got.source = source{}, source{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestNormalised(t *testing.T) {
	cfg := parse(t, `apiVersion: levee/v1
listeners:
- address: "LocalHost:90"
- address: "[0:0::1]:81"
- address: ":443"
  tls: {certificates: [{certFile: a, keyFile: b}], minVersion: 1.2}
  maxConnections: 1e3
routes:
- match: {hosts: [API.Example.com., "*.X.org"], pathPrefix: /v1/}
  upstream: 123
- match: {pathPrefix: //}
  upstream: 123
upstreams:
- name: 123
  endpoints: ["http://HOST/", "h2c://[::01]", "https://a:8443", "unix:/Run/X"]
  host: Other:80
forwarding: {trusted: [10.0.0.0/8, "2001:DB8::0/32", "::ffff:10.0.0.1", unix], requestIDHeader: x-id}
clients: {identity: "header:x-api-key"}
`)
	var got []string
	for _, l := range cfg.Listeners {
		got = append(got, l.Address)
	}
	got = append(got, cfg.Listeners[2].TLS.MinVersion, fmt.Sprint(cfg.Listeners[2].MaxConnections))
	got = append(got, cfg.Routes[0].Match.Hosts...)
	got = append(got, cfg.Routes[0].Match.PathPrefix, cfg.Routes[0].Name, cfg.Routes[1].Match.PathPrefix, cfg.Upstreams[0].Name)
	got = append(got, cfg.Upstreams[0].Endpoints...)
	got = append(got, cfg.Upstreams[0].Host)
	got = append(got, cfg.Forwarding.Trusted...)
	got = append(got, cfg.Forwarding.RequestIDHeader, cfg.Clients.Identity)
	want := []string{
		"localhost:90", "[::1]:81", ":443", "1.2", "1000",
		"api.example.com", "*.x.org", "/v1", "api.example.com/v1", "/", "123",
		"http://host", "h2c://[::1]", "https://a:8443", "unix:/Run/X", "other:80",
		"10.0.0.0/8", "2001:db8::/32", "10.0.0.1", "unix", "X-Id", "header:X-Api-Key",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestVariablesTakeTheTypeOfTheirKey(t *testing.T) {
	cfg := parse(t, `apiVersion: levee/v1
listeners:
- address: ":${PORT:-80}"
  maxConnections: ${N}
  connectionRate: {perSecond: "${F}"}
routes:
- upstream: ${A}
  timeout: ${T}
upstreams:
- name: alpha
  endpoints: ["http://${HOST}:8080"]
  tls: {insecureSkipVerify: "${YES}"}
limits: {headerBytes: "${N}KiB", responseHeaderBytes: "${SIZE:-2048}"}
`)
	l := cfg.Listeners[0]
	if l.Address != ":80" || l.MaxConnections != 42 || l.ConnectionRate.PerSecond != 2.5 ||
		cfg.Routes[0].Timeout.D() != 800*time.Millisecond || cfg.Upstreams[0].Endpoints[0] != "http://secret.example.com:8080" ||
		!cfg.Upstreams[0].TLS.InsecureSkipVerify || cfg.Limits.HeaderBytes != 42<<10 || cfg.Limits.ResponseHeaderBytes != 2048 {
		t.Errorf("%+v", cfg)
	}
}

func TestAliases(t *testing.T) {
	cfg := parse(t, `apiVersion: levee/v1
routes:
- {match: {pathPrefix: /a}, upstream: &name one, rateLimit: &limit {total: {perSecond: 5}}}
- {match: {pathPrefix: /b}, upstream: *name, rateLimit: *limit}
upstreams:
- {name: one, endpoints: ["http://a"]}
`)
	if cfg.Routes[1].Upstream != "one" || cfg.Routes[1].RateLimit.Total.PerSecond != 5 || cfg.Routes[0].RateLimit == cfg.Routes[1].RateLimit {
		t.Errorf("%+v", cfg.Routes)
	}
}

func TestByteOrderMark(t *testing.T) {
	if got := problems("\ufeffapiVersion: levee/v2\n" + strings.TrimPrefix(minimal, "apiVersion: levee/v1\n")); got != `levee.yaml:1:13: must be levee/v1, and "levee/v2" isn't; did you mean "levee/v1"? [enum]` {
		t.Error(got)
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "levee.yaml")
	_, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) || message(err) != path+": can't be read: no such file or directory" {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Load(filepath.Dir(path)); message(err) != filepath.Dir(path)+": can't be read: is a directory" {
		t.Errorf("folder: %v", err)
	}
	t.Setenv("LEVEE_TEST_UPSTREAM", "features")
	if err := os.WriteFile(path, []byte(strings.Replace(minimal, "upstream: features", "upstream: ${LEVEE_TEST_UPSTREAM}", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(path)
	if err != nil || cfg.Routes[0].Upstream != "features" || cfg.Source() != path {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func TestHashFollowsTheFileAndTheFlags(t *testing.T) {
	hashes := map[string]bool{}
	for _, text := range []string{minimal, minimal + "\n", minimal + "# comment\n"} {
		for _, flags := range []Overrides{{}, {Listen: ":1"}, {Health: ":1"}} {
			cfg, err := ParseWith("x", []byte(text), flags, nil)
			if err != nil {
				t.Fatal(err)
			}
			hashes[cfg.Hash()] = true
		}
	}
	if len(hashes) != 9 {
		t.Errorf("9 configurations have %d hashes", len(hashes))
	}
	if first, second := parse(t, minimal), parse(t, minimal); first.Hash() != second.Hash() {
		t.Error("the hash isn't stable")
	}
}

func TestDefault(t *testing.T) {
	cfg := Default()
	if cfg.APIVersion != "levee/v1" || len(cfg.Listeners) != 1 || cfg.Health.Address != ":4482" || cfg.Routes != nil {
		t.Errorf("%+v", cfg)
	}
}
