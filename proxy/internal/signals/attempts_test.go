package signals

import (
	"net/http"
	"testing"
)

func TestSaidAttempt(t *testing.T) {
	for _, test := range []struct {
		name   string
		header http.Header
		want   int
	}{
		{"nothing", http.Header{}, 0},
		{"Envoy, first", http.Header{"X-Envoy-Attempt-Count": {"1"}}, 1},
		{"Envoy, third", http.Header{"X-Envoy-Attempt-Count": {"3"}}, 3},
		{"Envoy counts from 1", http.Header{"X-Envoy-Attempt-Count": {"0"}}, 0},
		{"gRPC", http.Header{"Grpc-Previous-Rpc-Attempts": {"1"}}, 2},
		{"gRPC, first, said", http.Header{"Grpc-Previous-Rpc-Attempts": {"0"}}, 1},
		{"AWS, first", http.Header{"Amz-Sdk-Request": {"attempt=1; max=3"}}, 1},
		{"AWS, second, with a time", http.Header{"Amz-Sdk-Request": {"ttl=20260226T050001Z; attempt=2; max=5"}}, 2},
		{"AWS without max", http.Header{"Amz-Sdk-Request": {"attempt=4"}}, 4},
		{"AWS without spaces", http.Header{"Amz-Sdk-Request": {"ttl=1;attempt=4;max=9"}}, 4},
		{"AWS, another word", http.Header{"Amz-Sdk-Request": {"reattempt=4; max=attempt=5"}}, 0},
		{"Google", http.Header{"X-Goog-Api-Client": {"gl-go/1.26 gccl/1.2 gccl-invocation-id/5e8f gccl-attempt-count/2"}}, 2},
		{"Google, two fields", http.Header{"X-Goog-Api-Client": {"gl-php/8 gccl-invocation-id/5e8f", "gccl-attempt-count/3"}}, 3},
		{"Google, first", http.Header{"X-Goog-Api-Client": {"gccl-attempt-count/1"}}, 1},
		{"Google without", http.Header{"X-Goog-Api-Client": {"gl-go/1.26 gapic/1"}}, 0},
		{"Stainless, first", http.Header{"X-Stainless-Retry-Count": {"0"}}, 1},
		{"Stainless", http.Header{"X-Stainless-Retry-Count": {"2"}}, 3},
		{"rest.li, first", http.Header{"X-Number-Of-Retry-Attempts": {"0"}}, 1},
		{"rest.li", http.Header{"X-Number-Of-Retry-Attempts": {"0,2"}}, 3},
		{"rest.li in two fields", http.Header{"X-Number-Of-Retry-Attempts": {"0", "1"}}, 2},
		{"rest.li through a proxy", http.Header{"X-Number-Of-Retry-Attempts": {"0, 1"}}, 2},
		{"rest.li, none", http.Header{"X-Number-Of-Retry-Attempts": {"0,"}}, 0},
		{"the highest counts", http.Header{"X-Envoy-Attempt-Count": {"1"}, "X-Stainless-Retry-Count": {"3"}, "Amz-Sdk-Request": {"attempt=2"}}, 4},
		{"no number", http.Header{"X-Envoy-Attempt-Count": {"two"}}, 0},
		{"a sign", http.Header{"X-Stainless-Retry-Count": {"+2"}}, 0},
		{"empty", http.Header{"X-Envoy-Attempt-Count": {""}, "Amz-Sdk-Request": {""}, "X-Goog-Api-Client": {""}}, 0},
		{"twice", http.Header{"X-Envoy-Attempt-Count": {"2", "3"}}, 0},
		{"too many digits", http.Header{"X-Envoy-Attempt-Count": {"1000000000"}}, 0},
		{"no higher than is told apart", http.Header{"Amz-Sdk-Request": {"attempt=999999999"}}, maxAttempt},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := SaidAttempt(test.header); got != test.want {
				t.Errorf("%d, want %d", got, test.want)
			}
			if got := AttemptNumber(test.header); got != max(test.want, 1) {
				t.Errorf("attempt %d, want %d", got, max(test.want, 1))
			}
		})
	}
}

func FuzzSaidAttempt(f *testing.F) {
	f.Add("3", "1", "ttl=20260226T050001Z; attempt=2; max=5", "gl-go/1.26 gccl-attempt-count/2")
	f.Add("", "-1", "attempt=", "gccl-attempt-count/")
	f.Fuzz(func(t *testing.T, envoy, grpc, aws, google string) {
		h := http.Header{
			EnvoyAttemptHeader: {envoy}, GRPCAttemptHeader: {grpc}, AWSAttemptHeader: {aws}, GoogleClientHeader: {google},
			StainlessAttemptHeader: {grpc}, RestliAttemptHeader: {envoy},
		}
		if n := SaidAttempt(h); n < 0 || n > maxAttempt {
			t.Errorf("attempt %d", n)
		}
	})
}

func BenchmarkSaidAttempt(b *testing.B) {
	h := http.Header{"Accept": {"*/*"}, "User-Agent": {"x"}, "X-Request-Id": {"1"}, "Amz-Sdk-Request": {"attempt=1; max=3"}}
	b.ReportAllocs()
	for b.Loop() {
		if SaidAttempt(h) != 1 {
			b.Fatal("misread")
		}
	}
}

func TestAttemptNumber(t *testing.T) {
	for _, test := range []struct {
		header, value string
		want          int
	}{
		{"", "", 1},
		{EnvoyAttemptHeader, "1", 1},
		{EnvoyAttemptHeader, "3", 3},
		{EnvoyAttemptHeader, "0", 1},
		{EnvoyAttemptHeader, "-3", 1},
		{EnvoyAttemptHeader, "many", 1},
		{EnvoyAttemptHeader, "99999999999999999999", 1},
		{EnvoyAttemptHeader, "999999999", maxAttempt},
		{GRPCAttemptHeader, "1", 2},
		{GRPCAttemptHeader, "x", 1},
	} {
		h := http.Header{}
		if test.header != "" {
			h.Set(test.header, test.value)
		}
		if got := AttemptNumber(h); got != test.want {
			t.Errorf("%s: %q is attempt %d", test.header, test.value, got)
		}
	}
}
