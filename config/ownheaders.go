package config

// writtenHeaders are those that Levee writes, or passes on for others, by names
// that standards gave them, and what they carry.
var writtenHeaders = map[string]string{
	"X-Forwarded-For": "who the client is", "X-Forwarded-Host": "who the client is", "X-Forwarded-Proto": "who the client is",
	"X-Forwarded-Port": "who the client is", "X-Real-Ip": "who the client is", "Forwarded": "who the client is",
	"Via": "the way of a request", "Traceparent": "the trace", "Tracestate": "the trace",
	"Grpc-Timeout": "the deadline", "X-Envoy-Expected-Rq-Timeout-Ms": "the deadline",
}

// ownHeaders refuses, for what Levee writes by a name of the configuration's
// choice, the name of something else that it writes: of the two, only one would arrive.
func (v *validator) ownHeaders() {
	type own struct{ path, name, carries string }
	taken := map[string]own{}
	for _, o := range []own{
		{"forwarding.requestIDHeader", v.cfg.Forwarding.RequestIDHeader, "the request's id"},
		{"deadline.header", v.cfg.Deadline.Header, "the deadline"},
		{"priority.header", v.cfg.Priority.Header, "the priority"},
	} {
		if o.name == "" || v.bad[o.path] {
			continue
		}
		if carries, ok := writtenHeaders[o.name]; ok {
			v.problem(o.path, KindConflict, "%s carries %s already; choose another header", v.hide(o.path, o.name), carries)
		} else if other, ok := taken[o.name]; ok {
			v.problem(o.path, KindConflict, "%s carries %s already%s; choose another header", v.hide(o.path, o.name), other.carries, v.inLine(other.path))
		} else {
			taken[o.name] = o
		}
	}
}
