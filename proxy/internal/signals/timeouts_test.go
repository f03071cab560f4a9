package signals

import (
	"net/http"
	"testing"
	"time"
)

func TestDeadlineHeaders(t *testing.T) {
	for _, tc := range []struct {
		name    string
		header  http.Header
		trusted bool
		want    time.Duration
		none    bool
	}{
		{"none", http.Header{}, true, 0, true},
		{"gRPC", http.Header{"Grpc-Timeout": {"250m"}}, false, 250 * time.Millisecond, false},
		{"gRPC hours", http.Header{"Grpc-Timeout": {"2H"}}, false, 2 * time.Hour, false},
		{"gRPC huge", http.Header{"Grpc-Timeout": {"99999999H"}}, false, maxTimeout, false},
		{"gRPC zero", http.Header{"Grpc-Timeout": {"0n"}}, false, 0, false},
		{"gRPC without unit", http.Header{"Grpc-Timeout": {"100"}}, false, 0, true},
		{"gRPC nine digits", http.Header{"Grpc-Timeout": {"123456789m"}}, false, 0, true},
		{"gRPC negative", http.Header{"Grpc-Timeout": {"-1S"}}, false, 0, true},
		{"gRPC twice", http.Header{"Grpc-Timeout": {"1S", "2S"}}, false, 0, true},
		{"Envoy", http.Header{"X-Envoy-Expected-Rq-Timeout-Ms": {"15"}}, true, 15 * time.Millisecond, false},
		{"Envoy untrusted", http.Header{"X-Envoy-Expected-Rq-Timeout-Ms": {"15"}}, false, 0, true},
		{"named, bare", http.Header{"X-Budget": {"800"}}, true, 800 * time.Millisecond, false},
		{"named, unit", http.Header{"X-Budget": {"1.5s"}}, true, 1500 * time.Millisecond, false},
		{"named, negative", http.Header{"X-Budget": {"-1s"}}, true, 0, true},
		{"named, words", http.Header{"X-Budget": {"soon"}}, true, 0, true},
		{"named, untrusted", http.Header{"X-Budget": {"800"}}, false, 0, true},
		{"smallest", http.Header{"Grpc-Timeout": {"3S"}, "X-Envoy-Expected-Rq-Timeout-Ms": {"2000"}, "X-Budget": {"4s"}}, true, 2 * time.Second, false},
	} {
		got, ok := Timeout(tc.header, "X-Budget", tc.trusted)
		if ok == tc.none || ok && got != tc.want {
			t.Errorf("%s: %v %v, want %v %v", tc.name, got, ok, tc.want, !tc.none)
		}
	}
}

func FuzzDeadlineHeaders(f *testing.F) {
	for _, s := range []string{"1S", "99999999n", "0m", "100", "1.5s", "-3h", "1e9s", "9223372036854775808", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, parse := range map[string]func(string) (time.Duration, bool){
			"grpc": parseGRPCTimeout, "millis": parseMillis, "named": parseTimeout,
		} {
			d, ok := parse(s)
			if ok && (d < 0 || d > maxTimeout) {
				t.Errorf("%s: %q is %v", name, s, d)
			}
			if !ok && d != 0 {
				t.Errorf("%s: %q is refused and %v", name, s, d)
			}
		}
		if d, ok := parseGRPCTimeout(s); ok && d > 0 {
			text := FormatGRPCTimeout(d)
			back, ok := parseGRPCTimeout(text)
			if !ok || back > d || d-back > time.Minute {
				t.Errorf("%v is told as %q, which is %v", d, text, back)
			}
		}
	})
}
