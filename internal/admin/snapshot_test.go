package admin

import (
	"strings"
	"testing"
	"time"

	"github.com/levee-proxy/levee/proxy"
)

func TestCacheFileIsTold(t *testing.T) {
	now := time.Date(2026, 2, 26, 5, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		status  proxy.CacheSnapshotStatus
		want    string
		problem string
	}{
		{proxy.CacheSnapshotStatus{File: "/c"}, "/c, not written since the start", ""},
		{proxy.CacheSnapshotStatus{File: "/c", Reading: true, Restored: 3}, "/c, not written since the start; being read, 3 answers so far", ""},
		{
			proxy.CacheSnapshotStatus{File: "/c", Restored: 3, LeftOut: 2, Written: now.Add(-time.Minute), Answers: 9, Bytes: 2048},
			"/c, written 1m ago: 9 entries, 2048 bytes; at the start it had 3 answers, and 2 that could not be used", "",
		},
		{proxy.CacheSnapshotStatus{File: "/c", Ignored: "torn off"}, "/c, not written since the start; ignored at the start: torn off", ""},
		{proxy.CacheSnapshotStatus{File: "/c", Ignored: "torn off", Restored: 5}, "/c, not written since the start; damaged at the start, 5 answers were used: torn off", ""},
		{proxy.CacheSnapshotStatus{File: "/c", LastError: "full"}, "/c, not written since the start", "begins empty"},
		{
			proxy.CacheSnapshotStatus{File: "/c", LastError: "full", Written: now.Add(-time.Minute), Answers: 1, Bytes: 100},
			"/c, written 1m ago: 1 entry, 100 bytes", "begins with that of",
		},
	} {
		if got := snapshotWords(now, &c.status); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		s := &Status{Time: now, Proxy: proxy.Status{Cache: &proxy.CacheStatus{Snapshot: &c.status}}}
		p := snapshotProblems(s)
		if (c.problem != "") != (len(p) == 1) || len(p) == 1 && (!strings.Contains(p[0].What, c.problem) || p[0].Detail != c.status.LastError) {
			t.Errorf("%+v: %+v", c.status, p)
		}
	}
	if p := snapshotProblems(&Status{}); p != nil {
		t.Errorf("without a cache: %+v", p)
	}
}
