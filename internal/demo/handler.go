package demo

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxWait bounds /slow, and the pause between two events of /stream.
	maxWait = time.Minute
	// maxEvents bounds /stream.
	maxEvents = 1000
)

// Handler is the demo service:
//
//	/                       what arrived here, and what else to try
//	/slow?ms=300            the same after a while
//	/status/503             any status from 200 to 599
//	/stream?events=10&ms=…  server-sent events, one a second by default
//	/echo                   the request's body, sent back while it arrives
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", hello)
	mux.HandleFunc("/slow", slow)
	mux.HandleFunc("/status/{code}", status)
	mux.HandleFunc("/stream", stream)
	mux.HandleFunc("/echo", echo)
	return mux
}

// hello shows the request as it arrived, Levee's additions included.
func hello(w http.ResponseWriter, r *http.Request) {
	var b strings.Builder
	fmt.Fprintf(&b, "Hello from behind Levee. This is what arrived here:\n\n  %s %s %s\n  Host: %s\n", r.Method, r.URL.RequestURI(), r.Proto, r.Host)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			fmt.Fprintf(&b, "  %s: %s\n", name, value)
		}
	}
	fmt.Fprintf(&b, "\nTry also:\n\n")
	for _, try := range []string{"-i http://%s/slow?ms=300", "-i http://%s/status/503", "-N http://%s/stream", "http://%s/echo -d hello"} {
		fmt.Fprintf(&b, "  curl "+try+"\n", r.Host)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	io.WriteString(w, b.String())
}

// slow answers as hello does, after the time asked for.
func slow(w http.ResponseWriter, r *http.Request) {
	wait, err := milliseconds(r, 300)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if pause(r, wait) {
		hello(w, r)
	}
}

// status answers with the status in the path.
func status(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.PathValue("code"))
	if err != nil || code < 200 || code > 599 {
		http.Error(w, "a status from 200 to 599, as in /status/503", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	if code != http.StatusNoContent && code != http.StatusNotModified {
		fmt.Fprintf(w, "%d %s\n", code, http.StatusText(code))
	}
}

// stream sends events at a steady pace, each flushed by itself.
func stream(w http.ResponseWriter, r *http.Request) {
	events, err := number(r, "events", 10, maxEvents)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	wait, err := milliseconds(r, 1000)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	controller := http.NewResponseController(w)
	for i := range events {
		if i > 0 && !pause(r, wait) {
			return
		}
		fmt.Fprintf(w, "id: %d\ndata: event %d of %d\n\n", i+1, i+1, events)
		if controller.Flush() != nil {
			return
		}
	}
}

// echo sends the body back piece by piece, without waiting for its end.
func echo(w http.ResponseWriter, r *http.Request) {
	controller := http.NewResponseController(w)
	// HTTP/1.1 servers usually read a body whole before they answer. HTTP/2
	// has both directions anyhow, and says so by an error.
	_ = controller.EnableFullDuplex()
	w.Header().Set("Content-Type", "application/octet-stream")
	if r.ContentLength >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	io.Copy(flusher{w, controller}, r.Body)
}

// flusher sends on at once what it is given.
type flusher struct {
	io.Writer
	controller *http.ResponseController
}

// Write writes and flushes.
func (f flusher) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err != nil {
		return n, err
	}
	return n, f.controller.Flush()
}

// pause waits; false says that the client left in the meantime.
func pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// milliseconds reads the query's ms.
func milliseconds(r *http.Request, otherwise int) (time.Duration, error) {
	n, err := number(r, "ms", otherwise, int(maxWait/time.Millisecond))
	return time.Duration(n) * time.Millisecond, err
}

// number reads a whole number from 0 to most from the query.
func number(r *http.Request, name string, otherwise, most int) (int, error) {
	value := r.URL.Query().Get(name)
	if value == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%s must be a whole number from 0 to %d", name, most)
	}
	return n, nil
}
