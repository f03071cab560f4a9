package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/levee-proxy/levee/proxy/internal/benchclient"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// BenchmarkKeyedRequest is what a key costs: POSTs with a body of 100 bytes
// through Levee, 64 at once, without keys and with them, each new or the same
// one again. cpu-µs/op is that of the whole process, clients and service included.
func BenchmarkKeyedRequest(b *testing.B) {
	answer := strings.Repeat("x", 69)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, answer)
	}))
	defer service.Close()
	var keys atomic.Uint64
	for _, tc := range []struct {
		name, store string
		key         func() string // nil: none
	}{
		{"no key", "", nil},
		{"memory", "", func() string { return fmt.Sprintf("%020d", keys.Add(1)) }},
		{"fsync never", "fsync: never", func() string { return fmt.Sprintf("%020d", keys.Add(1)) }},
		{"fsync always", "fsync: always", func() string { return fmt.Sprintf("%020d", keys.Add(1)) }},
		{"replayed", "", func() string { return strings.Repeat("1", 20) }},
	} {
		b.Run(tc.name, func(b *testing.B) {
			more := "idempotency: {entries: 10000000, bytes: 16GiB"
			if tc.store != "" {
				more += ", file: \"" + filepath.Join(b.TempDir(), "journal") + "\", " + tc.store
			}
			p, err := New(parse(b, limited("{mode: fixed, limit: 1000}", ", idempotency: {mode: optional}", more+"}\n"), service.URL), Options{})
			if err != nil {
				b.Fatal(err)
			}
			p.Start()
			defer p.Close()
			b.ResetTimer()
			benchclient.RunEach(b, p.Addrs()[0].String(), func() []byte {
				request := "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n"
				if tc.key != nil {
					request += signals.IdempotencyKeyHeader + ": " + tc.key() + "\r\n"
				}
				return []byte(request + "\r\n" + strings.Repeat("b", 100))
			}, answer)
		})
	}
}
