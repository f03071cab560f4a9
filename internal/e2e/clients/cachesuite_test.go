package clients

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// verdict is what came of one of the suite's tests.
type verdict struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"` // required, optimal or check
	Passed bool   `json:"passed"`
	Said   string `json:"said"`
}

// TestCacheSuite runs the public test-suite of HTTP caches through Levee. What
// doesn't pass has its reason in docs/cache-tests.md, and what has one there
// doesn't pass. Of checks, which only ask what a cache does, none is right.
func TestCacheSuite(t *testing.T) {
	t.Parallel()
	address := startLevee(t, fmt.Sprintf(`
apiVersion: levee/v1
listeners: [{address: "127.0.0.1:0"}]
log: {access: none}
routes: [{upstream: origin, cache: {mode: on, unlistedHeaders: pass, negative: {ttl: 1m}}}]
upstreams: [{name: origin, endpoints: ["http://%s"], concurrency: {mode: "off"}, storm: {mode: "off"}}]
`, startSuiteOrigin(t)))
	excused := suiteExcuses(t)
	ran, passed := map[string]int{}, map[string]int{}
	var again []string
	for _, v := range runSuite(t, address) {
		ran[v.Kind]++
		_, known := excused[v.ID]
		switch {
		case v.Passed:
			passed[v.Kind]++
			if known {
				t.Errorf("%s passes: docs/cache-tests.md need not excuse it", v.ID)
			}
		case v.Kind != "check" && !known:
			t.Logf("once more: %s, %s: %s", v.ID, v.Kind, v.Said)
			again = append(again, v.ID)
		}
		delete(excused, v.ID)
	}
	if len(again) > 0 { // lifetimes are of two seconds, which can pass on a busy machine
		for _, v := range runSuite(t, address, again...) {
			if v.Passed {
				passed[v.Kind]++
			} else {
				t.Errorf("%s, %s: %s", v.ID, v.Kind, v.Said)
			}
		}
	}
	for id := range excused {
		t.Errorf("docs/cache-tests.md excuses %s, which isn't a test", id)
	}
	t.Logf("required: %d of %d, optimal: %d of %d", passed["required"], ran["required"], passed["optimal"], ran["optimal"])
	if ran["required"] < 150 || ran["optimal"] < 80 {
		t.Error("not all of the suite has run")
	}
}

// runSuite runs the tests with these ids, or all.
func runSuite(t *testing.T, address string, ids ...string) (all []verdict) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "node", append([]string{"--no-warnings", "node/cache-tests.mjs", "http://" + address}, ids...)...)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(output)) {
		var v verdict
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, v)
	}
	return all
}

// startSuiteOrigin runs the suite's own origin until the test ends.
func startSuiteOrigin(t *testing.T) (address string) {
	t.Helper()
	command := exec.Command("node", "--no-warnings", "node/cache-tests.mjs", "0")
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	_, rest, found := strings.Cut(line, "http://")
	if err != nil || !found {
		t.Fatalf("the origin says %q, %v", line, err)
	}
	return strings.TrimSuffix(strings.TrimSpace(rest), "/")
}

// suiteExcuses are the tests that docs/cache-tests.md says don't pass, and why.
func suiteExcuses(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "cache-tests.md"))
	if err != nil {
		t.Fatal(err)
	}
	excused := map[string]string{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 || !strings.Contains(cells[1], "`") {
			continue
		}
		if strings.TrimSpace(cells[2]) == "" {
			t.Errorf("docs/cache-tests.md: no reason is given: %s", line)
		}
		for id := range strings.SplitSeq(cells[1], ",") {
			excused[strings.Trim(strings.TrimSpace(id), "`")] = cells[2]
		}
	}
	return excused
}
