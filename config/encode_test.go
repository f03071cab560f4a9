package config

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

const withSecrets = `apiVersion: levee/v1
routes:
- match: {hosts: ["${HOST}"], pathPrefix: /a}
  upstream: features
  timeout: ${T}
- match: {pathPrefix: "/${SECRET}"}
  upstream: features
- match: {pathPrefix: /plain}
  upstream: features
upstreams:
- name: features
  endpoints: ["http://10.0.0.7:8080", "http://${HOST}:${N}"]
  tls: {caFile: "/etc/${UNSET:-hidden}/$${kept}.pem", keyFile: "/a/$${b}", certFile: c}
`

func TestRedacted(t *testing.T) {
	cfg := parse(t, withSecrets)
	out, err := Redacted(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", "ecret.example", "42", "hidden", "800ms"} {
		if strings.Contains(string(out), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	for _, want := range []string{
		"- name: '<redacted: ${HOST}>'\n", "    hosts:\n    - '<redacted: ${HOST}>'\n", "timeout: '<redacted: ${T}>'\n",
		"- name: '<redacted: ${SECRET}>'\n", "pathPrefix: '<redacted: ${SECRET}>'\n", "- name: /plain\n",
		"  - http://10.0.0.7:8080\n  - '<redacted: ${HOST}, ${N}>'\n", "caFile: '<redacted: ${UNSET}>'\n", "keyFile: /a/$${b}\n",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestRedactedErrors: an error about a value from a variable doesn't tell it.
func TestRedactedErrors(t *testing.T) {
	_, err := Parse("levee.yaml", []byte(strings.ReplaceAll(withSecrets, "upstream: features", `upstream: "${SECRET}"`)+
		"listeners: [{address: \"${SECRET}\"}]\nadmin: {address: \"${HOST}:${N}\"}\nclients: {identity: \"header:${BINARY}\"}\n"), testEnv)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, secret := range []string{"hunter2", "ecret.example", "\xff"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q is shown: %v", secret, err)
		}
	}
}

func TestUserinfoIsMasked(t *testing.T) {
	for text, want := range map[string]string{
		"http://joe:pw@host/x":        "http://***@host/x",
		"a http://joe@h b http://x@y": "a http://***@h b http://***@y",
		"http://a@b@c":                "http://***@c",
		"http://host/x@y":             "http://host/x@y",
		"joe@host":                    "joe@host",
	} {
		if got := maskUserinfo(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	// A path may look like a URL.
	cfg := parse(t, minimal)
	cfg.Upstreams[0].TLS.CAFile = "vault://joe:pw@host/ca"
	redacted, err := Redacted(cfg)
	if err != nil || strings.Contains(string(redacted), "joe:pw") {
		t.Errorf("%s, %v", redacted, err)
	}
}

// roundTrip fails unless a configuration is read back as it was written.
func roundTrip(t *testing.T, cfg *Config) {
	t.Helper()
	out, err := Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse("back.yaml", out, nil)
	if err != nil {
		t.Fatalf("%s\n%v", out, err)
	}
	want := *cfg
	want.source, back.source = source{}, source{}
	if !reflect.DeepEqual(*back, want) {
		t.Fatalf("%s\ngot  %+v\nwant %+v", out, *back, want)
	}
	if again, err := Marshal(back); err != nil || string(again) != string(out) {
		t.Fatalf("written again it is %s, %v\nbefore %s", again, err, out)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, text := range []string{minimal, withSecrets, with("listeners: [{address: \":1\", connectionRate: {perSecond: 1000000.5}, tls: {certificates: [{certFile: 'yes', keyFile: \"1\"}]}}]\n")} {
		roundTrip(t, parse(t, text))
	}
	for seed := range uint64(200) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 3))}
		document := g.object(reflect.TypeFor[Config](), "")
		tidy(document)
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		if cfg, err := Parse("test.yaml", text, nil); err == nil {
			roundTrip(t, cfg)
		}
	}
}

// TestRedactedIsMarshalWithoutSecrets is what makes /config useful: it can be
// taken as a file.
func TestRedactedIsMarshalWithoutSecrets(t *testing.T) {
	cfg := parse(t, with("limits: {headerBytes: 10kB}\n"))
	marshalled, err1 := Marshal(cfg)
	redacted, err2 := Redacted(cfg)
	if err1 != nil || err2 != nil || string(marshalled) != string(redacted) {
		t.Errorf("%v, %v\n%s\n%s", err1, err2, marshalled, redacted)
	}
}
