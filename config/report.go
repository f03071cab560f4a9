package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxProblems bounds how many problems are kept: a megabyte can hold hundreds
// of thousands, and nobody reads on after the first page.
const maxProblems = 1000

// report collects the problems of one configuration.
type report struct {
	name  string
	lines []string

	problems []Problem
	seen     map[Problem]bool
	more     int
}

func newReport(name string, text string) *report {
	return &report{name: name, lines: splitLines(text), seen: map[Problem]bool{}}
}

// add notes a problem, once: what an alias repeats is the same problem.
func (r *report) add(at position, kind Kind, format string, args ...any) {
	p := r.problem(at, kind, fmt.Sprintf(format, args...))
	switch {
	case r.seen[p]:
	case r.full():
		r.more++
	default:
		r.seen[p] = true
		r.problems = append(r.problems, p)
	}
}

// full reports whether further problems are only counted.
func (r *report) full() bool { return len(r.problems) >= maxProblems }

func (r *report) problem(at position, kind Kind, message string) Problem {
	p := Problem{File: r.name, Kind: kind, Message: message}
	if at.flag != "" {
		p.File = at.flag
		return p
	}
	p.Line, p.Column = at.line, at.column
	if 1 <= at.line && at.line <= len(r.lines) {
		p.SourceLine = maskUserinfo(r.lines[at.line-1])
	}
	return p
}

// err returns what was found as an *Error, or nil if nothing was.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, byPlace)
	return &Error{Problems: r.problems, More: r.more}
}

// byPlace orders problems as in the file; those of flags come first.
func byPlace(a, b Problem) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// splitLines cuts a text where YAML sees the end of a line, so that numbers
// mean the same line here and in the parser.
func splitLines(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Split(lineBreaks.Replace(text), "\n")
}

var lineBreaks = strings.NewReplacer("\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// userinfo is a user and password in a URL. None belong into a configuration;
// someone who wrote one all the same shouldn't find it in a log.
var userinfo = regexp.MustCompile(`://[^/?#\s"'@]*(?:@[^/?#\s"'@]*)*@`)

func maskUserinfo(text string) string { return userinfo.ReplaceAllString(text, "://***@") }
