package e2e

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// h2spec is a foreign judge of what the HTTP/2 standard demands of a server.
// Each case that fails here has its reason in docs/h2spec.md, or the test fails.
func TestH2spec(t *testing.T) {
	program := tool(t, "h2spec")
	excused := excuses(t)
	id := selfSigned(t)
	address := origin(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, "some bytes that flow control can be tried on")
	})
	for _, front := range []struct {
		name, listener string
		arguments      []string
		// passed is how many cases must pass.
		passed int
	}{
		{"h2c", "", nil, 141},
		{"TLS", fmt.Sprintf("tls: {certificates: [{certFile: %s, keyFile: %s}]}", id.certFile, id.keyFile), []string{"--tls", "--insecure"}, 142},
	} {
		t.Run(front.name, func(t *testing.T) {
			l := start(t, setup{config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0", %s}]
routes: [{upstream: origin}]
upstreams: [{name: origin, endpoints: ["http://%s"]}]
log: {access: none}
`, front.listener, address)})
			file := filepath.Join(t.TempDir(), "report.xml")
			command := exec.Command(program, append(front.arguments, "--port", port(t, l.addresses[0]), "--junit-report", file)...)
			// It ends with 1 when any case fails; which one, its report says.
			output, err := command.CombinedOutput()
			cases := report(t, file)
			if len(cases) < 140 {
				t.Fatalf("h2spec ran only %d cases: %v\n%s", len(cases), err, output)
			}
			passed := 0
			for _, c := range cases {
				switch {
				case !c.failed:
					passed++
				case excused[front.name+" "+c.name]:
					t.Logf("fails, for a reason given: %s", c.name)
				default:
					t.Errorf("fails, and docs/h2spec.md doesn't say why over %s: %s\n%s", front.name, c.name, c.text)
				}
			}
			t.Logf("%d of %d cases passed", passed, len(cases))
			if passed < front.passed {
				t.Errorf("%d cases passed, want at least %d", passed, front.passed)
			}
		})
	}
}

// verdict is what h2spec says of one case.
type verdict struct {
	// name is the section and the case: "6.5.3 Sends multiple values of …".
	name   string
	failed bool
	text   string
}

// report reads h2spec's JUnit report.
func report(t *testing.T, file string) []verdict {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var suites struct {
		Cases []struct {
			Section string  `xml:"package,attr"`
			Name    string  `xml:"classname,attr"`
			Failure *string `xml:"failure"`
			Error   *string `xml:"error"`
		} `xml:"testsuite>testcase"`
	}
	if err := xml.Unmarshal(text, &suites); err != nil {
		t.Fatal(err)
	}
	var all []verdict
	for _, c := range suites.Cases {
		v := verdict{name: c.Section + " " + c.Name}
		for _, problem := range []*string{c.Failure, c.Error} {
			if problem != nil {
				v.failed, v.text = true, *problem
			}
		}
		all = append(all, v)
	}
	return all
}

// excuses reads the table in docs/h2spec.md: | over | section | case | reason |.
func excuses(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "h2spec.md"))
	if err != nil {
		t.Fatal(err)
	}
	excused := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 || !strings.Contains(cells[1], "/") {
			continue
		}
		if strings.TrimSpace(cells[3]) == "" {
			t.Errorf("docs/h2spec.md: no reason is given: %s", line)
		}
		for over := range strings.SplitSeq(cells[0], ",") {
			excused[strings.TrimSpace(over)+" "+strings.TrimSpace(cells[1])+" "+strings.TrimSpace(cells[2])] = true
		}
	}
	return excused
}
