package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Marshal returns the configuration in force as YAML, defaults written out,
// keys in the order of the types. Parse reads it back to an equal one. It
// holds what variables brought in: what is shown to anybody goes through
// Redacted instead.
func Marshal(cfg *Config) ([]byte, error) { return encode(cfg, nil) }

// Redacted returns the configuration in force as YAML, for the admin port and
// for logs. Every value that variables had a part in is replaced by their
// names, and so is a user or password in a URL. Without either, Parse reads
// it back to an equal configuration.
func Redacted(cfg *Config) ([]byte, error) { return encode(cfg, cfg.source.variables) }

func encode(cfg *Config, hidden map[string][]string) ([]byte, error) {
	e := encoder{hidden: hidden}
	root := e.mapping(reflect.ValueOf(cfg).Elem(), "")
	out, err := yaml.Dump(root, yaml.WithIndent(2), yaml.WithLineWidth(-1))
	if err != nil {
		return nil, fmt.Errorf("config: encoding: %w", err)
	}
	return out, nil
}

// encoder turns a configuration into YAML's node tree.
type encoder struct {
	// hidden values, by path, are shown as the variables they came from.
	hidden map[string][]string
}

// node returns the node for v, nil if there is nothing to write.
func (e encoder) node(v reflect.Value, path string) *yaml.Node {
	if variables := e.hidden[path]; len(variables) > 0 {
		shown := make([]string, len(variables))
		for i, name := range variables {
			shown[i] = "${" + name + "}"
		}
		return textNode("<redacted: " + strings.Join(shown, ", ") + ">")
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return e.mapping(v.Elem(), path)
	case reflect.Struct:
		return e.mapping(v, path)
	case reflect.Slice:
		return e.list(v, path)
	case reflect.String:
		if v.String() == "" {
			return nil
		}
		return textNode(escapeVariables(e.mask(v.String())))
	case reflect.Bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v.Bool())}
	case reflect.Float64:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: strconv.FormatFloat(v.Float(), 'f', -1, 64)}
	}
	if s, ok := v.Interface().(fmt.Stringer); ok {
		return textNode(s.String())
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(v.Int(), 10)}
}

func (e encoder) mask(text string) string {
	if e.hidden == nil {
		return text
	}
	return maskUserinfo(text)
}

func (e encoder) mapping(v reflect.Value, path string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, f := range fieldsOf(v.Type()) {
		if value := e.node(v.Field(f.index), join(path, f.name)); value != nil {
			n.Content = append(n.Content, textNode(f.name), value)
		}
	}
	return n
}

func (e encoder) list(v reflect.Value, path string) *yaml.Node {
	if v.Len() == 0 {
		return nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for i := range v.Len() {
		if value := e.node(v.Index(i), index(path, i)); value != nil {
			n.Content = append(n.Content, value)
		}
	}
	return n
}

func textNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}
