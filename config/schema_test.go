package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

var compiledSchema = sync.OnceValue(func() *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("urn:levee:config:v1", doc); err != nil {
		panic(err)
	}
	return c.MustCompile("urn:levee:config:v1")
})

// agree fails the test if schema and decoder disagree about a document, by the
// rule that Schema and SemanticKinds promise. It returns what the decoder says.
func agree(t *testing.T, document []byte, instance any) error {
	t.Helper()
	_, err := Parse("test.yaml", document, nil)
	schemaErr := compiledSchema().Validate(instance)
	if err == nil {
		if schemaErr != nil {
			t.Fatalf("Parse accepts and Schema rejects\n%s\n%v", document, schemaErr)
		}
		return nil
	}
	for _, p := range err.(*Error).Problems {
		if !slices.Contains(SemanticKinds(), p.Kind) {
			if schemaErr == nil {
				t.Fatalf("Parse rejects (%s) and Schema accepts\n%s\n%v", p.Kind, document, err)
			}
			return err
		}
	}
	for _, p := range err.(*Error).Problems {
		if p.Kind == KindVariable || p.Kind == KindSpelling {
			return err // the schema may happen to see it
		}
	}
	if schemaErr != nil {
		t.Fatalf("Parse finds only what a schema can't and Schema rejects\n%s\n%v\n%v", document, err, schemaErr)
	}
	return err
}

// agreeJSON is agree for a document made of Go values: JSON is YAML.
func agreeJSON(t *testing.T, document any) error {
	t.Helper()
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return agree(t, text, instance)
}

// formatSamples are texts that have a format and texts that don't.
var formatSamples = map[string]struct{ good, bad []string }{
	"address":         {[]string{":0", "127.0.0.1:0", "[::1]:0", "unix:/run/levee.sock", "localhost:0"}, []string{"4480", "http://a:1", "a", "[::1:80", ":", "a b:1", "::1:80", ":080"}},
	"address-or-off":  {[]string{":0", "off", "unix:/run/health.sock"}, []string{"on", "4482", "off "}},
	"admin-address":   {[]string{"127.0.0.1:0", "off", "unix:/run/admin.sock", "[::1]:0"}, []string{"127.0.0.1", "/run/x"}},
	"endpoint":        {[]string{"http://10.0.0.7:8080", "https://example.com", "h2c://a.b/", "unix:/x", "unix+h2c:/x", "http://[::1]:80"}, []string{"10.0.0.7", "ftp://x", "http://x/y", "http://u:p@x", "http://x?y", "unix:x", "HTTP://x"}},
	"hostname":        {[]string{"a", "API.example.com", "a.b.", "10.0.0.1"}, []string{"*.a", "a:1", "a..b", "-a", "a b", "http://a"}},
	"hostpattern":     {[]string{"a", "*.example.com", "x_y.z"}, []string{"a.*.b", "*", "*a.b", "a/b"}},
	"hostmode":        {[]string{"preserve", "endpoint", "a.b:80", "[::1]:80"}, []string{"a b", "a:b", "http://a"}},
	"pathprefix":      {[]string{"/", "/v1", "/v1/", "/a-b/c:d"}, []string{"v1", "/a?b", "/a%20", "/a b", "*"}},
	"path-absolute":   {[]string{"/", "/healthz?full=1"}, []string{"healthz", "/a b", "/a#b"}},
	"path":            {[]string{"/etc/x.pem", "x y.pem", "1"}, []string{"a\nb", "\x01"}},
	"name":            {[]string{"a", "a-b", "123"}, []string{"A", "-a", "a_b", "a b", strings.Repeat("a", 64)}},
	"routename":       {[]string{"a", "a/b", "*.x/y"}, []string{"a b", `a"b`, `a\b`}},
	"header":          {[]string{"X-Request-Id", "x", "1"}, []string{"a b", "a:", "(x)"}},
	"header-value":    {[]string{"application/json", "a b\tc", "1"}, []string{" a", "a ", "a\nb", "\x00"}},
	"cookie":          {[]string{"session", "a-b", "1"}, []string{"a b", "a=b", "a;"}},
	"query-parameter": {[]string{"utm_*", "page", "1", "a[]"}, []string{"*", "a*b", "a=b", "a&b", "a b"}},
	"identity":        {[]string{"ip", "tls", "jwt", "header:X-Key"}, []string{"cookie", "header:", "header:a b", "IP"}},
	"priority":        {[]string{"critical", "default", "background", "0", "7"}, []string{"8", "-1", "high", "1.5", "Critical"}},
	"retry-attempts":  {[]string{"auto", "0", "2", "10"}, []string{"none", "-1", "01", "11", "1.5", "AUTO"}},
	"method":          {[]string{"GET", "PROPFIND", "X-1"}, []string{"GET POST", "", "a/b"}},
	"hedge-after":     {[]string{"off", "p95", "50ms", "1m30s"}, []string{"p99", "50", "-1s", "OFF"}},
	"queue-length":    {[]string{"auto", "0", "16", "1000000"}, []string{"none", "-1", "01", "1000001", "1.5", "AUTO"}},
	"cidr":            {[]string{"10.0.0.0/8", "::1", "unix"}, []string{"10.0.0.0/", "a.b.c.g", "unix:", "10.0.0.0/8/8"}},
}

