// Package rules holds the repository to its own rules, by tests: imports point
// one way, packages say what they are, clocks and sleeps stay where they
// belong, and documents name what exists.
package rules
