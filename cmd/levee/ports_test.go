package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
)

// answers asks a side port on a unix socket; an empty answer means nobody is there.
func answers(t *testing.T, path string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}
	answer, err := client.Get("http://localhost/")
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAPortMovesWholeOrNotAtAll(t *testing.T) {
	folder := t.TempDir()
	first, second := filepath.Join(folder, "1"), filepath.Join(folder, "2")
	p := port{handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") })}
	defer p.close()

	move := func(to string, take bool) {
		t.Helper()
		decide, err := p.prepare("unix:" + to)
		if err != nil {
			t.Fatal(err)
		}
		decide(take)
	}
	move(first, true)
	if got := answers(t, first); got != "here" {
		t.Fatalf("the first address: %q", got)
	}

	// The rest of the reload failed: everything is as it was.
	move(second, false)
	if a, b := answers(t, first), answers(t, second); a != "here" || b != "" {
		t.Fatalf("given up: %q at the first address, %q at the second", a, b)
	}
	// Where the new address can't be had, nothing changes either.
	if _, err := p.prepare("unix:" + filepath.Join(folder, "no", "such", "folder")); err == nil {
		t.Fatal("a socket in no folder was prepared")
	}
	if got := answers(t, first); got != "here" {
		t.Fatalf("after a failure: %q", got)
	}

	server := p.server
	move(first, true)
	if p.server != server {
		t.Fatal("an address that stays got a new server")
	}
	move(second, true)
	if got := answers(t, second); got != "here" {
		t.Fatalf("the second address: %q", got)
	}
	// The old server is closed beside the move; closing twice waits for it.
	closeServer(server)
	if got := answers(t, first); got != "" {
		t.Fatalf("the first address still answers: %q", got)
	}
}
