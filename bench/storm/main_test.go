package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test's own binary be the service, as the program's is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == serveArgument {
		os.Exit(serve(os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func TestFlags(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-scenario", "loss,drift", "-runs", "3", "-off"}, &bytes.Buffer{})
	if err != nil || !slices.Equal(o.scenarios, []string{"loss", "drift"}) || o.runs != 3 || o.through != limitOff {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err = parse(nil, &bytes.Buffer{}); err != nil || len(o.scenarios) != 8 || o.runs != 1 || o.through != throughLevee {
		t.Errorf("%+v, %v", o, err)
	}
	for _, bad := range []string{"-scenario earthquake", "-runs 0", "-direct -off", "-plain -off", "-direct -plain", "more", "-unknown"} {
		if code := start(t.Context(), strings.Fields(bad), &bytes.Buffer{}, &bytes.Buffer{}); code != exitUsage {
			t.Errorf("%s: ended with %d, want %d", bad, code, exitUsage)
		}
	}
	if code := start(t.Context(), []string{"-help"}, &bytes.Buffer{}, &bytes.Buffer{}); code != exitMet {
		t.Errorf("-help: ended with %d", code)
	}
}

// TestExit: only what Levee misses by itself is an error.
func TestExit(t *testing.T) {
	t.Parallel()
	for through, want := range map[way]int{throughLevee: exitMissed, direct: exitMet, limitOff: exitMet, stormOff: exitMet} {
		if code := exitOf(through, []line{{Met: true}, {}}); code != want {
			t.Errorf("%s: ended with %d, want %d", through, code, want)
		}
		if code := exitOf(through, []line{{Met: true}}); code != exitMet {
			t.Errorf("%s: ended with %d, with all bars met", through, code)
		}
	}
}

// soon is later than any answer that a test waits for.
func soon() time.Time { return time.Now().Add(10 * time.Second) }

// TestService: it serves, does what it is told, tells what it did, and ends.
func TestService(t *testing.T) {
	t.Parallel()
	s := find("loss", true)
	v, err := startService(t.Context(), &s)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{address: strings.TrimPrefix(v.url, "http://")}
	defer c.close()
	results := make(chan outcome)
	const jobs = 20
	for i := range uint64(jobs) {
		go func() { results <- c.attempt(i, 0, soon()).outcome }()
	}
	for range jobs {
		if got := <-results; got != good {
			t.Errorf("an attempt ended with %v", got)
		}
	}
	if err := v.set(s.at(s.From)); err != nil {
		t.Error(err)
	}
	if busy, waiting, err := v.load(t.Context()); err != nil || busy != 0 || waiting != 0 {
		t.Errorf("%d at work, %d waiting, %v", busy, waiting, err)
	}
	account, err := v.stop()
	if err != nil || account.Jobs != jobs {
		t.Errorf("%+v, %v; want %d jobs", account, err, jobs)
	}
	if p := account.Phases; len(p) != 2 || p[0].Came != jobs || p[1].Came != 0 {
		t.Errorf("%+v; want %d jobs before the change and none after", p, jobs)
	}
}