func TestEveryFormatHasSamples(t *testing.T) {
	for name, f := range formats {
		samples, ok := formatSamples[name]
		if !ok || len(samples.good) == 0 || len(samples.bad) == 0 {
			t.Errorf("%s: no samples", name)
		}
		for _, s := range samples.good {
			if !f.pattern.MatchString(s) {
				t.Errorf("%s: %q is refused", name, s)
			}
		}
		for _, s := range samples.bad {
			if f.pattern.MatchString(s) {
				t.Errorf("%s: %q is accepted", name, s)
			}
		}
	}
}

// formatName returns the name of a field's format.
func formatName(f field) string {
	for name, format := range formats {
		if format == f.format {
			return name
		}
	}
	return ""
}

// generator makes random documents and knows where their values are.
type generator struct {
	*rand.Rand
	// all keys rather than some.
	all   bool
	slots []slot
}

// slot is one value of a generated document that can be changed.
type slot struct {
	path  string
	typ   reflect.Type
	field field
	get   func() any
	set   func(any)
	drop  func() // nil for a list's element
}

func (g *generator) object(t reflect.Type, path string) map[string]any {
	m := map[string]any{}
	for _, f := range fieldsOf(t) {
		if !f.required && !g.all && g.IntN(2) == 0 {
			continue
		}
		typ := t.Field(f.index).Type
		m[f.name] = g.value(typ, f, join(path, f.name))
		g.slots = append(g.slots, slot{join(path, f.name), typ, f, func() any { return m[f.name] }, func(v any) { m[f.name] = v }, func() { delete(m, f.name) }})
	}
	return m
}

func (g *generator) value(t reflect.Type, f field, path string) any {
	switch t.Kind() {
	case reflect.Pointer:
		return g.object(t.Elem(), path)
	case reflect.Struct:
		return g.object(t, path)
	case reflect.Slice:
		list := make([]any, 1)
		if !g.all {
			list = make([]any, 1+g.IntN(2))
		}
		for i := range list {
			element := f
			element.required = true
			list[i] = g.value(t.Elem(), element, index(path, i))
			g.slots = append(g.slots, slot{index(path, i), t.Elem(), element, func() any { return list[i] }, func(v any) { list[i] = v }, nil})
		}
		return list
	}
	return g.scalar(t, f)
}

