package config

import (
	"strings"
	"testing"
)

// TestWholeConfiguration shows what only the configuration as a whole can show.
func TestWholeConfiguration(t *testing.T) {
	routes := func(list string) string {
		return "apiVersion: levee/v1\nupstreams: [{name: one, endpoints: [\"http://a\"]}, {name: two, endpoints: [\"http://b\"]}]\nroutes:\n" + list
	}
	upstreams := func(list string) string {
		return "apiVersion: levee/v1\nroutes: [{upstream: one}]\nupstreams:\n" + list
	}
	for _, test := range []struct{ name, text, want string }{
		{"upstream misspelled", routes("- {upstream: onne}\n"), `4:14: there is no upstream "onne"; did you mean "one"? [reference]`},
		{"upstream unlike any", routes("- {upstream: features}\n"), `4:14: there is no upstream "features"; there are one or two [reference]`},
		{"upstream from a variable", routes("- {upstream: \"${SECRET}\"}\n"), "4:14: there is no upstream with the value of ${SECRET} for its name [variable]"},
		{"upstream with a bad name is not missing", upstreams("- {name: One, endpoints: [\"http://a\"]}\n"), `4:10: must be lower-case letters, digits and dashes, at most 63, like feature-flags, and "One" isn't [format]`},
		{"name twice", routes("- {name: x, match: {pathPrefix: /a}, upstream: one}\n- {name: x, upstream: one}\n"), `5:10: the route "x" exists already in line 4; give each its own name [conflict]`},
		{"name as another's default", routes("- {match: {pathPrefix: /a}, upstream: one}\n- {name: /a, upstream: one}\n"), `5:10: the route "/a" exists already in line 4; give each its own name [conflict]`},
		{"upstream twice", upstreams("- {name: one, endpoints: [\"http://a\"]}\n- {name: one, endpoints: [\"http://b\"]}\n"), `5:10: the upstream "one" exists already in line 4; give each its own name [conflict]`},
		{
			"same match", routes("- {match: {hosts: [a.b, c.d], pathPrefix: /x}, upstream: one}\n- {match: {hosts: [C.D.], pathPrefix: /x/}, upstream: two}\n"),
			`5:20: "c.d/x" is matched by another route already in line 4; the two can't be told apart, change the host or the path prefix of one [conflict]`,
		},
		{"same host in one route", routes("- {match: {hosts: [a, a]}, upstream: one}\n"), `4:23: "a/" is matched by another route already in line 4; the two can't be told apart, change the host or the path prefix of one [conflict]`},
		{
			"two for everything", routes("- {upstream: one}\n- {upstream: two}\n"),
			`5:3: the path prefix "/" on every host is matched by another route already in line 4; the two can't be told apart, change the host or the path prefix of one [conflict]`,
		},
		{
			"same match from variables", routes("- {match: {hosts: [\"${HOST}\"]}, upstream: one}\n- {match: {hosts: [\"${HOST}\"]}, upstream: two}\n"),
			"5:20: what this route matches is matched by another route already in line 4; the two can't be told apart, change the host or the path prefix of one [variable]",
		},
		{"same path, other host", routes("- {match: {hosts: [a]}, upstream: one}\n- {match: {hosts: [\"*.a\"]}, upstream: one}\n- {upstream: two}\n"), ""},
		{"endpoint twice", upstreams("- {name: one, endpoints: [\"http://a/\", \"http://A\"]}\n"), `4:40: "http://a" is listed twice; remove one of the two [conflict]`},
		{"certificate without key", upstreams("- {name: one, endpoints: [\"https://a\"], tls: {certFile: c}}\n"), "4:57: certFile needs its keyFile; write keyFile: … [conflict]"},
		{"key without certificate", upstreams("- {name: one, endpoints: [\"https://a\"], tls: {keyFile: c}}\n"), "4:56: keyFile needs its certFile; write certFile: … [conflict]"},
		{"certificate twice", with("listeners: [{address: \":1\", tls: {certificates: [{certFile: a, keyFile: b}, {certFile: a, keyFile: b}]}}]\n"), `7:77: the certificate "a" is listed twice; remove one of the two [conflict]`},
		{"listener's key missing", with("listeners: [{address: \":1\", tls: {certificates: [{certFile: a}]}}]\n"), "7:50: keyFile is missing; write the path of a file [required]"},
		{"no certificate at all", with("listeners: [{address: \":1\", tls: {}}]\n"), "7:34: certificates is missing; list at least one [required]"},

		// Addresses.
		{"listeners on one port", with("listeners: [{address: \":1\"}, {address: \":1\"}]\n"), `7:40: ":1" is taken by listeners[0].address already (:1 in line 7); choose another port [conflict]`},
		{"all addresses and one", with("listeners: [{address: \":1\"}, {address: \"10.0.0.1:1\"}]\n"), `7:40: "10.0.0.1:1" is taken by listeners[0].address already (:1 in line 7); choose another port [conflict]`},
		{"IPv6 for all", with("listeners: [{address: \"[::]:1\"}, {address: \"0.0.0.0:1\"}]\n"), `7:44: "0.0.0.0:1" is taken by listeners[0].address already ([::]:1 in line 7); choose another port [conflict]`},
		{"two addresses", with("listeners: [{address: \"10.0.0.2:1\"}, {address: \"10.0.0.1:1\"}]\n"), ""},
		{"any free ports", with("listeners: [{address: \":0\"}, {address: \":0\"}]\n"), ""},
		{"one socket", with("listeners: [{address: \"unix:/a\"}, {address: \"unix:/a\"}]\n"), `7:45: "unix:/a" is taken by listeners[0].address already (unix:/a in line 7); choose another port [conflict]`},
		{"health's default", with("listeners: [{address: \":4482\"}]\n"), `7:23: ":4482" is taken by health.address already (:4482 by default); choose another port [conflict]`},
		{"the default listener", with("health: {address: \":4480\"}\n"), `7:19: ":4480" is taken by listeners[0].address already (:4480 by default); choose another port [conflict]`},
		{"admin on health's", with("admin: {address: \"localhost:4482\"}\n"), `7:18: "localhost:4482" is taken by health.address already (:4482 by default); choose another port [conflict]`},
		{"off takes nothing", with("admin: {address: off}\nhealth: {address: off}\n"), ""},
		{"admin for everybody", with("admin: {address: \":4481\"}\n"), `7:18: ":4481" can be reached by others, who could then stop Levee and read its configuration without a password; write 127.0.0.1:4481 or unix:/path/to/socket [value]`},
		{"admin on the network", with("admin: {address: \"10.0.0.1:4481\"}\n"), `7:18: "10.0.0.1:4481" can be reached by others, who could then stop Levee and read its configuration without a password; write 127.0.0.1:4481 or unix:/path/to/socket [value]`},
		{"admin on IPv6", with("admin: {address: \"[::1]:4481\"}\n"), ""},
		{"long socket", with("admin: {address: \"unix:/" + strings.Repeat("x", 107) + "\"}\n"), `7:18: "unix:/` + strings.Repeat("x", 54) + `…" has a socket's path of 108 bytes; the system takes at most 107, choose a shorter one [value]`},
		{"socket just short enough", with("admin: {address: \"unix:/" + strings.Repeat("x", 106) + "\"}\n"), ""},
		{"port too high", with("health: {address: \":65536\"}\n"), `7:19: ":65536" has the port 65536; ports go from 1 to 65535 [value]`},
		{"port alone", with("health: {address: 4482}\n"), `7:19: "4482" has no colon; write ":4482" [format]`},

		// Loops.
		{"loop by default", upstreams("- {name: one, endpoints: [\"http://127.0.0.1:4480\"]}\n"), `4:27: "http://127.0.0.1:4480" is Levee's own listener by default, so requests would go round forever; write where the service itself listens [conflict]`},
		{"admin port by default", upstreams("- {name: one, endpoints: [\"http://localhost:4481\"]}\n"), `4:27: "http://localhost:4481" is Levee's own admin port by default, so every client could stop Levee and read its configuration; write where the service itself listens [conflict]`},
		{"loop by name", upstreams("- {name: one, endpoints: [\"h2c://localhost:4480\"]}\n"), `4:27: "h2c://localhost:4480" is Levee's own listener by default, so requests would go round forever; write where the service itself listens [conflict]`},
		{"loop by wildcard", upstreams("- {name: one, endpoints: [\"http://0.0.0.0:4480\"]}\n"), `4:27: "http://0.0.0.0:4480" is Levee's own listener by default, so requests would go round forever; write where the service itself listens [conflict]`},
		{"same port elsewhere", upstreams("- {name: one, endpoints: [\"http://10.0.0.1:4480\", \"http://other:4480\"]}\n"), ""},
		{"other loopback", upstreams("- {name: one, endpoints: [\"http://127.0.0.2:4480\"]}\nlisteners: [{address: \"127.0.0.1:4480\"}]\n"), ""},
		{
			"loop to an address", upstreams("- {name: one, endpoints: [\"http://10.0.0.1:80\"]}\nlisteners: [{address: \"10.0.0.1:80\"}]\n"),
			`4:27: "http://10.0.0.1:80" is Levee's own listener in line 5, so requests would go round forever; write where the service itself listens [conflict]`,
		},
		{
			"loop to a socket", upstreams("- {name: one, endpoints: [\"unix+h2c:/a\"]}\nlisteners: [{address: \"unix:/a\"}]\n"),
			`4:27: "unix+h2c:/a" is Levee's own listener in line 5, so requests would go round forever; write where the service itself listens [conflict]`,
		},
	} {
		t.Run(test.name, func(t *testing.T) { wantProblems(t, test.text, test.want) })
	}
}

