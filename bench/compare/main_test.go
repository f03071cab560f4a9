package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMain lets this test's program be those that are processes of their own.
func TestMain(m *testing.M) {
	if code, ok := serveFor(os.Args[1:]); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func TestFlags(t *testing.T) {
	for _, arguments := range [][]string{
		{"-case", "nothing"}, {"-runs", "0"}, {"-seconds", "0"}, {"-seconds", "61"}, {"-peers", "squid"}, {"-wrong"}, {"extra"},
	} {
		var stdout, stderr bytes.Buffer
		if code := start(t.Context(), arguments, &stdout, &stderr); code != exitUsage || stderr.Len() == 0 {
			t.Errorf("%q: ended with %d, saying %q", arguments, code, stderr.String())
		}
	}
	var stdout, stderr bytes.Buffer
	if code := start(t.Context(), []string{"-list", "-peers", "levee"}, &stdout, &stderr); code != exitMeasured || !strings.Contains(stdout.String(), "69b") {
		t.Errorf("-list: ended with %d, saying %q, %q", code, stdout.String(), stderr.String())
	}
}

// TestSmoke measures Levee and nginx for a second each, through real
// processes, where there are any. How fast they are is not asked.
func TestSmoke(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some ten seconds")
	}
	if _, err := exec.LookPath("wrk"); err != nil {
		t.Skip("wrk is not here: internal/tools/deps.sh bench installs it")
	}
	if _, err := findProgram("nginx"); err != nil {
		t.Skip("nginx is not here: internal/tools/deps.sh bench installs it")
	}
	var stdout, stderr bytes.Buffer
	code := start(t.Context(), []string{"-case", "69b", "-peers", "levee,nginx", "-runs", "1", "-seconds", "1", "-json"}, &stdout, &stderr)
	if code != exitMeasured {
		t.Fatalf("ended with %d:\n%s", code, stderr.String())
	}
	var r report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || len(r.Cases) != 1 {
		t.Fatalf("%v in\n%s", err, stdout.String())
	}
	for _, c := range r.Cases {
		for _, p := range c.Peers {
			if len(p.Samples) != 1 || p.Samples[0].CPU <= 0 || p.Samples[0].Rate <= 0 || p.Samples[0].RSS <= 0 || p.Samples[0].P99 < p.Samples[0].P50 {
				t.Errorf("%s, %s: %+v", c.Name, p.Name, p)
			}
		}
	}
}
