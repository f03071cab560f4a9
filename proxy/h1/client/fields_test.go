package client

import (
	"net/http"
	"strings"
	"testing"
)

// writing is an observer that writes its header down by itself.
type writing struct {
	lines   string
	expects bool
}

func (w *writing) Interim(int, http.Header) error { return nil }
func (w *writing) AppendFields(b []byte) []byte   { return append(b, w.lines...) }
func (w *writing) Expects() bool                  { return w.expects }

// TestFields: a request without a header has its observer's, with the framing's
// fields behind them, and its body waits for the 100 that those expect.
func TestFields(t *testing.T) {
	for _, test := range []struct {
		name    string
		header  http.Header
		fields  writing
		expects string
		want    string
	}{
		{"the observer's", nil, writing{lines: "X-A: 1\r\nX-B: 2\r\n"}, "", "1,2,"},
		{"the request's own", http.Header{"X-B": {"3"}}, writing{lines: "X-A: 1\r\n"}, "", ",3,"},
		{"an expectation", nil, writing{lines: "Expect: 100-continue\r\nX-A: 1\r\n", expects: true}, "100-continue", "1,,"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, u := pair(t)
			req := request(http.MethodPost, "/", strings.NewReader("body"), 4)
			req.Header = test.header
			done := make(chan struct{})
			go func() {
				defer close(done)
				r := u.request()
				if got := r.Header.Get("X-A") + "," + r.Header.Get("X-B") + ","; got != test.want || r.ContentLength != 4 || r.Header.Get("Expect") != test.expects {
					t.Errorf("came with %v and a length of %d", r.Header, r.ContentLength)
				}
				if test.expects != "" {
					u.says("HTTP/1.1 100 Continue\r\n\r\n")
				}
				body := make([]byte, 4)
				if n, err := r.Body.Read(body); string(body[:n]) != "body" {
					t.Errorf("the body is %q, %v", body[:n], err)
				}
				u.says(ok)
			}()
			resp, err := c.RoundTrip(t.Context(), req, &test.fields)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			<-done
		})
	}
}
