package config

import "testing"

// TestOwnHeaders: each header whose name the configuration gives is Levee's for
// one thing alone.
func TestOwnHeaders(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"one for each", with("forwarding: {requestIDHeader: X-Id}\ndeadline: {header: X-Timeout}\npriority: {header: X-Priority}\n"), ""},
		{"none", with("forwarding: {}\n"), ""},
		{"one for two", with("deadline: {header: X-A}\npriority: {header: x-a}\n"), `8:20: "X-A" carries the deadline already in line 7; choose another header [conflict]`},
		{"the default one for two", with("deadline: {header: x-request-id}\n"), `7:20: "X-Request-Id" carries the request's id already by default; choose another header [conflict]`},
		{"who the client is", with("forwarding: {requestIDHeader: x-forwarded-for}\n"), `7:31: "X-Forwarded-For" carries who the client is already; choose another header [conflict]`},
		{"the way", with("priority: {header: Via}\n"), `7:20: "Via" carries the way of a request already; choose another header [conflict]`},
		{"the trace", with("forwarding: {requestIDHeader: traceparent}\n"), `7:31: "Traceparent" carries the trace already; choose another header [conflict]`},
		{"another form of deadline", with("deadline: {header: grpc-timeout}\n"), `7:20: "Grpc-Timeout" carries the deadline already; choose another header [conflict]`},
		{"of connections", with("deadline: {header: Upgrade}\n"), `7:20: "Upgrade" is about one connection or the message's framing and is never passed on; choose a name of your own, like X-Upgrade [value]`},
	} {
		t.Run(test.name, func(t *testing.T) { wantProblems(t, test.text, test.want) })
	}
}