func (g *generator) scalar(t reflect.Type, f field) any {
	low, high := f.low, f.high
	switch {
	case t == durationType:
		return pick(g, f.min, f.max, Duration((low+high)/2).String())
	case t == sizeType:
		return pick[any](g, f.min, f.max, low, high)
	case t.Kind() == reflect.Bool:
		return g.IntN(2) == 0
	case t.Kind() == reflect.Int:
		return pick[any](g, low, high, json.Number(fmt.Sprintf("%.1f", low)))
	case t.Kind() == reflect.Float64:
		return pick(g, low, high, (low+high)/2)
	case len(f.enum) > 0:
		word := pick(g, f.enum...)
		if decimal.MatchString(word) && g.IntN(2) == 0 {
			return json.Number(word)
		}
		return word
	case f.format != nil:
		return pick(g, formatSamples[formatName(f)].good...)
	}
	return "text"
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

// wrong returns a value that a slot must not take, or one that needs care.
func (g *generator) wrong(s slot) any {
	general := []any{nil, "", "${SET}", "${UNSET:-}", "$${x}", "plain words here", true, -1, 0, 1.5, 1e300, []any{}, map[string]any{}, []any{nil}, map[string]any{"nope": 1}, "0", "12", "-3s"}
	if s.typ.Kind() == reflect.Slice {
		general = append(general, []any{""}, []any{[]any{}}, "x")
	}
	if s.field.format != nil {
		for _, bad := range formatSamples[formatName(s.field)].bad {
			general = append(general, bad)
		}
	}
	if s.field.max != "" {
		low, high := s.field.low, s.field.high
		general = append(general, low-1, high+1, fmt.Sprint(high), "1ns", "999999999999999h", "1B", "99999999999999999999GiB")
	}
	return pick(g, general...)
}

// TestSchemaAgreesWithDecoder changes one value or a few in random documents,
// and asks both what they think of the result.
func TestSchemaAgreesWithDecoder(t *testing.T) {
	accepted, kinds := 0, map[Kind]int{}
	for seed := range uint64(1500) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 7))}
		document := g.object(reflect.TypeFor[Config](), "")
		tidy(document)
		for range g.IntN(3) {
			s := pick(g, g.slots...)
			switch action := g.IntN(5); {
			case action == 0 && s.drop != nil:
				s.drop()
			default:
				s.set(g.wrong(s))
			}
		}
		err := agreeJSON(t, document)
		if err == nil {
			accepted++
			continue
		}
		for _, p := range err.(*Error).Problems {
			kinds[p.Kind]++
		}
	}
	t.Logf("%d accepted; %v", accepted, kinds)
	if accepted < 300 {
		t.Errorf("only %d documents were accepted: the generator tests little", accepted)
	}
	for _, k := range []Kind{KindType, KindRequired, KindEnum, KindRange, KindUnitRange, KindFormat, KindUnknownKey, KindVariable} {
		if kinds[k] < 10 {
			t.Errorf("only %d problems of kind %s: the generator tests little", kinds[k], k)
		}
	}
}

// tidy makes what refers to something else right, so that most documents are
// valid before they are changed.
func tidy(document map[string]any) {
	upstreams := document["upstreams"].([]any)
	for i, u := range upstreams {
		m := u.(map[string]any)
		m["name"] = fmt.Sprintf("u%d", i)
		m["endpoints"] = []any{fmt.Sprintf("http://10.0.0.%d", i)}
		if tls, ok := m["tls"].(map[string]any); ok {
			delete(tls, "certFile")
			delete(tls, "keyFile")
		}
		if retry, ok := m["retry"].(map[string]any); ok {
			for _, key := range []string{"on", "methods"} { // the same twice is refused
				if list, ok := retry[key].([]any); ok && len(list) > 1 {
					retry[key] = list[:1]
				}
			}
			if backoff, ok := retry["backoff"].(map[string]any); ok {
				backoff["base"], backoff["max"] = "1ms", "1m"
			}
		}
	}
	for i, r := range document["routes"].([]any) {
		m := r.(map[string]any)
		m["upstream"] = "u0"
		delete(m, "name")
		m["match"] = map[string]any{"pathPrefix": fmt.Sprintf("/r%d", i)}
		tidyCache(m)
	}
	if cache, ok := document["cache"].(map[string]any); ok {
		delete(cache, "bytes")
		delete(cache, "objectBytes")
	}
	if listeners, ok := document["listeners"].([]any); ok {
		for i, l := range listeners {
			m := l.(map[string]any)
			m["address"] = fmt.Sprintf("unix:/run/l%d.sock", i)
			if tls, ok := m["tls"].(map[string]any); ok {
				tls["certificates"] = tls["certificates"].([]any)[:1]
			}
		}
	}
}

