package fields

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/levee-proxy/levee/proxy/internal/benchclient"
)

// TestCopyEndToEnd: what belongs to one connection stays there, however
// Connection is written.
func TestCopyEndToEnd(t *testing.T) {
	for _, tc := range []struct {
		connection []string
		want       []string // beside Server
	}{
		{nil, []string{"Close", "K-V", "X-A", "X-B"}},
		{[]string{"keep-alive"}, []string{"Close", "K-V", "X-A", "X-B"}},
		{[]string{"Keep-Alive"}, []string{"Close", "K-V", "X-A", "X-B"}},
		{[]string{"close"}, []string{"K-V", "X-A", "X-B"}},
		{[]string{"keep-alive, x-a"}, []string{"Close", "K-V", "X-B"}},
		{[]string{"X-A ,\tX-B"}, []string{"Close", "K-V"}},
		{[]string{"keep-alive", "x-b"}, []string{"Close", "K-V", "X-A"}},
		{[]string{"\u212a-v, x-"}, []string{"Close", "K-V", "X-A", "X-B"}}, // a Kelvin sign is no K
		{[]string{""}, []string{"Close", "K-V", "X-A", "X-B"}},
	} {
		src := http.Header{
			"Server": {"s"}, "X-A": {"1"}, "X-B": {"2"}, "Close": {"3"}, "K-V": {"4"},
			"Keep-Alive": {"timeout=5"}, "Transfer-Encoding": {"chunked"}, "Te": {"trailers"}, "Upgrade": {"h2c"}, "Proxy-Connection": {"close"},
		}
		if tc.connection != nil {
			src["Connection"] = tc.connection
		}
		dst := http.Header{}
		CopyEndToEnd(dst, src)
		if got, want := slices.Sorted(maps.Keys(dst)), slices.Sorted(slices.Values(append(tc.want, "Server"))); !slices.Equal(got, want) {
			t.Errorf("Connection %q: %v, want %v", tc.connection, got, want)
		}
	}
}

// BenchmarkCopyEndToEnd copies the header of a usual answer.
func BenchmarkCopyEndToEnd(b *testing.B) {
	src := http.Header{
		"Server": {"nginx"}, "Date": {"Mon, 02 Jan 2006 15:04:05 GMT"}, "Content-Type": {"application/json"}, "Content-Length": {"69"},
		"Connection": {"keep-alive"}, "Cache-Control": {"no-store"}, "Vary": {"Accept-Encoding"},
	}
	dst := make(http.Header, 8)
	b.ReportAllocs()
	cpu := benchclient.CPU()
	for b.Loop() {
		clear(dst)
		CopyEndToEnd(dst, src)
	}
	b.ReportMetric(float64((benchclient.CPU()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
}
