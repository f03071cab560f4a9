package config

import (
	"fmt"
	"strings"
	"testing"
)

// with returns the minimal configuration with more below it.
func with(more string) string { return minimal + more }

// wantProblems wants these problems of a configuration, a line each, without the
// file's name; "": it has none.
func wantProblems(t *testing.T, text, want string) {
	t.Helper()
	if want != "" {
		want = "levee.yaml:" + strings.ReplaceAll(want, "\n", "\nlevee.yaml:")
	}
	if got := problems(text); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestProblems shows each rule broken once: 'where: what is wrong, what would
// be right'.
func TestProblems(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		// The file as a whole.
		{"empty", "", "1:1: is empty; a configuration begins with: apiVersion: levee/v1 [empty]"},
		{"only comments", "# nothing\n", "1:1: is empty; a configuration begins with: apiVersion: levee/v1 [empty]"},
		{"only a marker", "---\n", "2:1: must be a mapping that begins with apiVersion: levee/v1, and is empty [type]"},
		{"a list", "- a\n", "1:1: must be a mapping that begins with apiVersion: levee/v1, and is a list [type]"},
		{"two documents", minimal + "---\n" + minimal, "7:1: a second document begins here; one file holds one configuration, so put it into a file of its own or drop the --- [documents]"},
		{"an end without a second document", minimal + "...\n", ""},

		// Syntax.
		{"unclosed bracket", "a: [1\nb: 2\n", "2:2: is not YAML: did not find expected ',' or ']' while parsing a flow sequence [syntax]"},
		{"unclosed to the end", "a: [1\n", "1:4: is not YAML: did not find expected ',' or ']' while parsing a flow sequence [syntax]"},
		{"unclosed quote", "a: 'x\n", "1:4: is not YAML: found unexpected end of stream while scanning a quoted scalar [syntax]"},
		{"tab", "a:\n\t- b\n", "2:1: a tab can't indent YAML; use spaces [syntax]"},
		{"unknown alias", "a: *x\n", "1:4: is not YAML: unknown anchor 'x' referenced [syntax]"},
		{"not UTF-8", "a: b\nc: \xff\n", "2:4: is not UTF-8; save the file as UTF-8 [syntax]"},
		{"control character", "a: b\nä: \x01\n", "2:4: has a control character here, which YAML forbids; remove it [syntax]"},
		{"UTF-16", "\xff\xfea\x00", "1:1: is not UTF-8; save the file as UTF-8 [syntax]"},
		{"variable in braces", with("log: {level: ${A}}\n"), `7:15: is not YAML: inside of { } and [ ] a variable needs quotes, like "${NAME}" [syntax]`},

		// Limits.
		{"too deep", strings.Repeat("[", 40), "1:33: is nested deeper than any configuration [limit]"},
		{"alias in itself", "a: &x [*x]\n", "1:8: the alias *x stands inside of what it stands for [limit]"},
		{"alias bomb", bomb(9), "1:1: has aliases that stand for more than 10000 values; write less with aliases [limit]"},
		{
			"too much from variables", with("forwarding:\n  trusted: [\"${BIG}\", \"${BIG}\", \"${BIG}\"]\n"),
			`8:13: must be a network like 10.0.0.0/8, an address like 10.0.0.7, or "unix", and the value of ${BIG} isn't [variable]` + "\n" +
				`8:23: must be a network like 10.0.0.0/8, an address like 10.0.0.7, or "unix", and the value of ${BIG} isn't [variable]` + "\n" +
				"8:33: has variables that bring more than 1MiB into the configuration, all together; set them to less [limit]",
		},

		// YAML that Levee doesn't take.
		{"merge key", with("log:\n  <<: {level: info}\n"), "8:3: merge keys (<<) are not taken; write the keys out, or let an alias stand for a whole value [yaml-feature]"},
		{"tag", with("log: {level: !!str info}\n"), `7:14: has the tag "!!str"; write the value without a tag [yaml-feature]`},
		{"foreign tag", with("log: !secret x\n"), `7:6: has the tag "!secret"; write the value without a tag [yaml-feature]`},
		{"tagged key", with("!!str log: {}\n"), "7:1: a key can't have a tag; write the key alone [yaml-feature]"},

		// Keys.
		{"unknown key", with("logs: {}\n"), `7:1: there is no key "logs" here; did you mean "log"? (keys: apiVersion, listeners, routes, upstreams, health, admin, forwarding, clients, deadline, priority, limits, engine, state, idempotency, cache, log, shutdown) [unknown-key]`},
		{"unlike any", with("log: {zzzzzz: 1}\n"), `7:7: there is no key "zzzzzz" here (keys: level, format, access) [unknown-key]`},
		{"other case", with("log: {LEVEL: info}\n"), `7:7: there is no key "LEVEL" here; did you mean "level"? (keys: level, format, access) [unknown-key]`},
		{"neighbours swapped", with("log: {lveel: info}\n"), `7:7: there is no key "lveel" here; did you mean "level"? (keys: level, format, access) [unknown-key]`},
		{"key twice", with("log: {level: info}\nlog: {level: warn}\n"), `8:1: the key "log" was given in line 7 already; remove one of the two [duplicate-key]`},
		{"key of more than a word", with("[a]: b\n"), "7:1: a key must be a plain word, and is a list [type]"},
		{"variable as a key", with(`"${A}": b` + "\n"), "7:1: variables stand for values, not for keys; write the key's name [unknown-key]"},
		{
			"missing keys", "routes: [{}]\nupstreams: [{name: a, endpoints: []}]\n",
			"1:1: apiVersion is missing; write apiVersion: levee/v1 [required]\n" +
				"1:10: upstream is missing; write upstream: … [required]\n" +
				"2:34: endpoints is empty; list at least one [required]",
		},
		{
			"nothing to route", "apiVersion: levee/v1\n",
			"1:1: routes is missing; list at least one, like: routes: [{upstream: NAME}] [required]\n" +
				`1:1: upstreams is missing; list at least one, like: upstreams: [{name: NAME, endpoints: ["http://127.0.0.1:8080"]}] [required]`,
		},

		// Types.
		{"text for a mapping", with("log: info\n"), "7:6: must be a mapping, and is text (keys: level, format, access) [type]"},
		{"mapping for a list", strings.Replace(minimal, "- upstream: features", "  upstream: features", 1), "3:3: routes must be a list, and is a mapping; begin each element with a dash [type]"},
		{"text for a list", with("forwarding: {trusted: unix}\n"), "7:23: trusted must be a list, and is text; write it in brackets [type]"},
		{"list for text", with("log: {level: [info]}\n"), "7:14: must be debug, info, warn or error, and is a list [type]"},
		{"empty element", with("forwarding: {trusted: [~]}\n"), "7:24: is an empty element; write a value after the dash, or remove it [type]"},
		{"empty text in a list", with(`forwarding: {trusted: [""]}` + "\n"), `7:24: is empty; write a network like 10.0.0.0/8, an address like 10.0.0.7, or "unix", or remove it [type]`},
		{"yes", with("forwarding: {xForwarded: yes}\n"), `7:26: must be true or false, and "yes" is text; write true [type]`},
		{"Off", with("forwarding: {xForwarded: Off}\n"), `7:26: must be true or false, and "Off" is text; write false [type]`},
		{"quoted true", with("forwarding: {xForwarded: 'True'}\n"), `7:26: must be true or false, and "True" in quotes is text; write true without quotes [type]`},
		{"1 for true", with("forwarding: {xForwarded: 1}\n"), `7:26: must be true or false, and "1" isn't [type]`},
		{"quoted number", with("limits: {headerFields: '50'}\n"), `7:24: must be a whole number from 10 to 10000, and "50" is text; write it without quotes [type]`},
		{"half a number", with("limits: {headerFields: 50.5}\n"), `7:24: must be a whole number from 10 to 10000, and "50.5" isn't [type]`},
		{"true for text", with("log: {level: true}\n"), "7:14: must be debug, info, warn or error, and true is not text to YAML; put it in quotes if it is meant [type]"},
		{"duration without a unit", with("shutdown: {delay: 5}\n"), `7:19: "5" has no unit; write 5ms or 5s [type]`},
		{"size with half a unit", with("limits: {headerBytes: 32K}\n"), `7:23: "32K" has a unit that isn't known; write 32KiB (steps of 1,024) or 32KB (steps of 1,000) [type]`},
		{"octal", with("limits: {headerFields: 0777}\n"), `7:24: "0777" is a number that not everybody reads alike; write it with decimal digits alone [spelling]`},
		{"hexadecimal", with("limits: {headerFields: 0xff}\n"), `7:24: "0xff" is a number that not everybody reads alike; write it with decimal digits alone [spelling]`},
		{"infinite", with("limits: {headerFields: .inf}\n"), `7:24: ".inf" is a number that not everybody reads alike; write it with decimal digits alone [spelling]`},

		// Ranges and words.
		{"too small", with("limits: {headerFields: 9}\n"), `7:24: must be from 10 to 10000, and "9" isn't [range]`},
		{"far too large", with("limits: {headerFields: 1e300}\n"), `7:24: must be from 10 to 10000, and "1e300" isn't [range]`},
		{"too long", with("shutdown: {delay: 11m}\n"), `7:19: must be from 0s to 10m, and "11m" isn't [unit-range]`},
		{"too many bytes", with("limits: {headerBytes: 2MiB}\n"), `7:23: must be from 4KiB to 1MiB, and "2MiB" isn't [unit-range]`},
		{"too many bytes as a number", with("limits: {headerBytes: 2000000}\n"), `7:23: must be from 4KiB to 1MiB, and "2000000" isn't [range]`},
		{"no such word", with("log: {level: warning}\n"), `7:14: must be debug, info, warn or error, and "warning" isn't; did you mean "warn"? [enum]`},
		{"other version", strings.Replace(minimal, "/v1", "/v2", 1), `1:13: must be levee/v1, and "levee/v2" isn't; did you mean "levee/v1"? [enum]`},

		// Variables. What they hold is never shown.
		{"variable not set", with("log: {level: \"${UNSET}\"}\n"), "7:14: needs the variable UNSET, which is not set; set it, or write ${UNSET:-default} [variable]"},
		{"variable with another type", with("shutdown: {delay: \"${SECRET}\"}\n"), "7:19: must be a duration like 800ms, 1.5s or 24h, and the value of ${SECRET} isn't [variable]"},
		{"variable that is no number", with("limits: {headerFields: \"${SECRET}\"}\n"), "7:24: must be a whole number from 10 to 10000, and the value of ${SECRET} isn't [variable]"},
		{"variable that is no bool", with("forwarding: {xForwarded: \"${SECRET}\"}\n"), "7:26: must be true or false, and the value of ${SECRET} isn't [variable]"},
		{"variable that is no word", with("log: {level: \"${SECRET}\"}\n"), "7:14: must be debug, info, warn or error, and the value of ${SECRET} isn't [variable]"},
		{"variable that is no address", with("health: {address: \"${SECRET}\"}\n"), "7:19: must be host:port, :port, unix:/path/to/socket or off, and the value of ${SECRET} isn't [variable]"},
		{"variable that is out of range", with("limits: {headerFields: \"1${N}000\"}\n"), "7:24: must be from 10 to 10000, and the value of ${N} isn't [variable]"},
		{"variable with a bad port", with("health: {address: \":${N}999\"}\n"), ""},
		{"variable with a worse port", with("health: {address: \":${N}99${N}\"}\n"), "7:19: must be host:port, :port, unix:/path/to/socket or off, and the value of ${N} isn't [variable]"},
		{"variable can't add structure", with("health: {address: \"${INJECT}\"}\n"), "7:19: must be host:port, :port, unix:/path/to/socket or off, and the value of ${INJECT} isn't [variable]"},
		{"required and empty", strings.Replace(minimal, "upstream: features", "upstream: ${EMPTY}", 1), "3:13: must be text, and the value of ${EMPTY} is empty [variable]"},
		{"mapping from a variable", with("log: ${A}\n"), "7:6: must be a mapping, and is text (keys: level, format, access) [type]"},
	} {
		t.Run(test.name, func(t *testing.T) { wantProblems(t, test.text, test.want) })
	}
}