// tidyCache leaves out of a route what is refused for what else is there.
func tidyCache(route map[string]any) {
	shorten := func(m map[string]any, keys ...string) { // the same twice is refused
		for _, key := range keys {
			if list, ok := m[key].([]any); ok && len(list) > 1 {
				m[key] = list[:1]
			}
		}
	}
	if cache, ok := route["cache"].(map[string]any); ok {
		delete(cache, "objectBytes")
		delete(cache, "requestHeaders")
		if key, ok := cache["key"].(map[string]any); ok {
			shorten(key, "headers", "cookies", "ignoreQuery")
		}
		if negative, ok := cache["negative"].(map[string]any); ok {
			shorten(negative, "statuses")
		}
	}
	if fallback, ok := route["fallback"].(map[string]any); ok {
		shorten(fallback, "methods")
		delete(fallback, "status")
	}
}

// TestSchemaAgreesOnEverySlot puts every awkward value into every key, once. Under
// the race detector, for which one goroutine holds nothing, it is every 16th of
// them.
func TestSchemaAgreesOnEverySlot(t *testing.T) {
	values := []any{
		nil, "", "${SET}", "${UNSET:-}", "$${x}", "a ${ b", "plain words here", "off", "0", "12", "1.2", "5s", "1KiB", true, false, -1, 0, 1, 1.5, 1e300,
		json.Number("5.0"), json.Number("1e3"),
		[]any{},
		map[string]any{},
		[]any{nil},
		[]any{""},
		map[string]any{"nope": 1},
	}
	g := &generator{Rand: rand.New(rand.NewPCG(1, 1)), all: true}
	document := g.object(reflect.TypeFor[Config](), "")
	tidy(document)
	every := 1
	if raceDetector {
		every = 16
	}
	documents, n := 0, 0
	for _, s := range g.slots {
		before := s.get()
		for _, v := range values {
			if n++; n%every == 0 {
				s.set(v)
				_ = agreeJSON(t, document)
				documents++
			}
		}
		s.set(before)
	}
	t.Logf("%d documents", documents)
}

// instanceOf is what a schema sees of a YAML document.
func instanceOf(n *yaml.Node) any {
	switch n.Kind {
	case yaml.AliasNode:
		return instanceOf(n.Alias)
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, instanceOf(c))
		}
		return list
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = instanceOf(n.Content[i+1])
		}
		return m
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		if decimal.MatchString(n.Value) {
			return json.Number(strings.TrimPrefix(n.Value, "+"))
		}
		return json.Number("1") // some number in another spelling
	}
	return n.Value
}

func TestSchemaDescribesEveryKey(t *testing.T) {
	for typ := range maps.Keys(structTypes()) {
		if comments()[typ.Name()] == "" {
			t.Errorf("%s has no comment", typ.Name())
		}
		for _, f := range fieldsOf(typ) {
			if comments()[typ.Name()+"."+f.goName] == "" {
				t.Errorf("%s.%s has no comment", typ.Name(), f.goName)
			}
		}
	}
}

// structTypes returns all struct types of the configuration.
func structTypes() map[reflect.Type]bool {
	found := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(t.Elem())
		case reflect.Struct:
			found[t] = true
			for _, f := range fieldsOf(t) {
				walk(t.Field(f.index).Type)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
	return found
}

// TestTagsAreSound holds what decoder and schema take for granted.
func TestTagsAreSound(t *testing.T) {
	for typ := range structTypes() {
		for _, f := range fieldsOf(typ) {
			name := typ.Name() + "." + f.goName
			ft := typ.Field(f.index).Type
			isNumber := ft == durationType || ft == sizeType || ft.Kind() == reflect.Int || ft.Kind() == reflect.Float64
			if isNumber != (f.min != "" && f.max != "") {
				t.Errorf("%s: numbers have min and max, nothing else has", name)
			}
			if isNumber && f.fallback != "" {
				if f.start < f.low || f.start > f.high {
					t.Errorf("%s: the default %s is out of bounds", name, f.fallback)
				}
			}
			if f.format != nil && f.fallback != "" && !f.format.pattern.MatchString(f.fallback) {
				t.Errorf("%s: the default %s does not have the format", name, f.fallback)
			}
			if len(f.enum) > 0 && f.fallback != "" && !slices.Contains(f.enum, f.fallback) {
				t.Errorf("%s: the default %s is none of %v", name, f.fallback, f.enum)
			}
			if f.required && ft.Kind() != reflect.Slice && !isScalar(ft) {
				t.Errorf("%s: only scalars and lists can be required", name)
			}
		}
	}
}

var variableRegexp = regexp.MustCompile(variablePattern)
