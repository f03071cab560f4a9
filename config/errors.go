package config

import (
	"fmt"
	"slices"
	"strings"
)

// Kind sorts problems by the rule that was broken. Editors that use the JSON
// Schema find most kinds by themselves; SemanticKinds lists the others.
type Kind string

// The kinds of problem.
const (
	KindFile         Kind = "file"          // the file can't be read
	KindLimit        Kind = "limit"         // too large, too deep, too many aliases
	KindSyntax       Kind = "syntax"        // not YAML, or not UTF-8
	KindDocuments    Kind = "documents"     // several documents in one file
	KindEmpty        Kind = "empty"         // no document in the file
	KindYAMLFeature  Kind = "yaml-feature"  // merge keys, tags: YAML that Levee doesn't take
	KindDuplicateKey Kind = "duplicate-key" // one key twice in a mapping
	KindUnknownKey   Kind = "unknown-key"   // a key that doesn't exist
	KindType         Kind = "type"          // text for a number, a list for a mapping
	KindSpelling     Kind = "spelling"      // a number whose spelling isn't one that can be taken
	KindRequired     Kind = "required"      // a key that must be there isn't
	KindEnum         Kind = "enum"          // not one of the words allowed
	KindRange        Kind = "range"         // a number that is too small or too large
	KindUnitRange    Kind = "unit-range"    // a duration or a size that is too small or too large
	KindFormat       Kind = "format"        // text that doesn't look as it must
	KindValue        Kind = "value"         // text that looks right and still makes no sense
	KindVariable     Kind = "variable"      // a variable that isn't set or has the wrong value, or ${ that names none
	KindReference    Kind = "reference"     // a name that nothing has
	KindConflict     Kind = "conflict"      // two things that can't both be
	KindFlag         Kind = "flag"          // a flag that doesn't fit the file
	KindWarning      Kind = "warning"       // allowed, and probably not meant
)

// SemanticKinds lists the kinds of problem that a JSON Schema can't express:
// either they are gone once YAML is parsed (syntax, duplicate keys, spelling),
// or they compare values with each other, with units or with the world
// outside. Whatever breaks another rule is rejected by Schema too, and Schema
// never rejects what Parse accepts.
func SemanticKinds() []Kind {
	return []Kind{
		KindFile, KindLimit, KindSyntax, KindDocuments, KindYAMLFeature, KindDuplicateKey, KindSpelling,
		KindUnitRange, KindValue, KindVariable, KindReference, KindConflict, KindFlag, KindWarning,
	}
}

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	// File is the file's name; for a value given by a flag, the flag (--listen).
	File string `json:"file"`
	// Line counts from 1. 0: the problem has no place in the file.
	Line int `json:"line,omitempty"`
	// Column counts characters from 1.
	Column int `json:"column,omitempty"`
	// Kind is the rule that was broken.
	Kind Kind `json:"kind"`
	// Message says what is wrong and what would be right.
	Message string `json:"message"`
	// SourceLine is the line as it stands in the file, without its end.
	SourceLine string `json:"sourceLine,omitempty"`
}

// String returns the problem in one line: file:line:column: message.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// Excerpt returns the problem's line from the file with a caret under the
// column, each line beginning with a margin; empty if there is no line.
func (p Problem) Excerpt() string {
	if p.Line == 0 || p.SourceLine == "" {
		return ""
	}
	text, before := clip([]rune(p.SourceLine), p.Column-1)
	number := fmt.Sprint(p.Line)
	pad := strings.Repeat(" ", len(number))
	return fmt.Sprintf("  %s | %s\n  %s | %s^\n", number, printable(text), pad, indent(before))
}

// excerptWidth is how much of a long line is shown.
const excerptWidth = 120

// clip cuts a long line around the column, and returns the part that stands
// before the column separately as well.
func clip(line []rune, column int) (text, before []rune) {
	column = min(max(column, 0), len(line))
	start := 0
	if len(line) > excerptWidth {
		start = max(0, min(column-excerptWidth/2, len(line)-excerptWidth))
	}
	end := min(len(line), start+excerptWidth)
	return line[start:end], line[start:column]
}

// printable replaces what could steer a terminal: a configuration may come
// from somewhere else than the person who reads the error.
func printable(line []rune) string {
	out := slices.Clone(line)
	for i, r := range out {
		if r != '\t' && (r < ' ' || r >= 0x7f && r <= 0x9f || isBidi(r)) {
			out[i] = '�'
		}
	}
	return string(out)
}

// isBidi reports whether r changes the direction of what follows it.
func isBidi(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f
}

// indent is blank and exactly as wide as text, tabs kept.
func indent(text []rune) string {
	out := make([]rune, len(text))
	for i, r := range text {
		out[i] = ' '
		if r == '\t' {
			out[i] = '\t'
		}
	}
	return string(out)
}

// Error is everything that is wrong with a configuration.
type Error struct {
	// Problems in the order of the file; at most 1,000.
	Problems []Problem
	// More counts the problems that were found and aren't listed.
	More int
	// cause is the operating system's error, if there was one.
	cause error
}

// Error renders every problem with its line from the file and a caret under
// the column.
func (e *Error) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.String())
		if excerpt := p.Excerpt(); excerpt != "" {
			b.WriteByte('\n')
			b.WriteString(strings.TrimSuffix(excerpt, "\n"))
		}
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\nand %d more", e.More)
	}
	return b.String()
}

// Unwrap returns the operating system's error if the file couldn't be read.
func (e *Error) Unwrap() error { return e.cause }
