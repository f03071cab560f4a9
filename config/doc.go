// Package config holds Levee's configuration: its types, and how they are
// read from YAML, checked, described by a JSON Schema and watched for change.
// It is plain data and imports no other package of the project.
//
// A file goes through Parse in steps. Its bytes become YAML's node tree within
// bounds (document.go); one walk, led by the tags in types.go and its like, turns
// the tree into a Config and notes where each value was written (decode.go,
// scalar.go, format.go), variables put in on the way (interpolate.go); flags come
// over it (override.go); the whole is checked (validate.go) and frowned upon
// (warnings.go). No step stops at a problem: a report collects all of them.
//
// The same tags make the schema (schema.go), the YAML that is written
// (encode.go) and the reference in docs/configuration.md. A Manager keeps a
// running process on the newest file that is right (manager.go, watch.go).
package config
