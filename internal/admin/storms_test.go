package admin

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/levee-proxy/levee/proxy"
)

func TestStormProblems(t *testing.T) {
	for _, test := range []struct {
		name     string
		change   func(*proxy.StormStatus)
		severity Severity
		holds    []string
	}{
		{"storm", func(*proxy.StormStatus) {}, Critical, []string{
			"features: a retry storm: each request is tried 2.6 times. Storm for 39s: 31% of 412 requests",
			"60% of the retries come from 2 clients.", "up to 10% of what is answered usefully", "41 clients were told when to come back.",
		}},
		{"one client", func(s *proxy.StormStatus) { s.Clients[0].Share = 0.9 }, Critical, []string{"90% of the retries come from one client."}},
		{"many clients", func(s *proxy.StormStatus) { s.Clients = s.Clients[2:] }, Critical, []string{"The retries come from many clients."}},
		{"observed", func(s *proxy.StormStatus) { s.Mode = "observe" }, Critical, []string{"They are only observed (storm.mode)."}},
		{"recovering", func(s *proxy.StormStatus) { s.State = "recovering" }, Notice, []string{"features: a retry storm is over. Recovering for 39s"}},
		{"watch", func(s *proxy.StormStatus) { s.State = "watch" }, "", nil},
		{"calm", func(s *proxy.StormStatus) { s.State = "calm" }, "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := wellStatus().Proxy.Upstreams[0]
			stormAt(&u)
			test.change(u.Storm)
			got := stormProblems(at("05:30:00"), u)
			if test.severity == "" {
				if len(got) > 0 {
					t.Errorf("%+v", got)
				}
				return
			}
			if len(got) != 1 || got[0].Severity != test.severity || got[0].Do == "" || !got[0].Since.Equal(u.Storm.Since) {
				t.Fatalf("%+v", got)
			}
			for _, want := range test.holds {
				if !strings.Contains(got[0].What, want) {
					t.Errorf("no %q in %q", want, got[0].What)
				}
			}
		})
	}
}

// TestStormsAreShown: on the page, and only where there is something to see.
func TestStormsAreShown(t *testing.T) {
	s := sickStatus()
	w := httptest.NewRecorder()
	writePage(w, "status", s)
	for _, want := range []string{"Clients&#39; retries", "2.6 times", "7 of 66", "62%"} {
		if !bytes.Contains(w.Body.Bytes(), []byte(want)) && !strings.Contains(w.Body.String(), strings.ReplaceAll(want, "&#39;", "'")) {
			t.Errorf("no %q on the page", want)
		}
	}
	if rows := storms(s.Time, wellStatus().Proxy.Upstreams); len(rows) > 0 {
		t.Errorf("%+v", rows)
	}
	calm := s.Proxy.Upstreams
	calm[0].Storm.State = "calm"
	if rows := storms(s.Time, calm); len(rows) != 1 || rows[0].Words != "" || rows[0].Seen() != 7600 || rows[0].Shed() != 500 {
		t.Errorf("%+v", rows)
	}
	calm[0].Storm.Retries, calm[0].Storm.Budget.Bound = nil, false
	if rows := storms(s.Time, calm); len(rows) > 0 {
		t.Errorf("%+v", rows)
	}
}
