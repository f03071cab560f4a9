package main

import (
	"os"
	"strings"
	"testing"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/proxy"
)

func TestBanner(t *testing.T) {
	cfg, err := config.FromUpstream("http://127.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		listeners []proxy.ListenerStatus
		admin     string
		want      string
	}{
		{
			[]proxy.ListenerStatus{{Address: "[::]:4480"}},
			"127.0.0.1:4481",
			"levee listens on http://localhost:4480/ in front of http://127.0.0.1:8080; how it goes: http://127.0.0.1:4481/ or levee status (Ctrl-C stops it)\n",
		},
		{
			[]proxy.ListenerStatus{{Address: "10.0.0.1:443", TLS: true}, {Address: "unix:/run/levee"}},
			config.Off,
			"levee listens on https://10.0.0.1:443/, unix:/run/levee in front of http://127.0.0.1:8080 (Ctrl-C stops it)\n",
		},
	}
	for _, test := range tests {
		cfg.Admin.Address = test.admin
		var b strings.Builder
		writeBanner(&b, cfg, proxy.Status{Listeners: test.listeners})
		if b.String() != test.want {
			t.Errorf("got  %q\nwant %q", b.String(), test.want)
		}
	}
}

func TestFilesAreNoTerminals(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, f := range []*os.File{null, file} {
		if isTerminal(f) {
			t.Errorf("%s is taken for a terminal", f.Name())
		}
	}
}
