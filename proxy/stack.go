package proxy

import "net/http"

// deepEnough is how deep the stack of a goroutine gets that serves a request, from
// where the engine calls the handler, with something to spare.
const deepEnough = 6 << 10

// withStack serves streams of HTTP/2, each of which is a goroutine of its own with
// a stack of 2 KB. It makes the stack large enough while there is hardly
// anything on it: the runtime doubles a stack by copying it, frame by frame,
// which it would do twice or thrice far down the request's way. That was a tenth
// of what a short request over HTTP/2 costs.
func withStack(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		growStack(r.ProtoMajor)
		h.ServeHTTP(w, r)
	})
}

// growStack makes room on the stack by taking it and giving it back.
//
//go:noinline
func growStack(at int) byte {
	var room [deepEnough]byte
	return room[at%deepEnough]
}
