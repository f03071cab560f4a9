package config

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// FuzzParse feeds anything to the decoder. Whatever it is, Parse must return;
// what it accepts must be written and read back the same, and be accepted by
// the schema; what it refuses must have a reason and a place.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", minimal, withSecrets, bomb(3), "a: [1", "a: &x [*x]", "? [a]\n: b", "---\n---\n", "log: !!str x", "\ufeff" + minimal, "a: \"\\u0000\"",
		with("log: {level: 'info'}\nlimits: {headerBytes: 1e4, headerFields: 1_0}\nclients: {identity: \"header:$${\"}\n"),
		with("listeners:\n- &l {address: 'unix:/tmp/$${x}', tls: {certificates: [{certFile: .inf, keyFile: 2001-01-01}], minVersion: 1.2}}\nadmin: {address: off}\n"),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse("fuzz.yaml", data, testEnv)
		if err != nil {
			e := err.(*Error)
			if len(e.Problems) == 0 {
				t.Fatal("refused without a reason")
			}
			for _, p := range e.Problems {
				if p.Message == "" || p.Kind == "" || p.Line < 0 || p.Line > 0 && p.Column < 1 {
					t.Errorf("%+v", p)
				}
			}
			if !utf8.ValidString(err.Error()) {
				t.Errorf("not UTF-8: %q", err)
			}
			return
		}
		roundTrip(t, cfg)
		if _, err := Redacted(cfg); err != nil {
			t.Error(err)
		}
		var document yaml.Node
		if err := yaml.Load(bytes.TrimPrefix(data, []byte("\ufeff")), &document); err != nil {
			t.Fatal(err)
		}
		if err := compiledSchema().Validate(instanceOf(document.Content[0])); err != nil {
			t.Errorf("the schema rejects what is accepted: %v", err)
		}
	})
}
