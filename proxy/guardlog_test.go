package proxy

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// The lines of requests in doubt say where they went, and how an operator names
// their keys: the one that was sent, the one that was refused because of it, and
// one whose client left before it was known.
func TestDoubtIsLogged(t *testing.T) {
	leaves, ends := make(chan struct{}), make(chan struct{})
	up := service(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/left" {
			close(leaves)
			<-ends
		}
		panic(http.ErrAbortHandler)
	})
	var lines, said syncBuffer
	access := telemetry.NewAccessLog(&lines, telemetry.FormatText, telemetry.ModeAll)
	p := start(t, keyed(""), up.URL, Options{Access: access, Logger: slog.New(slog.NewTextHandler(&said, nil))})

	post(t, p.url, "k", "x")
	resp, _ := post(t, p.url, "k", "x")
	_, reference, _ := strings.Cut(strings.TrimSuffix(resp.Header.Get("Proxy-Status"), `"`), "Reference ")
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-leaves
		leave()
	}()
	tryPost(ctx, p.url+"/left", "l", "x")
	eventually(t, "its client has left", func() bool { return strings.Contains(lines.String(), "client_gone") })
	close(ends)
	eventually(t, "it is in doubt", func() bool { return p.Status().Idempotency.Doubtful == 2 })
	eventually(t, "it is said", func() bool { return strings.Contains(said.String(), "in doubt") })

	eventually(t, "three lines", func() bool { return strings.Count(lines.String(), "\n") == 3 })
	line := func(status string) string { // a line may come after its answer's client has gone on
		for l := range strings.Lines(lines.String()) {
			if strings.Contains(l, status) {
				return l
			}
		}
		return ""
	}
	endpoint := "endpoint=" + strings.TrimPrefix(up.URL, "http://")
	for _, want := range [][]string{
		{"status=502", "idempotency=first", "upstream=service", endpoint, "keyReference=" + reference},
		{"status=409", "idempotency=in_doubt", "keyReference=" + reference},
		{"status=499", "idempotency=first", "upstream=service", endpoint, "keyReference="},
	} {
		for _, w := range want {
			if l := line(want[0]); !strings.Contains(l, w) {
				t.Errorf("no %s in %q", w, l)
			}
		}
	}
	_, left, _ := strings.Cut(strings.TrimSpace(line("status=499")), "keyReference=")
	left, _, _ = strings.Cut(left, " ")
	if len(left) != 64 || left == reference || !strings.Contains(said.String(), "key_reference="+left) {
		t.Errorf("key %q; the log: %s", left, said.String())
	}
}

// What the guard refuses itself says when to come back, to gRPC in its own way,
// and the access log says that it was shed.
func TestGuardSaysWhenToComeBack(t *testing.T) {
	up := service(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	var lines syncBuffer
	access := telemetry.NewAccessLog(&lines, telemetry.FormatText, telemetry.ModeAll)
	file := filepath.Join(t.TempDir(), "none", "journal")
	p := start(t, keyed("")+"\nidempotency: {file: "+file+"}\n", up.URL, Options{Access: access})
	resp, _ := post(t, p.url, "k", "x")
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "5" || resp.Header.Get(signals.ShedHeader) != guardReason {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	resp, _ = post(t, p.url, "k", "x", "Content-Type", "application/grpc")
	if resp.Header.Get("Grpc-Status") != "14" || resp.Header.Get(signals.PushbackHeader) != "5000" {
		t.Errorf("gRPC: %v", resp.Header)
	}
	eventually(t, "two lines", func() bool { return bytes.Count([]byte(lines.String()), []byte("shed=idempotency")) == 2 })
}

// syncBuffer is a buffer that one goroutine reads while others write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
