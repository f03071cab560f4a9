package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// source is what a Config remembers of where it came from.
type source struct {
	// name is the file's name as given; empty when there was no file.
	name string
	// sum covers the file's bytes and the flags over them.
	sum [sha256.Size]byte
	// variables holds, by path of the value, the names of the variables that
	// it was made from. Such values may be secrets and are never shown.
	variables map[string][]string
	// warnings were found while the configuration was checked.
	warnings []Problem
}

// shortHash is enough hex digits to tell configurations apart by eye.
const shortHash = 12

// Hash identifies the configuration: the first 12 hex digits of the SHA-256
// over the file's bytes and the flags over it. The values of variables don't
// enter it, so that it can be shown without giving away anything of a secret.
func (c *Config) Hash() string { return hex.EncodeToString(c.source.sum[:])[:shortHash] }

// Source returns the name of the file that the configuration was read from, or
// "flags" when there was none.
func (c *Config) Source() string {
	if c.source.name == "" {
		return "flags"
	}
	return c.source.name
}

// Warnings lists what is allowed and yet probably not meant: an upstream that
// no route uses, certificates that aren't verified. In the order of the file.
func (c *Config) Warnings() []Problem { return c.source.warnings }

func sumOf(data []byte, o Overrides) [sha256.Size]byte {
	h := sha256.New()
	h.Write(data)
	// A NUL can't be in a file that parses, so it ends the file's part.
	fmt.Fprintf(h, "\x00%+q", o)
	return [sha256.Size]byte(h.Sum(nil))
}

// position is where a value was written: in the file, or by a flag.
type position struct {
	line, column int
	flag         string
}

// parent returns the path of what holds the value at path: "" for the root.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// join returns the path of a key below path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// index returns the path of a list's element.
func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
