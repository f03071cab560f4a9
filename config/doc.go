// Package config holds Levee's configuration: its types, and how they are
// read from YAML, checked, described by a JSON Schema and watched for change.
// It is plain data and imports no other package of the project.
package config
