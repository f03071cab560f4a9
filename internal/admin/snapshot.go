package admin

import (
	"fmt"
	"time"

	"github.com/levee-proxy/levee/proxy"
)

// snapshotWords tells of the file in which the cache outlives a restart.
func snapshotWords(now time.Time, f *proxy.CacheSnapshotStatus) string {
	words := f.File + ", not written since the start"
	if !f.Written.IsZero() {
		words = fmt.Sprintf("%s, written %s ago: %s, %s", f.File, span(now.Sub(f.Written)), count2(uint64(f.Answers), "entry", "entries"), sizeWords(f.Bytes))
	}
	switch {
	case f.Reading:
		words += "; being read, " + count(int64(f.Restored), "answer") + " so far"
	case f.Ignored != "" && f.Restored == 0:
		words += "; ignored at the start: " + f.Ignored
	case f.Ignored != "":
		words += fmt.Sprintf("; damaged at the start, %s were used: %s", count(int64(f.Restored), "answer"), f.Ignored)
	case f.Restored > 0:
		words += "; at the start it had " + count(int64(f.Restored), "answer")
	}
	if f.LeftOut > 0 {
		words += fmt.Sprintf(", and %d that could not be used", f.LeftOut)
	}
	return words
}

// snapshotProblems tells that the cache would not outlive a restart.
func snapshotProblems(s *Status) []Problem {
	c := s.Proxy.Cache
	if c == nil || c.Snapshot == nil || c.Snapshot.LastError == "" {
		return nil
	}
	f := c.Snapshot
	what := fmt.Sprintf("The cache's snapshot %s can't be written: after a restart the cache begins empty.", f.File)
	if !f.Written.IsZero() {
		what = fmt.Sprintf("The cache's snapshot %s can't be written: after a restart the cache begins with that of %s.", f.File, stamp(f.Written))
	}
	return []Problem{{
		Severity: Warning,
		What:     what,
		Detail:   f.LastError,
		Since:    f.FailingSince,
		Do:       "Make room on its disk, or name a file in a folder that Levee may write to (cache.snapshot.file). It is tried again at each interval.",
	}}
}
