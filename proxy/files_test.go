package proxy

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/levee-proxy/levee/config"
)

// Whoever checks a configuration hears what a start, or clients, would say.
func TestCheckFiles(t *testing.T) {
	a, dir := newAuthority(t), t.TempDir()
	soon := time.Now().Add(time.Hour)
	certPEM, keyPEM := a.issuePEM(t, "example.com", soon)
	_, otherKey := a.issuePEM(t, "example.com", soon)
	for name, data := range map[string][]byte{"cert": certPEM, "key": keyPEM, "other": otherKey, "none": []byte("none\n")} {
		writeFile(t, filepath.Join(dir, name), data)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	listener := func(cert, key, authorities string) *config.Config {
		return &config.Config{Listeners: []config.Listener{{Address: ":8443", TLS: &config.ListenerTLS{
			Certificates: []config.Certificate{{CertFile: file(cert), KeyFile: file(key)}}, ClientCAFile: authorities,
		}}}}
	}
	upstream := func(tls config.UpstreamTLS) *config.Config {
		return &config.Config{Upstreams: []config.Upstream{{Name: "app", TLS: tls}}}
	}
	for name, tc := range map[string]struct {
		cfg               *config.Config
		at                time.Time
		unusable, useless string
	}{
		"sound":                {listener("cert", "key", a.file), time.Now(), "", ""},
		"not there":            {listener("nowhere", "key", ""), time.Now(), "listener :8443: stat " + file("nowhere"), ""},
		"another's key":        {listener("cert", "other", ""), time.Now(), "private key does not match", ""},
		"no certificate in it": {listener("none", "key", ""), time.Now(), "failed to find any PEM data", ""},
		"no authority in it":   {listener("cert", "key", file("none")), time.Now(), "no PEM certificate in it", ""},
		"expired":              {listener("cert", "key", ""), soon.Add(time.Hour), "", "has expired, "},
		"not valid yet":        {listener("cert", "key", ""), soon.Add(-72 * time.Hour), "", "isn't valid before "},
		"upstream's authority": {upstream(config.UpstreamTLS{CAFile: file("nowhere")}), time.Now(), "upstream app: stat ", ""},
		"upstream's key":       {upstream(config.UpstreamTLS{CertFile: file("cert"), KeyFile: file("other")}), time.Now(), "private key does not match", ""},
	} {
		t.Run(name, func(t *testing.T) {
			unusable, useless := CheckFiles(tc.cfg, tc.at)
			wantOne(t, "unusable", unusable, tc.unusable)
			wantOne(t, "useless", useless, tc.useless)
		})
	}
}

// wantOne wants one error with a text in it, or none without one.
func wantOne(t *testing.T, what string, got []error, text string) {
	t.Helper()
	if text == "" && len(got) > 0 || text != "" && (len(got) != 1 || !strings.Contains(got[0].Error(), text)) {
		t.Errorf("%s: %v, want %q", what, got, text)
	}
}
