package config

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// A configuration comes from people, templates and whoever may write into a
// ConfigMap. None of them may make Levee run out of memory or time.
const (
	// maxBytes is looked at before anything is parsed.
	maxBytes = 1 << 20
	// maxDepth is far more than the configuration's own depth, and far less
	// than what recursion can bear.
	maxDepth = 32
	// maxAliased bounds the nodes that aliases add: nine lines of aliases to
	// aliases ("billion laughs") stand for more nodes than fit in memory.
	maxAliased = 10_000
	// maxValues bounds what a megabyte can be made of: dashes alone would
	// stand for half a million upstreams. 10,000 routes need some 100,000.
	maxValues = 250_000
)

// parseDocument turns bytes into YAML's node tree, and reports whatever keeps
// it from being one. nil: there is no tree, and the reason is in the report.
func parseDocument(r *report, data []byte) *yaml.Node {
	if at, problem := findForbidden(data); problem != "" {
		r.add(at, KindSyntax, "%s", problem)
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		r.add(position{}, KindSyntax, "can't be parsed: %v", err)
		return nil
	}
	var document, second yaml.Node
	switch err := loader.Load(&document); {
	case errors.Is(err, io.EOF):
		r.add(position{line: 1, column: 1}, KindEmpty, "is empty; a configuration begins with: apiVersion: levee/v1")
		return nil
	case err != nil:
		addSyntax(r, err)
		return nil
	}
	switch err := loader.Load(&second); {
	case err == nil:
		at := position{line: second.Line, column: second.Column}
		r.add(at, KindDocuments, "a second document begins here; one file holds one configuration, so put it into a file of its own or drop the ---")
		return nil
	case !errors.Is(err, io.EOF):
		addSyntax(r, err)
		return nil
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		r.add(position{line: 1, column: 1}, KindEmpty, "is empty; a configuration begins with: apiVersion: levee/v1")
		return nil
	}
	root := document.Content[0]
	if !checkAliases(r, root) {
		return nil
	}
	return root
}

// addSyntax reports an error of the YAML library at its place in the file.
func addSyntax(r *report, err error) {
	loadErr, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		r.add(position{}, KindSyntax, "is not YAML: %s", err)
		return
	}
	at := position{line: loadErr.Mark.Line, column: max(1, loadErr.Mark.Column)}
	if at.line > len(r.lines) || at.line == len(r.lines) && r.lines[at.line-1] == "" {
		// The end of the file is where the parser noticed; what was begun and
		// never ended is where the mistake is.
		if loadErr.ContextMark.Line > 0 {
			at = position{line: loadErr.ContextMark.Line, column: max(1, loadErr.ContextMark.Column)}
		}
	}
	kind := KindSyntax
	message := loadErr.Message
	if strings.Contains(message, "max depth") {
		kind, message = KindLimit, "is nested deeper than any configuration"
	} else if loadErr.ContextMsg != "" {
		message += " " + loadErr.ContextMsg
	}
	switch {
	case strings.Contains(message, "tab character"), strings.Contains(message, "cannot start any token") && strings.Contains(r.line(at.line), "\t"):
		message = "a tab can't indent YAML; use spaces"
	case kind == KindSyntax && strings.Contains(message, "flow") && strings.Contains(r.line(at.line), "${"):
		message = `is not YAML: inside of { } and [ ] a variable needs quotes, like "${NAME}"`
	case kind == KindSyntax:
		message = "is not YAML: " + message
	}
	r.add(at, kind, "%s", message)
}

// line returns the text of a line, empty if there is none.
func (r *report) line(n int) string {
	if n < 1 || n > len(r.lines) {
		return ""
	}
	return r.lines[n-1]
}

// findForbidden looks for bytes that can't be in a YAML file. The library
// would find them too, without saying where; and it would read UTF-16, in
// which our columns were wrong.
func findForbidden(data []byte) (at position, problem string) {
	at = position{line: 1, column: 1}
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		switch {
		case c == utf8.RuneError && size <= 1:
			return at, "is not UTF-8; save the file as UTF-8"
		case c == '\n' || c == '\u0085' || c == '\u2028' || c == '\u2029',
			c == '\r' && !(i+1 < len(data) && data[i+1] == '\n'):
			at = position{line: at.line + 1}
		case c == '\t' || c == '\r':
		case c < ' ' || c >= 0x7f && c < 0xa0 || c == 0xfffe || c == 0xffff || c == '\ufeff':
			return at, "has a control character here, which YAML forbids; remove it"
		}
		at.column++
		i += size
	}
	return at, ""
}

// checkAliases refuses aliases that contain themselves or stand for too much.
func checkAliases(r *report, root *yaml.Node) bool {
	c := aliasCounter{report: r, weight: map[*yaml.Node]int{}}
	weight := c.count(root)
	if c.failed {
		return false
	}
	if c.written > maxValues {
		r.add(position{line: root.Line, column: root.Column}, KindLimit,
			"has more than %d values; no configuration needs as many, is it the right file?", maxValues)
		return false
	}
	if aliased := weight - c.written; aliased > maxAliased {
		r.add(position{line: root.Line, column: root.Column}, KindLimit,
			"has aliases that stand for more than %d values; write less with aliases", maxAliased)
		return false
	}
	return true
}

// aliasCounter weighs a tree as if every alias were written out, without
// writing them out: each node is weighed once.
type aliasCounter struct {
	*report
	weight  map[*yaml.Node]int
	written int
	failed  bool
}

// weighing marks a node whose weight is being found: to meet it again is a circle.
const weighing = -1

func (c *aliasCounter) count(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		if w := c.weight[n.Alias]; w > 0 {
			return w
		}
		c.failed = true
		c.add(position{line: n.Line, column: n.Column}, KindLimit, "the alias *%s stands inside of what it stands for", n.Value)
		return 1
	}
	c.written++
	c.weight[n] = weighing
	total := 1
	for _, child := range n.Content {
		total = min(total+c.count(child), maxBytes*maxAliased)
	}
	c.weight[n] = total
	return total
}
