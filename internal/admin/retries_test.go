package admin

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/levee-proxy/levee/proxy"
)

func TestRetryProblems(t *testing.T) {
	u := wellStatus().Proxy.Upstreams[0]
	if p := retryProblems(u); p != nil {
		t.Errorf("without retries: %+v", p)
	}
	retriesAt(&u)
	p := retryProblems(u)
	if len(p) != 1 || p[0].Severity != Warning || !strings.Contains(p[0].What, "in the last 10 s, 190 were not made, and 41 were.") {
		t.Errorf("%+v", p)
	}
	u.Retries.Recent.GivenUp = map[string]uint64{"method": 5}
	if p := retryProblems(u); p != nil {
		t.Errorf("with budget: %+v", p)
	}
}

// TestRetriesAreShown: where there may be any, and nowhere else.
func TestRetriesAreShown(t *testing.T) {
	s := wellStatus()
	page := func() string {
		w := httptest.NewRecorder()
		writePage(w, "status", s)
		return strings.ReplaceAll(w.Body.String(), "&#39;", "'")
	}
	if strings.Contains(page(), "Levee's retries") {
		t.Error("there are none, and they are shown")
	}
	retriesAt(&s.Proxy.Upstreams[0])
	for _, want := range []string{
		"1000 (81% with success)", "0 left (10% of successes, and 0.5/s)", "7, 5 of them first",
		"41 retries, 12 of them with success; not made: 190 because no budget was left",
		"210 because no budget was left, 31 because the method isn't safe to repeat",
	} {
		if got := page(); !strings.Contains(got, want) {
			t.Errorf("no %q on the page", want)
		}
	}
	s.Proxy.Upstreams[0].Retries = &proxy.RetryStatus{Attempts: 2, Percent: 10, MinPerSecond: 1, Left: 10}
	r := retries(s.Proxy.Upstreams)[0]
	if r.Total() != "0" || r.Lately() != "none" || r.Never() != "-" || r.Hedged() != "-" {
		t.Errorf("of nothing: %s, %s, %s, %s", r.Total(), r.Lately(), r.Never(), r.Hedged())
	}
}

// TestNotMadeReads: each reason reads as a part of a sentence.
func TestNotMadeReads(t *testing.T) {
	for reason, words := range notMade {
		if got := givenUpWords(map[string]uint64{reason: 4}); got != "4 because "+words || strings.HasPrefix(words, "as ") {
			t.Errorf("%s: %s", reason, got)
		}
	}
}
