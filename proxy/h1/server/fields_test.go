package server

import (
	"io"
	"net/http"
	"testing"
)

// TestWriteFields: an answer whose header is written from where it is differs in
// nothing from one that was copied, goes by what the writer's own says, and
// leaves out what it is told to.
func TestWriteFields(t *testing.T) {
	from := http.Header{
		"Content-Length": {"5"}, "X-Both": {"upstream"}, "X-Two": {"1", "2"}, "Connection": {"X-Hop"}, "Te": {"left out"}, "Date": {"some day"},
	}
	_, address := serve(t, Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/closing" {
			w.Header()["Connection"] = []string{"close"}
		}
		w.Header()["X-Both"] = []string{"own"}
		w.(*exchange).WriteFields(http.StatusOK, from, func(name string) bool { return name == "Te" || name == "Connection" })
		_, _ = io.WriteString(w, "<b>hi") // whose type would be guessed
	})})
	c := dial(t, address)
	for _, step := range []struct {
		path, told string
	}{
		{"/", "HTTP/1.1 200 length <b>hi"},
		{"/closing", "HTTP/1.1 200 length close <b>hi"},
	} {
		c.send("GET " + step.path + " HTTP/1.1\r\nHost: h\r\n\r\n")
		resp, body := c.answer("GET")
		if got := told(resp, body); got != step.told {
			t.Errorf("%s: %q, want %q", step.path, got, step.told)
		}
		h := resp.Header
		if h.Get("X-Both") != "own" || len(h["X-Both"]) != 1 || len(h["X-Two"]) != 2 || h["Te"] != nil || h["Content-Type"] != nil || h.Get("Date") != "some day" {
			t.Errorf("%s: %v", step.path, h)
		}
	}
	if len(from) != 6 {
		t.Errorf("what was written from has become %v", from)
	}
}
