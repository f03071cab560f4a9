package proxy

import (
	"net/http"
	"testing"
)

// TestTrailersOfFurtherAttempts: what a client announced is the same for every
// attempt, and looked up once: the server may be writing to the request's map
// when a further one is made, as the one before still reads the body.
func TestTrailersOfFurtherAttempts(t *testing.T) {
	x := &exchange{facts: facts{r: &http.Request{ContentLength: -1, Trailer: http.Header{"X-A": nil}}}}
	first, second := &http.Request{}, &http.Request{}
	x.passTrailer(first)
	x.r.Trailer["X-A"], x.r.Trailer["X-Late"] = []string{"1"}, []string{"2"} // as the server does at the body's end
	atEnd := x.passTrailer(second)
	if _, late := second.Trailer["X-Late"]; late || len(second.Trailer) != 1 {
		t.Errorf("the second attempt announces %v, the first one announced %v", second.Trailer, first.Trailer)
	}
	atEnd()
	if second.Trailer.Get("X-A") != "1" || second.Trailer.Get("X-Late") != "2" {
		t.Errorf("the second attempt ends with %v", second.Trailer)
	}
}
