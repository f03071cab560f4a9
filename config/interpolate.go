package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Env looks up an environment variable, as os.LookupEnv does.
type Env func(name string) (value string, set bool)

// maxInterpolated bounds the text that variables bring into a configuration,
// all together: a short file can name a large variable often.
const maxInterpolated = maxBytes

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// interpolated is a text after its variables were put in.
type interpolated struct {
	text string
	// names are the variables that the text was made from, each once.
	names []string
	// problems are phrases, each about one variable.
	problems []string
}

// interpolate replaces ${VAR} and ${VAR:-default} in one scalar's text. As in
// a shell the default is taken when the variable is not set or empty. $${
// stands for ${ itself. It works on parsed scalars and never on the file's
// bytes, so a value can't add keys, end a quote or become a list.
func interpolate(text string, env Env) interpolated {
	var out interpolated
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		if !found {
			b.WriteString(text)
			break
		}
		if strings.HasSuffix(before, "$") {
			b.WriteString(before[:len(before)-1])
			b.WriteString("${")
			text = after
			continue
		}
		b.WriteString(before)
		expression, rest, closed := strings.Cut(after, "}")
		if !closed {
			out.problems = append(out.problems, "has ${ without a }; write ${NAME}, or $${ for a ${ that is meant as text")
			break
		}
		b.WriteString(out.resolve(expression, env))
		text = rest
	}
	out.text = b.String()
	return out
}

// resolve returns the value of what stands between ${ and }.
func (out *interpolated) resolve(expression string, env Env) string {
	name, fallback, hasFallback := strings.Cut(expression, ":-")
	switch {
	case !variableName.MatchString(name):
		out.problems = append(out.problems, fmt.Sprintf("has ${%.40s}, which names no variable; write ${NAME} or ${NAME:-default}, or $${ for a ${ that is meant as text", expression))
		return ""
	case strings.Contains(fallback, "${"):
		out.problems = append(out.problems, fmt.Sprintf("has a variable inside the default of ${%s}; a default is plain text", name))
		return ""
	}
	out.note(name)
	value, set := env(name)
	switch {
	case value == "" && hasFallback:
		return fallback
	case !set:
		out.problems = append(out.problems, fmt.Sprintf("needs the variable %s, which is not set; set it, or write ${%s:-default}", name, name))
	case !utf8.ValidString(value):
		out.problems = append(out.problems, fmt.Sprintf("takes the variable %s, whose value is not UTF-8", name))
		return ""
	}
	return value
}

func (out *interpolated) note(name string) {
	if !slices.Contains(out.names, name) {
		out.names = append(out.names, name)
	}
}

// escapeVariables is the inverse of interpolate for text that holds ${ itself.
func escapeVariables(text string) string { return strings.ReplaceAll(text, "${", "$${") }

// variablePattern finds a variable in a scalar, for the schema: ${ that no $
// stands before.
const variablePattern = `(?:^|[^$])\$\{[A-Za-z_][A-Za-z0-9_]*(?::-[^}]*)?\}`