// bomb is a document in which each line stands for ten of the one before.
func bomb(lines int) string {
	var b strings.Builder
	b.WriteString("a0: &a0 x\n")
	for i := range lines {
		fmt.Fprintf(&b, "a%d: &a%d [%s*a%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), i)
	}
	return b.String()
}

func TestTooLarge(t *testing.T) {
	want := "levee.yaml: is larger than 1MiB; no configuration needs as much, is it the right file? [limit]"
	if got := problems(strings.Repeat("#", maxBytes+1)); got != want {
		t.Error(got)
	}
	if got := problems(minimal + strings.Repeat("#", maxBytes-len(minimal))); got != "" {
		t.Error(got)
	}
}

func TestManyRoutesAreNotTooMany(t *testing.T) {
	var b strings.Builder
	b.WriteString("apiVersion: levee/v1\nupstreams: [{name: a, endpoints: [\"http://a\"]}]\nroutes:\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "- {match: {pathPrefix: /r%d}, upstream: a}\n", i)
	}
	if cfg := parse(t, b.String()); len(cfg.Routes) != 10_000 {
		t.Errorf("%d routes", len(cfg.Routes))
	}
}

func TestProblemsAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(minimal)
	for i := range 5000 {
		fmt.Fprintf(&b, "k%d: 1\n", i)
	}
	_, err := Parse("levee.yaml", []byte(b.String()), nil)
	e := err.(*Error)
	if len(e.Problems) != maxProblems || e.More != 4000 || !strings.HasSuffix(e.Error(), "\nand 4000 more") {
		t.Errorf("%d problems, %d more", len(e.Problems), e.More)
	}
}

// TestAliasedProblemIsReportedOnce: what stands in one place is wrong once.
func TestAliasedProblemIsReportedOnce(t *testing.T) {
	got := problems(`apiVersion: levee/v1
routes:
- {match: {pathPrefix: /a}, upstream: a, rateLimit: &limit {totl: {}}}
- {match: {pathPrefix: /b}, upstream: a, rateLimit: *limit}
upstreams: [{name: a, endpoints: ["http://a"]}]
`)
	if want := `levee.yaml:3:61: there is no key "totl" here; did you mean "total"? (keys: total, perClient) [unknown-key]`; got != want {
		t.Error(got)
	}
}
