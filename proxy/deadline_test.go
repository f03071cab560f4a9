package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestSmallestDeadlineWins(t *testing.T) {
	second := time.Duration(time.Second)
	for _, tc := range []struct {
		route  time.Duration
		client time.Duration
		has    bool
		want   time.Duration
		wantOK bool
	}{
		{0, 0, false, 0, false},
		{second, 0, false, time.Second, true},
		{0, time.Second, true, time.Second, true},
		{second, time.Minute, true, time.Second, true},
		{second, time.Millisecond, true, time.Millisecond, true},
		{second, 0, true, 0, true},
	} {
		got, ok := requestTimeout(tc.route, tc.client, tc.has)
		if got != tc.want || ok != tc.wantOK {
			t.Errorf("route %v, client %v %v: %v %v", tc.route, tc.client, tc.has, got, ok)
		}
	}
}

func TestDeadlineIsPassedOn(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   http.Header
		left time.Duration
		has  bool
		want http.Header
	}{
		{"none", http.Header{"X-Envoy-Expected-Rq-Timeout-Ms": {"5"}, "X-Budget": {"5"}}, 0, false, http.Header{}},
		{"plain", http.Header{}, 1500 * time.Microsecond, true, http.Header{"X-Envoy-Expected-Rq-Timeout-Ms": {"1"}, "X-Budget": {"1"}}},
		{"never zero", http.Header{}, time.Microsecond, true, http.Header{"X-Envoy-Expected-Rq-Timeout-Ms": {"1"}, "X-Budget": {"1"}}},
		{"unit kept", http.Header{"X-Budget": {"2s"}}, time.Second, true, http.Header{"X-Envoy-Expected-Rq-Timeout-Ms": {"1000"}, "X-Budget": {"1000ms"}}},
		{"gRPC", http.Header{"Grpc-Timeout": {"2S"}}, time.Second, true, http.Header{"X-Envoy-Expected-Rq-Timeout-Ms": {"1000"}, "X-Budget": {"1000"}, "Grpc-Timeout": {"1000000u"}}},
		{"gRPC without one", http.Header{"Content-Type": {"application/grpc"}}, time.Second, true, http.Header{"X-Envoy-Expected-Rq-Timeout-Ms": {"1000"}, "X-Budget": {"1000"}, "Grpc-Timeout": {"1000000u"}}},
	} {
		h := tc.in.Clone()
		delete(h, "Content-Type")
		var own ownFields
		own.begin(new([mostOwnFields]ownField), nil)
		own.passDeadline(tc.in, "X-Budget", tc.left, tc.has)
		own.copyTo(h)
		if len(h) != len(tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, h, tc.want)
		}
		for name := range tc.want {
			if h.Get(name) != tc.want.Get(name) {
				t.Errorf("%s: %s is %q, want %q", tc.name, name, h.Get(name), tc.want.Get(name))
			}
		}
	}
}

// FuzzDeadlineIsPassedOn: header values that reach the proxy have no line ends;
// what it writes has none either.
func FuzzDeadlineIsPassedOn(f *testing.F) {
	for _, s := range []string{"1S", "0m", "100", "1.5s", "-3h", "1e9s", "9223372036854775808", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var own ownFields
		own.begin(new([mostOwnFields]ownField), nil)
		own.passDeadline(http.Header{"X-B": {s}}, "X-B", time.Second, true)
		h := http.Header{}
		own.copyTo(h)
		if strings.ContainsAny(h.Get("X-B"), "\r\n") {
			t.Errorf("wrote %q", h.Get("X-B"))
		}
	})
}
