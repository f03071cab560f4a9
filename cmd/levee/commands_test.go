package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// levee runs a command line in this process.
func levee(arguments ...string) (code int, stdout, stderr string) {
	var out, complaint strings.Builder
	code = execute(newRoot(), arguments, &out, &complaint)
	return code, out.String(), complaint.String()
}

func TestVersion(t *testing.T) {
	code, stdout, stderr := levee("version")
	if code != 0 || !strings.HasPrefix(stdout, "levee ") || !strings.Contains(stdout, "go1.") {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
	t.Setenv("LEVEE_JSON", "true")
	code, stdout, stderr = levee("version")
	var b build
	if err := json.Unmarshal([]byte(stdout), &b); code != 0 || err != nil || b.Version == "" || b.Go == "" {
		t.Errorf("%d %q %q: %v", code, stdout, stderr, err)
	}
	if _, stdout, _ = levee("version", "--json=false"); !strings.HasPrefix(stdout, "levee ") {
		t.Errorf("the flag doesn't win over its variable: %q", stdout)
	}
}

func TestSchemaIsJSON(t *testing.T) {
	code, stdout, stderr := levee("schema")
	if code != 0 || !json.Valid([]byte(stdout)) {
		t.Errorf("%d %.100q %q", code, stdout, stderr)
	}
}

func TestCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "levee.yaml")
	tests := []struct {
		name, config, stdout, stderr string
		code                         int
	}{
		{"good", "apiVersion: levee/v1\nroutes: [{upstream: a}]\nupstreams: [{name: a, endpoints: [\"http://a\"]}]\n", "ok, 1 listener, 1 route, 1 upstream\n", "", 0},
		{"good, with a warning", "apiVersion: levee/v1\nroutes: [{upstream: a}]\nupstreams: [{name: a, endpoints: [\"http://a\"]}, {name: b, endpoints: [\"http://b\"]}]\n", "2 upstreams\n", "warning: " + file + ":3:", 0},
		{"good, with a state file", "apiVersion: levee/v1\nroutes: [{upstream: a}]\nupstreams: [{name: a, endpoints: [\"http://a\"]}]\nstate: {file: " + file + ".state}\n", "1 upstream\n", "", 0},
		{"good, with a state file nowhere", "apiVersion: levee/v1\nroutes: [{upstream: a}]\nupstreams: [{name: a, endpoints: [\"http://a\"]}]\nstate: {file: /no/such/folder/state}\n", "1 upstream\n", "warning: state.file: stat /no/such/folder: no such file or directory; while that is so, learned limits are lost with a restart\n", 0},
		{"good, with a journal nowhere", "apiVersion: levee/v1\nroutes: [{upstream: a, idempotency: {mode: required}}]\nupstreams: [{name: a, endpoints: [\"http://a\"]}]\nidempotency: {file: /no/such/folder/journal}\n", "1 upstream\n", "warning: idempotency.file: stat /no/such/folder: no such file or directory; while that is so, keyed requests are refused", 0},
		{"good, with a snapshot nowhere", "apiVersion: levee/v1\nroutes: [{upstream: a, cache: {mode: on}}]\nupstreams: [{name: a, endpoints: [\"http://a\"]}]\ncache: {snapshot: {file: /no/such/folder/snapshot}}\n", "1 upstream\n", "warning: cache.snapshot.file: stat /no/such/folder: no such file or directory; while that is so, a restart begins with an empty cache\n", 0},
		{"good, with a certificate nowhere", "apiVersion: levee/v1\nlisteners: [{address: \":8443\", tls: {certificates: [{certFile: /no/such/crt, keyFile: /no/such/key}]}}]\nroutes: [{upstream: a}]\nupstreams: [{name: a, endpoints: [\"http://a\"]}]\n", "1 upstream\n", "warning: listener :8443: stat /no/such/crt: no such file or directory; while that is so, levee run refuses this configuration\n", 0},
		{"good, with authorities nowhere", "apiVersion: levee/v1\nroutes: [{upstream: a}]\nupstreams: [{name: a, endpoints: [\"https://a\"], tls: {caFile: /no/such/ca}}]\n", "1 upstream\n", "warning: upstream a: stat /no/such/ca: no such file or directory; while that is so, levee run refuses this configuration\n", 0},
		{"bad in two ways", "apiVersion: levee/v1\nroutes: [{upstream: b}]\nupstreams: [{name: a, endpoints: [a]}]\n", "", file + ":2:21: ", 2},
		{"bad in two ways, the second", "apiVersion: levee/v1\nroutes: [{upstream: b}]\nupstreams: [{name: a, endpoints: [a]}]\n", "", file + ":3:35: ", 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(test.config), 0o600); err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := levee("check", file)
			if code != test.code || !strings.HasSuffix(stdout, test.stdout) || !strings.Contains(stderr, test.stderr) {
				t.Errorf("%d %q %q", code, stdout, stderr)
			}
			if (stderr == "") != (test.stderr == "") {
				t.Errorf("standard error: %q", stderr)
			}
		})
	}
}

// Each command helps with an example, and each flag has its variable in the help text.
func TestHelp(t *testing.T) {
	for _, command := range newRoot().Commands() {
		t.Run(command.Name(), func(t *testing.T) {
			if command.Example == "" || command.Short == "" || !strings.Contains(command.Example, command.CommandPath()) {
				t.Error("no example of itself, or no summary")
			}
			code, stdout, stderr := levee(command.Name(), "--help")
			if code != 0 || stderr != "" {
				t.Errorf("%d %q", code, stderr)
			}
			command.LocalFlags().VisitAll(func(flag *pflag.Flag) {
				if flag.Name != "help" && !isUnbound(flag) && !strings.Contains(stdout, "[$"+variable(flag.Name)+"]") {
					t.Errorf("--%s: %s isn't in the help text", flag.Name, variable(flag.Name))
				}
			})
		})
	}
}

func TestFromEnvironment(t *testing.T) {
	environment := map[string]string{"LEVEE_LOG_LEVEL": "debug", "LEVEE_LISTEN": ":1", "LEVEE_ADMIN": "", "LEVEE_HELP": "true", "LEVEE_COUNT": "many", "LEVEE_WAIT": "long"}
	getenv := func(name string) string { return environment[name] }
	command := &cobra.Command{}
	flags := command.Flags()
	level, listen, admin := flags.String("log-level", "info", ""), flags.String("listen", ":4480", ""), flags.String("admin", "here", "")
	help := flags.Bool("help", false, "")
	if err := flags.Parse([]string{"--listen", ":2"}); err != nil {
		t.Fatal(err)
	}
	if err := fromEnvironment(flags, getenv); err != nil {
		t.Fatal(err)
	}
	if *level != "debug" || *listen != ":2" || *admin != "here" || *help {
		t.Errorf("%q %q %q %v", *level, *listen, *admin, *help)
	}

	flags.Int("count", 1, "")
	flags.Duration("wait", 0, "")
	err := fromEnvironment(flags, getenv)
	for _, want := range []string{`LEVEE_COUNT="many"`, "--count", `LEVEE_WAIT="long"`, "--wait"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v doesn't say %s", err, want)
		}
	}
}
