package config

import (
	"fmt"
	"strings"
	"testing"
)

// hostile are files of about a size, each made to be expensive.
func hostile(size int) map[string]string {
	fill := func(prefix, line string) string {
		return prefix + strings.Repeat(line, (size-len(prefix))/len(line))
	}
	numbered := func(prefix, format string) string {
		var b strings.Builder
		b.WriteString(prefix)
		for i := 0; b.Len() < size-100; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	return map[string]string{
		"comments":            fill("", "#\n"),
		"comments and keys":   fill("", "# c\na: b # d\n"),
		"empty lines":         fill("", "\n"),
		"one key twice":       fill("", "a: b\n"),
		"unknown keys":        numbered("", "key%d: 1\n"),
		"elements":            fill("routes:\n", "- {}\n"),
		"empty elements":      fill("routes:\n", "-\n"),
		"flow":                fill("routes: [", "{},"),
		"anchors":             numbered("routes:\n", "- &a%d x\n"),
		"aliases":             fill("a: &a x\nroutes:\n", "- *a\n"),
		"one long key":        fill("", "k") + ": 1\n",
		"one long text":       "apiVersion: " + fill("", "v"),
		"quotes":              fill("apiVersion: '", "''") + "'",
		"explicit keys":       fill("", "? a\n"),
		"variables":           "apiVersion: \"" + fill("", "${A}") + "\"",
		"open variables":      "apiVersion: \"" + fill("", "${") + "\"",
		"dollars":             "apiVersion: \"" + fill("", "$") + "\"",
		"same routes":         fill("apiVersion: levee/v1\nupstreams: [{name: a, endpoints: [\"http://a\"]}]\nroutes:\n", "- {upstream: b}\n"),
		"many listeners":      numbered(minimal+"listeners:\n", "- {address: \"10.0.0.1:%d\"}\n"),
		"many endpoints":      numbered("apiVersion: levee/v1\nroutes: [{upstream: a}]\nupstreams:\n- name: a\n  endpoints:\n", "  - http://h%d\n"),
		"many upstreams":      numbered("apiVersion: levee/v1\nroutes: [{upstream: a}]\nupstreams:\n", "- {name: a%d, endpoints: [\"http://a\"]}\n"),
		"many of both":        numbered("apiVersion: levee/v1\nroutes:\n", "- {upstream: b%d}\n")[:size/2] + numbered("\nupstreams:\n", "- {name: c%d}\n")[:size/2],
		"listeners, one port": numbered(minimal+"listeners:\n", "- {address: \"h%d:1\"}\n"),
		"routes to nowhere":   numbered("apiVersion: levee/v1\nupstreams: [{name: a, endpoints: [\"http://a\"]}]\nroutes:\n", "- {upstream: b%d}\n"),
	}
}

// TestHostileFiles: whatever a file holds, its errors are bounded.
func TestHostileFiles(t *testing.T) {
	for name, text := range hostile(maxBytes / 16) {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("levee.yaml", []byte(text), testEnv)
			if got := len(message(err)); got > maxProblems*1000 {
				t.Errorf("the error has %d bytes", got)
			}
		})
	}
}

// BenchmarkHostileFiles reads files of the largest size. None takes much
// longer than another: no work grows with the square of anything.
func BenchmarkHostileFiles(b *testing.B) {
	for name, text := range hostile(maxBytes) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Parse("levee.yaml", []byte(text), testEnv)
			}
		})
	}
}