func TestWarnings(t *testing.T) {
	cfg := parse(t, `apiVersion: levee/v1
routes:
- upstream: used
  rateLimit: {}
- {upstream: used, match: {pathPrefix: /v1/*}}
upstreams:
- name: used
  endpoints: ["http://a"]
  tls: {insecureSkipVerify: true}
  timeouts: {idle: 75s}
- name: unused
  endpoints: ["https://b"]
  storm: {mode: observe, answer: stop}
forwarding: {trusted: [0.0.0.0/0]}
clients: {identity: tls}
`)
	var got []string
	for _, p := range cfg.Warnings() {
		got = append(got, p.String())
	}
	want := `levee.yaml:4:14: caps nothing; write total or perClient below it
levee.yaml:5:40: "/v1/*" has a *, which is taken as it stands; a prefix takes all that is below it without one
levee.yaml:9:8: has no effect: no endpoint begins with https://
levee.yaml:9:29: certificates are not verified: whoever is in between can read and change everything
levee.yaml:10:20: keeps unused connections for 1m15s; if the upstream closes them earlier, requests meet connections that are being closed
levee.yaml:11:9: no route uses the upstream "unused"
levee.yaml:13:34: has no effect: with mode observe, refused clients are told nothing
levee.yaml:14:24: everybody is believed about who they are; list only your own proxies
levee.yaml:15:21: no listener asks clients for a certificate (tls.clientCAFile), so all are told apart by ip`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}
