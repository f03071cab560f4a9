package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The names of the files that -write writes, and between which lines of the
// document the tables stand.
const (
	figuresFile  = "benchmarks.json"
	documentFile = "benchmarks.md"
	beginMark    = "<!-- From here on these tables are written by make bench: COMPARE=-write -->"
	endMark      = "<!-- End of the written tables -->"
)

// write puts the report's cases in the place of those that were measured
// before, and writes the tables of all of them anew. Cases that weren't
// measured this time stay as they are.
func (r *report) write(folder string) error {
	file := filepath.Join(folder, figuresFile)
	all, err := readReport(file)
	if err != nil {
		return err
	}
	all.merge(r)
	text, err := all.lines()
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	document := filepath.Join(folder, documentFile)
	page, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	written, err := between(string(page), all.tables())
	if err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	return os.WriteFile(document, []byte(written), 0o644)
}

// lines is the report as JSON with a case a line, so that a difference shows
// which cases were measured again.
func (r *report) lines() ([]byte, error) {
	var text bytes.Buffer
	text.WriteString("{\"cases\": [")
	for i := range r.Cases {
		line, err := json.Marshal(r.Cases[i])
		if err != nil {
			return nil, err
		}
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteByte('\n')
		text.Write(line)
	}
	text.WriteString("\n]}\n")
	return text.Bytes(), nil
}

// readReport reads figures; none if there is no file.
func readReport(file string) (*report, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return &report{}, nil
	}
	if err != nil {
		return nil, err
	}
	r := &report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// merge takes over another report's cases, and sorts all as the program lists
// them. Cases that there are no longer go.
func (r *report) merge(newer *report) {
	var merged []caseResult
	for _, c := range cases() {
		named := func(result caseResult) bool { return result.Name == c.Name }
		if i := slices.IndexFunc(newer.Cases, named); i >= 0 {
			merged = append(merged, newer.Cases[i])
		} else if i := slices.IndexFunc(r.Cases, named); i >= 0 {
			merged = append(merged, r.Cases[i])
		}
	}
	r.Cases = merged
}

// between puts a text between the marks of a page.
func between(page, text string) (string, error) {
	before, rest, ok := strings.Cut(page, beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return "", errors.New("the lines that enclose the tables are missing")
	}
	return before + beginMark + "\n\n" + text + "\n" + endMark + after, nil
}
