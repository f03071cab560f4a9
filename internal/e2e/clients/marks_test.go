package clients

import (
	"slices"
	"strings"
	"testing"
)

// unremarkable are header fields that differ between two attempts of one request
// without saying that there are two: what time it is, and what is signed with it.
var unremarkable = []string{"Grpc-Timeout", "X-Amz-Date", "Authorization"}

// checkMarks wants a client to show itself as known, and each retry to differ
// from the attempt before by its marks and by nothing else: what isn't marked
// can only be inferred.
func (c client) checkMarks(t *testing.T, attempts []attempt) {
	t.Helper()
	for i, a := range attempts {
		if agent := a.asked.Get("User-Agent"); !strings.Contains(agent, c.agent) {
			t.Errorf("goes by the name of %q, not %q", agent, c.agent)
		}
		if i == 0 {
			continue
		}
		before := attempts[i-1].asked
		var differ []string
		for _, fields := range []map[string][]string{a.asked, before} {
			for name := range fields {
				if !slices.Equal(a.asked[name], before[name]) && !slices.Contains(unremarkable, name) && !slices.Contains(differ, name) {
					differ = append(differ, name)
				}
			}
		}
		if !slices.Equal(differ, c.marks) {
			t.Errorf("attempt %d differs from the one before by %v, want %v", i+1, differ, c.marks)
		}
	}
}

// tableOfClients says what was tested.
func tableOfClients(t *testing.T) table {
	rows := table{{"client", "version", "set up with", "has in its User-Agent", "marks a retry by"}}
	for _, c := range all {
		version := c.stated(t)
		t.Logf("%s: %s", c.name, version)
		if c.floating {
			version = "Debian's"
		}
		marks := "nothing"
		if len(c.marks) > 0 {
			marks = "`" + strings.ToLower(strings.Join(c.marks, "`, `")) + "`"
		}
		rows = append(rows, []string{c.name, version, c.setup, "`" + strings.TrimSpace(c.agent) + "`", marks})
	}
	return rows
}
