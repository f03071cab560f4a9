package rules

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// metricLiteral is a metric's name where it is made: dotted, or as Prometheus has it.
	metricLiteral = regexp.MustCompile(`(?:add|histogram|Counter)\("(levee[a-z_.]+)"|const name, help = "(levee[a-z_.]+)"`)
	metricRow     = regexp.MustCompile("(?m)^\\| `(levee_[a-z_]+)` \\|")
	// metricUnit is what the exporter puts behind a name.
	metricUnit = regexp.MustCompile(`(_seconds|_bytes)?(_total)?$`)
)

// TestMetricsAreDocumented: docs/metrics.md has a row for each metric of ours,
// and none for one that isn't.
func TestMetricsAreDocumented(t *testing.T) {
	made := map[string]bool{}
	for _, f := range files(t) {
		if f.test() || !within(f.dir, "internal/telemetry") && !within(f.dir, "cmd") {
			continue
		}
		source, err := os.ReadFile(filepath.Join(root, f.path))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range metricLiteral.FindAllStringSubmatch(string(source), -1) {
			name := strings.ReplaceAll(found[1]+found[2], ".", "_")
			made[metricUnit.ReplaceAllString(name, "")] = true
		}
	}
	page, err := os.ReadFile(filepath.Join(root, "docs/metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, row := range metricRow.FindAllStringSubmatch(string(page), -1) {
		name := metricUnit.ReplaceAllString(row[1], "")
		told[name] = true
		if !made[name] {
			t.Errorf("docs/metrics.md has %s, which nothing makes", row[1])
		}
	}
	for name := range made {
		if !told[name] {
			t.Errorf("docs/metrics.md has no row for %s", name)
		}
	}
	if len(made) < 60 {
		t.Errorf("found only %d metrics: are they made in another way now?", len(made))
	}
}
