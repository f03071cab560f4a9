package config

import (
	"slices"
	"strings"
	"testing"
)

// testVariables are the variables that tests can use.
var testVariables = map[string]string{
	"A": "alpha", "B": "beta", "EMPTY": "", "INJECT": "x\nroutes: []", "BINARY": "\xff", "NESTED": "${A}",
	"T": "800ms", "N": "42", "YES": "true", "SECRET": "hunter2", "HOST": "Secret.example.com", "F": "2.5", "BIG": strings.Repeat("x", 1<<19),
}

func testEnv(name string) (string, bool) {
	value, set := testVariables[name]
	return value, set
}

func TestInterpolate(t *testing.T) {
	for _, test := range []struct {
		text, want string
		names      []string
		problem    string
	}{
		{"plain", "plain", nil, ""},
		{"${A}", "alpha", []string{"A"}, ""},
		{"x${A}y${B}z${A}", "xalphaybetazalpha", []string{"A", "B"}, ""},
		{"${A:-x}", "alpha", []string{"A"}, ""},
		{"${UNSET:-x}", "x", []string{"UNSET"}, ""},
		{"${UNSET:-}", "", []string{"UNSET"}, ""},
		{"${UNSET:-a:-b}", "a:-b", []string{"UNSET"}, ""},
		{"${EMPTY}", "", []string{"EMPTY"}, ""},
		{"${EMPTY:-x}", "x", []string{"EMPTY"}, ""},
		{"$A and $", "$A and $", nil, ""},
		{"$${A}", "${A}", nil, ""},
		{"$$${A}", "$${A}", nil, ""},
		{"$${", "${", nil, ""},
		{"$${A}${A}", "${A}alpha", []string{"A"}, ""},
		// What a variable holds is text, whatever it looks like.
		{"${NESTED}", "${A}", []string{"NESTED"}, ""},
		{"${INJECT}", "x\nroutes: []", []string{"INJECT"}, ""},
		{"${UNSET}", "", nil, "needs the variable UNSET, which is not set; set it, or write ${UNSET:-default}"},
		{"${A", "", nil, "has ${ without a }; write ${NAME}, or $${ for a ${ that is meant as text"},
		{"${}", "", nil, "has ${}, which names no variable; write ${NAME} or ${NAME:-default}, or $${ for a ${ that is meant as text"},
		{"${A-b}", "", nil, "has ${A-b}, which names no variable; write ${NAME} or ${NAME:-default}, or $${ for a ${ that is meant as text"},
		{"${A:-${B}}", "", nil, "has a variable inside the default of ${A}; a default is plain text"},
		{"${BINARY}", "", nil, "takes the variable BINARY, whose value is not UTF-8"},
	} {
		got := interpolate(test.text, testEnv)
		if test.problem != "" {
			if !slices.Equal(got.problems, []string{test.problem}) {
				t.Errorf("%s: problems %q, want %q", test.text, got.problems, test.problem)
			}
			continue
		}
		if got.text != test.want || !slices.Equal(got.names, test.names) || len(got.problems) > 0 {
			t.Errorf("%s is %q of %q with problems %q; want %q of %q", test.text, got.text, got.names, got.problems, test.want, test.names)
		}
	}
}

func TestInterpolateFindsEveryProblem(t *testing.T) {
	if got := interpolate("${X}${Y}${!}", testEnv); len(got.problems) != 3 {
		t.Errorf("%q", got.problems)
	}
}

func FuzzInterpolate(f *testing.F) {
	for _, text := range []string{"", "${A}", "$${A}", "$$${A}", "${A:-b}", "${", "}", "${A:-${B}}", "a$b${UNSET:-c}d", "${EMPTY}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		in := interpolate(text, testEnv)
		// What is escaped comes back as it was, and names no variable.
		back := interpolate(escapeVariables(text), testEnv)
		if back.text != text || len(back.names) > 0 || len(back.problems) > 0 {
			t.Errorf("%q escaped is %q of %q with problems %q", text, back.text, back.names, back.problems)
		}
		if !strings.Contains(text, "${") && in.text != text {
			t.Errorf("%q became %q without a variable in it", text, in.text)
		}
		// The schema must let pass whatever has a variable in it.
		if len(in.names) > 0 && len(in.problems) == 0 && !variableRegexp.MatchString(text) {
			t.Errorf("the schema's pattern sees no variable in %q", text)
		}
	})
}
