package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v4"
)

// Parse reads a configuration from YAML. The name is for errors; env looks up
// variables, nil: there are none. The error is an *Error with everything that
// is wrong, not only the first.
func Parse(name string, data []byte, env func(string) (string, bool)) (*Config, error) {
	return ParseWith(name, data, Overrides{}, env)
}

// ParseWith reads a configuration from YAML as Parse does, with flags over it.
func ParseWith(name string, data []byte, flags Overrides, env func(string) (string, bool)) (*Config, error) {
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	if len(data) > maxBytes {
		r := newReport(name, "")
		r.add(position{}, KindLimit, "is larger than %s; no configuration needs as much, is it the right file?", Size(maxBytes))
		return nil, r.err()
	}
	// What some editors write before the first character isn't part of it.
	body := bytes.TrimPrefix(data, []byte("\ufeff"))
	r := newReport(name, string(body))
	root := parseDocument(r, body)
	if root == nil {
		return nil, r.err()
	}
	cfg := defaults()
	d := newDecoder(r, env)
	d.at[""] = position{line: root.Line, column: root.Column}
	if root.Kind != yaml.MappingNode {
		d.problem("", KindType, "must be a mapping that begins with apiVersion: levee/v1, and is %s", describe(root))
		return nil, r.err()
	}
	d.value(root, reflect.ValueOf(cfg).Elem(), field{}, "")
	return finish(d, cfg, data, flags)
}

// Load reads a configuration from a file, with the environment's variables.
// The error is an *Error; if the file couldn't be read, the operating
// system's error can be found in it.
func Load(path string) (*Config, error) { return LoadWith(path, Overrides{}) }

// LoadWith reads a configuration from a file as Load does, with flags over it.
// An empty path is no file: all there is comes from the flags.
func LoadWith(path string, flags Overrides) (*Config, error) {
	if path == "" {
		return FromFlags(flags)
	}
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return ParseWith(path, data, flags, os.LookupEnv)
}

// FromFlags builds a configuration without a file: the defaults, and one
// upstream that takes all requests. Errors name the flag.
func FromFlags(flags Overrides) (*Config, error) {
	d := newDecoder(newReport("", ""), nil)
	if flags.Upstream == "" {
		d.add(position{flag: "--upstream"}, KindRequired, "there is nothing to proxy to; give a URL like http://127.0.0.1:8080, or a file with --config")
		return nil, d.err()
	}
	cfg := defaults()
	cfg.APIVersion = "levee/v1"
	return finish(d, cfg, nil, flags)
}

// FromUpstream builds a configuration without a file: the defaults, and one
// upstream with the one endpoint that takes all requests.
func FromUpstream(endpoint string) (*Config, error) { return FromFlags(Overrides{Upstream: endpoint}) }

// Default returns a configuration of defaults alone. It has one listener and
// no routes or upstreams, so that by itself it can't serve.
func Default() *Config {
	cfg := defaults()
	cfg.APIVersion = "levee/v1"
	addListener(cfg)
	return cfg
}

// defaults returns a configuration before anything was read into it.
func defaults() *Config {
	cfg := &Config{}
	setDefaults(reflect.ValueOf(cfg).Elem())
	return cfg
}

// addListener adds the listener that there is when none was configured.
func addListener(cfg *Config) {
	if len(cfg.Listeners) > 0 {
		return
	}
	cfg.Listeners = make([]Listener, 1)
	setDefaults(reflect.ValueOf(&cfg.Listeners[0]).Elem())
	cfg.Listeners[0].Address = ":4480"
}

// finish puts flags over what was decoded, adds the defaults that depend on
// other values, and checks the whole.
func finish(d *decoder, cfg *Config, data []byte, flags Overrides) (*Config, error) {
	if !d.bad["listeners"] {
		addListener(cfg)
	}
	o := overrider{d, cfg}
	o.run(flags)
	nameRoutes(d, cfg)
	v := validator{d, cfg}
	v.run()
	if err := d.err(); err != nil {
		return nil, err
	}
	cfg.source = source{name: d.name, sum: sumOf(data, flags), variables: d.variables, warnings: v.warnings()}
	return cfg, nil
}

// nameRoutes gives each route without a name one that tells what it matches.
// Two routes can't match the same, so no two get the same name.
func nameRoutes(d *decoder, cfg *Config) {
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		path := index("routes", i)
		name, prefix, host := join(path, "name"), join(path, "match.pathPrefix"), join(path, "match.hosts[0]")
		if r.Name != "" || d.bad[name] || d.bad[prefix] || d.bad[host] {
			continue
		}
		secrets := d.variables[prefix]
		if len(r.Match.Hosts) > 0 {
			r.Name = r.Match.Hosts[0]
			secrets = slices.Concat(secrets, d.variables[host])
		}
		r.Name += r.Match.PathPrefix
		// Where the name was made from secrets, it is one.
		if len(secrets) > 0 {
			d.variables[name] = secrets
		}
	}
}

// readFile reads a configuration file, and no more of it than there can be.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		var data []byte
		if data, err = io.ReadAll(io.LimitReader(f, maxBytes+1)); err == nil {
			return data, nil
		}
	}
	reason := err
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		reason = pathErr.Err
	}
	p := Problem{File: path, Kind: KindFile, Message: fmt.Sprintf("can't be read: %v", reason)}
	return nil, &Error{Problems: []Problem{p}, cause: err}
}
