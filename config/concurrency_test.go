package config

import "testing"

func TestConcurrency(t *testing.T) {
	up := func(concurrency string) string {
		return "apiVersion: levee/v1\nroutes: [{upstream: one}]\nupstreams:\n- name: one\n  endpoints: [\"http://a\"]\n  concurrency: " + concurrency + "\n"
	}
	for _, test := range []struct{ name, text, want string }{
		{"fixed", up("{mode: fixed, limit: 20}"), ""},
		{"fixed without a limit", up("{mode: fixed}"), `6:16: mode fixed needs a limit; write limit: N, the most requests inflight at one endpoint [conflict]`},
		{"limit without fixed", up("{limit: 20}"), `6:24: limit is for mode fixed, and the mode is adaptive; write mode: fixed, or bound the adaptive limit by min and max [conflict]`},
		{"limit with off", up("{mode: off, limit: 20}"), `6:35: limit is for mode fixed, and the mode is off; write mode: fixed, or bound the adaptive limit by min and max [conflict]`},
		{"bounds the wrong way round", up("{min: 5, max: 4}"), `6:22: min is 5 and max is 4; min can't be above max [conflict]`},
		{"initial below min", up("{min: 5, initial: 4}"), `6:34: initial is 4; it must be from min (5) to max (10000) [conflict]`},
		{"initial above max", up("{max: 8, initial: 9}"), `6:34: initial is 9; it must be from min (1) to max (8) [conflict]`},
		{"the default initial gives way", up("{max: 8}"), ""},
		{"status as text or number", up(`{refuseWith: 429}`) + "- {name: two, endpoints: [\"http://b\"], concurrency: {refuseWith: \"503\"}}\n", ""},
		{"another status", up("{refuseWith: 500}"), `6:29: must be auto, 503 or 429, and "500" isn't; did you mean "503"? [enum]`},
		{"no queue", up("{queue: {length: 0}}"), ""},
		{"queue below none", up("{queue: {length: -1}}"), `6:33: must be auto or a whole number from 0 to 1000000, and "-1" isn't [spelling]`},
		{"priority of a name", with("priority: {header: X-Priority}\n"), ""},
	} {
		t.Run(test.name, func(t *testing.T) { wantProblems(t, test.text, test.want) })
	}
}

func TestParsePriority(t *testing.T) {
	for text, want := range map[string]int{
		"critical": 0, "default": 4, "background": 7, "0": 0, "3": 3, "7": 7,
		"": -1, "8": -1, "-1": -1, "07": -1, "Critical": -1, "high": -1,
	} {
		level, ok := ParsePriority(text)
		if ok != (want >= 0) || ok && int(level) != want {
			t.Errorf("%q: %d, %v", text, level, ok)
		}
	}
}

func TestQueueMost(t *testing.T) {
	for _, test := range []struct {
		length string
		most   int
		auto   bool
	}{{"auto", 0, true}, {"0", 0, false}, {"40", 40, false}} {
		if most, auto := (&Queue{Length: test.length}).Most(); most != test.most || auto != test.auto {
			t.Errorf("%s: %d, %v", test.length, most, auto)
		}
	}
}
