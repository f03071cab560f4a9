package config

import (
	"slices"
	"strings"
	"testing"
)

func TestIdempotency(t *testing.T) {
	const head = "apiVersion: levee/v1\nupstreams: [{name: a, endpoints: [\"http://127.0.0.1:1\"]}]\n"
	for _, c := range []struct{ name, text, problem, warning string }{
		{"off", "routes: [{upstream: a}]", "", ""},
		{"in memory", "routes: [{upstream: a, idempotency: {mode: required}}]", "", "idempotency has no file: a restart of Levee forgets all keys"},
		{"with a file", "routes: [{upstream: a, idempotency: {mode: optional}}]\nidempotency: {file: /x}", "", ""},
		{"a file for nobody", "routes: [{upstream: a}]\nidempotency: {file: /x}", "", "has no effect: no route has"},
		{"doubtful ones pass", "routes: [{upstream: a, idempotency: {mode: optional, inDoubt: pass}}]\nidempotency: {file: /x}", "", "is sent once more"},
		{"one file for two things", "routes: [{upstream: a, idempotency: {mode: optional}}]\nidempotency: {file: /x}\nstate: {file: /x}", "is the state file already", ""},
		{"bodies that never fit", "routes: [{upstream: a, idempotency: {mode: optional, bodyLimit: 4MiB}}]\nidempotency: {file: /x, bytes: 1MiB}", "more than idempotency.bytes (1MiB) holds", ""},
		{"bodies that fit", "routes: [{upstream: a, idempotency: {mode: optional}}]\nidempotency: {file: /x, bytes: 1MiB}", "", ""},
		{"a safe method", "routes: [{upstream: a, idempotency: {mode: optional, methods: [GET]}}]", `"GET" isn't`, ""},
	} {
		cfg, err := Parse("levee.yaml", []byte(head+c.text+"\n"), nil)
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		warns := slices.ContainsFunc(cfg.Warnings(), func(p Problem) bool { return strings.Contains(p.String(), c.warning) })
		if warns != (len(cfg.Warnings()) > 0) || (c.warning != "") != warns {
			t.Errorf("%s: warnings %v", c.name, cfg.Warnings())
		}
	}
}

func TestGuardedMethods(t *testing.T) {
	for _, c := range []struct {
		guard RouteIdempotency
		yes   []string
	}{
		{RouteIdempotency{}, nil},
		{RouteIdempotency{Mode: IdempotencyOff, Methods: []string{"POST"}}, nil},
		{RouteIdempotency{Mode: IdempotencyOptional}, []string{"POST", "PATCH"}},
		{RouteIdempotency{Mode: IdempotencyRequired, Methods: []string{"PUT"}}, []string{"PUT"}},
	} {
		for _, method := range []string{"GET", "POST", "PATCH", "PUT", "DELETE"} {
			if got := c.guard.Guards(method); got != slices.Contains(c.yes, method) {
				t.Errorf("%+v guards %s: %v", c.guard, method, got)
			}
		}
	}
}
