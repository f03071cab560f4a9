package config

import "slices"

// The modes of a route's idempotency guard.
const (
	IdempotencyOff      = "off"
	IdempotencyOptional = "optional"
	IdempotencyRequired = "required"
)

// What a guard does where it can't tell.
const (
	GuardRefuse = "refuse"
	GuardPass   = "pass"
)

// Guarding says whether any requests are guarded.
func (i *RouteIdempotency) Guarding() bool { return i.Mode != IdempotencyOff && i.Mode != "" }

// Guards says whether requests of a method are guarded.
func (i *RouteIdempotency) Guards(method string) bool {
	if !i.Guarding() {
		return false
	}
	if len(i.Methods) == 0 {
		return method == "POST" || method == "PATCH"
	}
	return slices.Contains(i.Methods, method)
}

// Guarded says whether any route has an idempotency guard.
func (c *Config) Guarded() bool {
	return slices.ContainsFunc(c.Routes, func(r Route) bool { return r.Idempotency.Guarding() })
}

// idempotency refuses one file for two things, and bodies that would never fit.
func (v *validator) idempotency() {
	for i, r := range v.cfg.Routes {
		limit := join(index("routes", i), "idempotency.bodyLimit")
		if g := r.Idempotency; g.Mode != IdempotencyOff && g.Mode != "" && g.BodyLimit > v.cfg.Idempotency.Bytes && !v.bad[limit] && !v.bad["idempotency.bytes"] {
			v.problem(limit, KindConflict, "%s is %s, more than idempotency.bytes (%s) holds of all bodies together: larger ones would be refused for ever; lower it, or raise that", limit, g.BodyLimit, v.cfg.Idempotency.Bytes)
		}
	}
	const path = "idempotency.file"
	if file := v.cfg.Idempotency.File; file != "" && file == v.cfg.State.File && !v.bad[path] && !v.bad["state.file"] {
		v.problem(path, KindConflict, "%s is the state file already%s; write another path", v.hide(path, file), v.inLine("state.file"))
	}
}

// idempotencyWarnings tells of keys that are forgotten, and of a file that
// nobody writes.
func (v *validator) idempotencyWarnings(warn func(path, format string, args ...any)) {
	guarded := v.cfg.Guarded()
	switch file := v.cfg.Idempotency.File; {
	case guarded && file == "":
		warn("idempotency", "idempotency has no file: a restart of Levee forgets all keys, and a request that was carried out may then be again; write idempotency: {file: PATH}")
	case !guarded && file != "":
		warn("idempotency.file", "has no effect: no route has idempotency: {mode: optional} or {mode: required}")
	}
	for i, r := range v.cfg.Routes {
		if g := r.Idempotency; g.Mode != IdempotencyOff && g.InDoubt == GuardPass {
			warn(join(index("routes", i), "idempotency.inDoubt"), "a request that may have been carried out is sent once more; only an upstream that knows keys itself bears that")
		}
	}
}
