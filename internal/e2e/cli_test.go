package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// command runs levee to its end.
func command(t *testing.T, env []string, arguments ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, binary(t, plain), arguments...)
	c.Dir = t.TempDir()
	c.Env = append(os.Environ(), env...)
	var out, complaint strings.Builder
	c.Stdout, c.Stderr = &out, &complaint
	err := c.Run()
	return exitCode(err), out.String(), complaint.String()
}

// What is asked wrongly ends with 2 and says what would be right; what fails
// while running ends with 1.
func TestRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	socket := filepath.Join(t.TempDir(), "admin")
	served, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte(`apiVersion: levee/v1
routes:
- {upstream: nowhere, timeout: 800}
upstreams:
- {name: origin, endpoints: ["http://127.0.0.1:8080"]}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	quiet := []string{"--admin", "off", "--health", "off"}
	tests := []struct {
		name      string
		env       []string
		arguments []string
		code      int
		says      []string
	}{
		{"nothing to proxy to", nil, []string{"run"}, 2, []string{"nothing to proxy to", "--upstream", "--config", "--upstream demo"}},
		{"bad file", nil, []string{"run", "--config", bad}, 2, []string{bad + ":3:", "nowhere", "800ms"}},
		{"no such file", nil, []string{"run", "--config", "/nowhere.yaml"}, 2, []string{"/nowhere.yaml", "no such file"}},
		{"bad upstream", nil, []string{"run", "--upstream", "ftp://x"}, 2, []string{"--upstream", "ftp://x", "https"}},
		{"upstream that isn't a URL", nil, []string{"run", "--upstream", "localhost"}, 2, []string{"--upstream", "http://"}},
		{"bad listen", nil, []string{"run", "--upstream", "demo", "--listen", "nonsense"}, 2, []string{"--listen"}},
		{"bad level", nil, []string{"run", "--upstream", "demo", "--log-level", "loud"}, 2, []string{"--log-level", "debug"}},
		{"bad level in a variable", []string{"LEVEE_LOG_LEVEL=loud"}, []string{"run", "--upstream", "demo"}, 2, []string{"debug"}},
		{"bad variable", []string{"LEVEE_JSON=perhaps"}, []string{"version"}, 2, []string{"LEVEE_JSON", "perhaps", "--json"}},
		{"unknown flag", nil, []string{"run", "--upstraem", "x"}, 2, []string{"--upstraem", "levee run --help"}},
		{"unknown command", nil, []string{"rnu"}, 2, []string{"rnu", "levee --help"}},
		{"check without a file", nil, []string{"check"}, 2, []string{"levee check --help"}},
		{"check of a bad file", nil, []string{"check", bad}, 2, []string{bad + ":3:", "nowhere", "800ms"}},
		{"port in use", nil, append([]string{"run", "--upstream", "demo", "--listen", taken.Addr().String()}, quiet...), 1, []string{taken.Addr().String(), "in use"}},
		{"health port in use", nil, []string{"run", "--upstream", "demo", "--listen", "127.0.0.1:0", "--admin", "off", "--health", taken.Addr().String()}, 1, []string{taken.Addr().String(), "in use"}},
		{"admin socket in use", nil, []string{"run", "--upstream", "demo", "--listen", "127.0.0.1:0", "--health", "off", "--admin", "unix:" + socket}, 1, []string{socket, "in use", "--admin"}},
		{"status of nobody", nil, []string{"status", "--admin", "127.0.0.1:1"}, 1, []string{"127.0.0.1:1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := command(t, test.env, test.arguments...)
			if code != test.code {
				t.Errorf("ended with %d, want %d", code, test.code)
			}
			for _, say := range test.says {
				if !strings.Contains(stderr, say) {
					t.Errorf("doesn't say %q:\n%s", say, stderr)
				}
			}
			if stdout != "" {
				t.Errorf("standard output should be empty: %q", stdout)
			}
		})
	}
}

// levee run --upstream demo needs nothing else, and levee status says how it goes.
func TestDemoAndStatus(t *testing.T) {
	l := start(t, setup{args: []string{"--upstream", "demo", "--listen", "127.0.0.1:0"}})
	answer, err := http1().Get("http://" + l.addresses[0] + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	seen, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(seen), "X-Request-Id: ") {
		t.Errorf("%s %v\n%s", answer.Status, err, seen)
	}

	admin := "unix:" + filepath.Join(filepath.Dir(l.file), "admin")
	code, stdout, stderr := command(t, nil, "status", "--admin", admin)
	t.Logf("levee status:\n%s", stdout)
	if code != 0 || !strings.Contains(stdout, "All is well") {
		t.Errorf("ended with %d: %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = command(t, []string{"LEVEE_ADMIN=" + admin}, "status", "--json")
	if code != 0 || !json.Valid([]byte(stdout)) {
		t.Errorf("ended with %d: %s%s", code, stdout, stderr)
	}
}

// Every flag has a variable; the flag wins over it, and both over the file.
func TestFlagsOverVariablesOverFile(t *testing.T) {
	named := func(name string) string {
		return "http://" + origin(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) })
	}
	file, variable, flag := named("file"), named("variable"), named("flag")
	config := fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
routes: [{upstream: origin}]
upstreams: [{name: origin, endpoints: ["%s"]}]
`, file)
	for _, test := range []struct {
		want string
		env  []string
		args []string
	}{
		{"file", nil, nil},
		{"variable", []string{"LEVEE_UPSTREAM=" + variable}, nil},
		{"flag", []string{"LEVEE_UPSTREAM=" + variable}, []string{"--upstream", flag}},
		{"file", []string{"LEVEE_UPSTREAM="}, nil},
	} {
		l := start(t, setup{config: config, env: test.env, args: test.args})
		if _, body, err := get(http1To(l.addresses[0]), "/"); err != nil || body != test.want {
			t.Errorf("%v %v: %q answers (%v), want %q", test.env, test.args, body, err, test.want)
		}
	}
}

// http1To is a client that goes to one address whatever the URL says.
func http1To(address string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}}}
}

// The shells themselves accept what levee completion prints for them.
func TestCompletions(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			code, script, stderr := command(t, nil, "completion", shell)
			if code != 0 || !strings.Contains(script, "levee") {
				t.Fatalf("ended with %d: %s", code, stderr)
			}
			program, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("%s isn't installed", shell)
			}
			check := exec.Command(program, "-n")
			check.Stdin = strings.NewReader(script)
			if output, err := check.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, output)
			}
		})
	}
	code, words, stderr := command(t, nil, "__complete", "run", "--up")
	if code != 0 || !strings.Contains(words, "--upstream") {
		t.Errorf("ended with %d: %s%s", code, words, stderr)
	}
}
