package admin

import (
	"strings"
	"testing"

	"github.com/levee-proxy/levee/internal/idempotency"
	"github.com/levee-proxy/levee/proxy"
)

func TestIdempotencyIsTold(t *testing.T) {
	now := at("05:30:00")
	well := idempotency.Status{Keys: 120, MaxKeys: 1000, Running: 3, Bytes: 60 << 10, MaxBytes: 64 << 20}
	with := func(j idempotency.JournalStatus, change func(*idempotency.Status)) *proxy.IdempotencyStatus {
		s := well
		if j.File != "" {
			s.Journal = &j
		}
		if change != nil {
			change(&s)
		}
		return &proxy.IdempotencyStatus{Status: s}
	}
	for _, c := range []struct {
		name     string
		status   *proxy.IdempotencyStatus
		words    string
		problem  string
		severity Severity
	}{
		{"in memory", with(idempotency.JournalStatus{}, nil), "120 keys of 1000, 3 under way, 0 in doubt, 60 KiB; in memory only, lost at a restart", "", ""},
		{
			"a journal", with(idempotency.JournalStatus{File: "/j", Readable: true, Bytes: 200, Restored: 7, Torn: 12}, nil),
			"journal /j of 200 bytes; at the start it had 7 keys, and a torn end of 12 bytes, which was cut off", "", "",
		},
		{
			"unreadable", with(idempotency.JournalStatus{File: "/j", Error: "a checksum is wrong", FailingSince: at("05:29:00")}, nil),
			"/j can't be read, for 1m now", "The idempotency journal /j can't be read.", Critical,
		},
		{
			"full disk", with(idempotency.JournalStatus{File: "/j", Readable: true, Error: "no space left on device", FailingSince: at("05:29:00")}, nil),
			", failing for 1m", "new keys can't be remembered", Critical,
		},
		{"nearly full", with(idempotency.JournalStatus{}, func(s *idempotency.Status) { s.Keys = 850 }), "850 keys", "Nearly as many idempotency keys are remembered as may be: 850 of 1000", Warning},
		{"full by keys", with(idempotency.JournalStatus{}, func(s *idempotency.Status) { s.Keys, s.Full = 1000, true }), "1000 keys", "Requests with a new key are refused (503)", Critical},
		{"full by room for keys", with(idempotency.JournalStatus{}, func(s *idempotency.Status) { s.Keys, s.Full = 990, true }), "990 keys", "990 of 1000. Requests with a new key are refused", Critical},
		{"full of answers", with(idempotency.JournalStatus{}, func(s *idempotency.Status) { s.Bytes, s.Dropped = 64<<20, 12 }), "64 MiB, 12 answers had to make room for newer ones; in memory", "", ""},
		{"in doubt", with(idempotency.JournalStatus{}, func(s *idempotency.Status) { s.Doubtful = 1 }), "1 in doubt", "1 idempotency key in doubt", Notice},
	} {
		s := wellStatus()
		s.Proxy.Idempotency = c.status
		if got := idempotencyWords(now, c.status); !strings.Contains(got, c.words) {
			t.Errorf("%s: %s", c.name, got)
		}
		found := Problems(s)
		switch {
		case c.problem == "" && len(found) > 0:
			t.Errorf("%s: %+v", c.name, found)
		case c.problem != "" && (len(found) != 1 || !strings.Contains(found[0].What, c.problem) || found[0].Severity != c.severity || found[0].Do == ""):
			t.Errorf("%s: %+v", c.name, found)
		}
	}
}
