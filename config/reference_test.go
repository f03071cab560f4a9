package config

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the reference in docs/configuration.md anew")

const (
	guidePath     = "../docs/configuration.md"
	referenceMark = "<!-- From here on this file is made from config/types*.go: go test ./config -run TestReference -update -->\n"
)

// TestReference holds the reference in docs/configuration.md to the types.
func TestReference(t *testing.T) {
	guide, err := os.ReadFile(guidePath)
	if err != nil {
		t.Fatal(err)
	}
	written, old, marked := strings.Cut(string(guide), referenceMark)
	if !marked {
		t.Fatalf("%s has no line %s", guidePath, referenceMark)
	}
	want := reference()
	if old == want {
		return
	}
	if !*update {
		t.Fatalf("%s doesn't say what config/types*.go say; run: go test ./config -run TestReference -update", guidePath)
	}
	if err := os.WriteFile(guidePath, []byte(written+referenceMark+want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// reference describes every key, a table for each struct.
func reference() string {
	var b strings.Builder
	b.WriteString("\n## Reference\n")
	for _, s := range sections() {
		about := comments()[s.typ.Name()]
		if s.places[0] == "" {
			about = schemaDescription
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", s.title(), about)
		b.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
		for _, f := range fieldsOf(s.typ) {
			ft := s.typ.Field(f.index).Type
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, valueOf(ft, f), defaultOf(ft, f), cell(comments()[s.typ.Name()+"."+f.goName]))
		}
	}
	return b.String()
}

// section is one struct type and the places where it is used.
type section struct {
	typ    reflect.Type
	places []string
}

func (s *section) title() string {
	if s.places[0] == "" {
		return "The file"
	}
	places := make([]string, len(s.places))
	for i, p := range s.places {
		places[i] = "`" + p + "`"
	}
	return strings.Join(places, ", ")
}

// sections returns the struct types in the order in which a reader meets them.
func sections() []*section {
	var found []*section
	var walk func(t reflect.Type, place string)
	walk = func(t reflect.Type, place string) {
		switch t.Kind() {
		case reflect.Pointer:
			walk(t.Elem(), place)
		case reflect.Slice:
			walk(t.Elem(), place+"[]")
		case reflect.Struct:
			if i := slices.IndexFunc(found, func(s *section) bool { return s.typ == t }); i >= 0 {
				found[i].places = append(found[i].places, place)
				return
			}
			found = append(found, &section{t, []string{place}})
			for _, f := range fieldsOf(t) {
				walk(t.Field(f.index).Type, join(place, f.name))
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
	return found
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// valueOf says what a key takes.
func valueOf(t reflect.Type, f field) string {
	switch {
	case t.Kind() == reflect.Pointer:
		return valueOf(t.Elem(), f)
	case t.Kind() == reflect.Struct:
		return "mapping"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return "list of mappings"
	case t.Kind() == reflect.Slice:
		return "list of: " + valueOf(t.Elem(), f)
	case t == durationType:
		return fmt.Sprintf("duration, %s to %s", f.min, f.max)
	case t == sizeType:
		return fmt.Sprintf("size, %s to %s", f.min, f.max)
	case t.Kind() == reflect.Bool:
		return "`true`, `false`"
	case t.Kind() == reflect.Int:
		return fmt.Sprintf("whole number, %s to %s", f.min, f.max)
	case t.Kind() == reflect.Float64:
		return fmt.Sprintf("number, %s to %s", f.min, f.max)
	case len(f.enum) > 0:
		return "`" + strings.Join(f.enum, "`, `") + "`"
	case f.format != nil:
		return cell(f.format.what)
	}
	return "text"
}

func defaultOf(t reflect.Type, f field) string {
	switch {
	case f.required:
		return "required"
	case f.fallback != "":
		return "`" + f.fallback + "`"
	case t.Kind() == reflect.Struct:
		return "as below"
	}
	return ""
}

// block is a fenced block of the guide.
type block struct{ info, text string }

func guideBlocks(t *testing.T) []block {
	t.Helper()
	guide, err := os.ReadFile(guidePath)
	if err != nil {
		t.Fatal(err)
	}
	written, _, _ := strings.Cut(string(guide), referenceMark)
	var blocks []block
	parts := strings.Split(written, "```")
	for i := 1; i < len(parts); i += 2 {
		info, text, _ := strings.Cut(parts[i], "\n")
		blocks = append(blocks, block{info, text})
	}
	return blocks
}

// TestGuideExamples reads every configuration that the guide shows. One that
// is shown to be wrong is followed by what is said about it.
func TestGuideExamples(t *testing.T) {
	env := func(name string) (string, bool) {
		value, set := map[string]string{"FEATURES_URL": "http://10.0.0.7:8080", "POD_IP": "10.1.2.3"}[name]
		return value, set
	}
	count := 0
	blocks := guideBlocks(t)
	for i, b := range blocks {
		if b.info != "yaml" {
			continue
		}
		count++
		var want string
		if i+1 < len(blocks) && blocks[i+1].info == "text" {
			want = strings.TrimSpace(blocks[i+1].text)
		}
		_, err := Parse("levee.yaml", []byte(b.text), env)
		if message(err) != want {
			t.Errorf("%s\ngot  %v\nwant %s", b.text, err, want)
		}
	}
	if count < 4 {
		t.Errorf("the guide has %d examples", count)
	}
}
