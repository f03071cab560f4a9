package cache

import (
	"testing"
	"time"

	"github.com/dunglas/httpsfv"
)

// TestRFC9211 walks RFC 9211 §2: what is said in Cache-Status.
func TestRFC9211(t *testing.T) {
	for _, test := range []struct {
		name   string
		status Status
		want   string
	}{
		{"2.1 hit", Status{Cache: "levee", Hit: true, TTL: 376 * time.Second, HasTTL: true, Detail: ReasonFresh}, "levee; hit; ttl=376"},
		{"2.2 miss", Status{Cache: "levee", Forward: ForwardURIMiss, Stored: true}, "levee; fwd=uri-miss; stored"},
		{"2.2 vary", Status{Cache: "levee", Forward: ForwardVaryMiss}, "levee; fwd=vary-miss"},
		{"2.2 a hit wasn't forwarded", Status{Cache: "levee", Hit: true, Forward: ForwardMiss, Stored: true}, "levee; hit"},
		{"2.3 validated", Status{Cache: "levee", Forward: ForwardStale, ForwardStatus: 304, Stored: true}, "levee; fwd=stale; fwd-status=304; stored"},
		{"2.4 stale", Status{Cache: "levee", Hit: true, TTL: -412 * time.Second, HasTTL: true, Detail: ReasonStaleWhileUpdate}, "levee; hit; ttl=-412; detail=stale-while-revalidate"},
		{"2.4 a moment stale", Status{Cache: "levee", Hit: true, TTL: -1, HasTTL: true}, "levee; hit; ttl=-1"},
		{"2.4 a moment fresh", Status{Cache: "levee", Hit: true, TTL: 1, HasTTL: true}, "levee; hit; ttl=0"},
		{"2.6 collapsed", Status{Cache: "levee", Forward: ForwardMiss, Collapsed: true}, "levee; fwd=miss; collapsed"},
		{"2.7 key", Status{Cache: "levee", Hit: true, Key: "http://a/\"\\\x00\xff"}, `levee; hit; key="http://a/\"\\??"`},
		{"2.8 detail", Status{Cache: "levee", Forward: ForwardStale, ForwardStatus: 503, Detail: ReasonStaleIfError}, "levee; fwd=stale; fwd-status=503; detail=stale-if-error"},
		{"2.8 bypass", Status{Cache: "levee", Forward: ForwardBypass, Detail: ReasonRequestBody}, "levee; fwd=bypass; detail=request-body"},
	} {
		got := string(test.status.Append(nil))
		if got != test.want {
			t.Errorf("%s: %s; want %s", test.name, got, test.want)
		}
		if _, err := httpsfv.UnmarshalList([]string{got}); err != nil {
			t.Errorf("%s: %s is not a list: %v", test.name, got, err)
		}
	}
}

// TestReasonsAreTokens: each has a name of its own that Cache-Status can hold.
func TestReasonsAreTokens(t *testing.T) {
	seen := map[string]bool{}
	for r := range Reason(reasons) {
		name := r.String()
		if name == "" || name == "unknown" || tokenLength(name) != len(name) || seen[name] {
			t.Errorf("reason %d is called %q", r, name)
		}
		seen[name] = true
	}
	if Reason(255).String() != "unknown" {
		t.Error("what is no reason has a name")
	}
}

func TestForwardFor(t *testing.T) {
	for reason, want := range map[Reason]Forward{
		ReasonVaryMiss: ForwardVaryMiss, ReasonRequestNoCache: ForwardRequest, ReasonRequestMaxAge: ForwardRequest,
		ReasonRequestMinFresh: ForwardRequest, ReasonPrecondition: ForwardRequest, ReasonStale: ForwardStale,
		ReasonMustRevalidate: ForwardStale, ReasonNoCache: ForwardStale, ReasonInvalidated: ForwardStale,
		ReasonTooStale: ForwardStale, ReasonStoredError: ForwardStale, ReasonNone: ForwardMiss,
	} {
		if got := ForwardFor(Verdict{Reason: reason}); got != want {
			t.Errorf("%v: %v; want %v", reason, got, want)
		}
	}
}
