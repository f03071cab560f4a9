package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/levee-proxy/levee/"
)

// file is one parsed Go file of the repository.
type file struct {
	path string // from the root
	dir  string
	*ast.File
	fset *token.FileSet
}

func (f *file) test() bool { return strings.HasSuffix(f.path, "_test.go") }

func files(t *testing.T) []*file {
	t.Helper()
	var all []*file
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		all = append(all, &file{path: rel, dir: filepath.Dir(rel), File: parsed, fset: fset})
		return nil
	})
	if err != nil || len(all) < 20 {
		t.Fatalf("found %d files, %v", len(all), err)
	}
	return all
}

// mayImport is the direction of imports: who may know whom. The narrowest folder
// that is named counts, and a package within none may import none of ours.
var mayImport = map[string][]string{
	"cmd":                {"config", "proxy", "limiter", "cache", "internal"},
	"internal/admin":     {"config", "proxy", "internal/telemetry", "internal/idempotency"},
	"internal/rehearsal": {"internal/rehearsal", "config", "proxy", "limiter", "cache", "internal/telemetry"},
	"internal/e2e":       {"config", "proxy", "internal"},
	"bench":              {"bench", "config", "proxy", "limiter", "cache", "internal"},
	"proxy":              {"proxy", "cache", "limiter", "config", "internal/telemetry", "internal/idempotency", "internal/prefetch"},
	"cache/storage":      {"internal/prefetch"},
	"internal/telemetry": {"internal/prefetch"},
	// What the proxy is made of knows no telemetry, and nothing of the proxy itself.
	"proxy/internal": {"proxy/internal", "proxy/h1", "cache", "limiter", "config"},
	"proxy/h1":       {"proxy/h1", "proxy/internal/clock", "proxy/internal/streams", "proxy/internal/benchclient"},
}

// allowed is what a folder may import.
func allowed(dir string) []string {
	narrowest := ""
	for folder := range mayImport {
		if within(dir, folder) && len(folder) > len(narrowest) {
			narrowest = folder
		}
	}
	return append([]string{dir}, mayImport[narrowest]...)
}

func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

// TestImportsPointOneWay: config, limiter, cache and telemetry know nothing of
// those who use them.
func TestImportsPointOneWay(t *testing.T) {
	for _, f := range files(t) {
		for _, spec := range f.Imports {
			path, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
			if !ours {
				continue
			}
			ok := false
			for _, a := range allowed(f.dir) {
				ok = ok || within(path, a)
			}
			if !ok {
				t.Errorf("%s imports %s, against the direction of imports", f.path, path)
			}
		}
	}
}

// TestPackagesSayWhatTheyAre: each has a comment.
func TestPackagesSayWhatTheyAre(t *testing.T) {
	said, dirs := map[string]bool{}, map[string]bool{}
	for _, f := range files(t) {
		dirs[f.dir] = true
		if f.Doc != nil {
			said[f.dir] = true
		}
	}
	for dir := range dirs {
		if !said[dir] {
			t.Errorf("package %s has no comment", dir)
		}
	}
}

// forbidden calls, by folder, each with its reason.
var forbidden = []struct {
	where  func(*file) bool
	call   string
	reason string
}{
	{func(f *file) bool { return !f.test() && (within(f.dir, "limiter") || within(f.dir, "cache")) }, "time.Now", "what decides takes the time as an argument, so that it runs in virtual time"},
	{func(f *file) bool { return !f.test() }, "time.Sleep", "a wait that nothing can end; use a timer and a channel"},
	{func(f *file) bool { return f.test() && !usesSynctest(f) }, "time.Sleep", "wait for an event, or use testing/synctest"},
}

func usesSynctest(f *file) bool {
	for _, spec := range f.Imports {
		if spec.Path.Value == `"testing/synctest"` {
			return true
		}
	}
	return false
}

// TestForbiddenCalls keeps clocks out of what decides, and sleeps out of everything.
func TestForbiddenCalls(t *testing.T) {
	for _, f := range files(t) {
		ast.Inspect(f.File, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok {
				return true
			}
			for _, rule := range forbidden {
				if pkg.Name+"."+sel.Sel.Name == rule.call && rule.where(f) {
					t.Errorf("%s: %s: %s", f.fset.Position(n.Pos()), rule.call, rule.reason)
				}
			}
			return true
		})
	}
}

// TestThreatModelNamesRealTests: a row's proof must exist.
func TestThreatModelNamesRealTests(t *testing.T) {
	declared := map[string]bool{}
	for _, f := range files(t) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && f.test() {
				declared[fn.Name.Name] = true
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "docs/threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]*)(…?)`").FindAllStringSubmatch(string(text), -1) {
		named++
		found := declared[m[1]]
		if m[2] != "" {
			for name := range declared {
				found = found || strings.HasPrefix(name, m[1])
			}
		}
		if !found {
			t.Errorf("docs/threat-model.md names %s, which doesn't exist", m[1])
		}
	}
	if named < 20 {
		t.Errorf("only %d tests are named", named)
	}
}

// TestLinksInDocuments: what a page points to in the repository exists.
func TestLinksInDocuments(t *testing.T) {
	pages, _ := filepath.Glob(filepath.Join(root, "*.md"))
	more, _ := filepath.Glob(filepath.Join(root, "docs/*.md"))
	decisions, _ := filepath.Glob(filepath.Join(root, "docs/*/*.md"))
	for _, page := range append(append(pages, more...), decisions...) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#\s]+)`).FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s points to %s: %v", page, m[1], err)
			}
		}
	}
}
