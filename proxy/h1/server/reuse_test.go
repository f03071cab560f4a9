package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// TestLetGo: what handlers let go of serves other requests, of which each finds
// its own and nothing else; what they don't let go of stays as it was, and so
// does what somebody waits for or may still read.
func TestLetGo(t *testing.T) {
	type kept struct {
		id   string
		r    *http.Request
		w    http.ResponseWriter
		done bool
	}
	var mu sync.Mutex
	var all []kept
	seen := map[*http.Request]bool{}
	var again atomic.Int64
	_, address := serve(t, Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("id")
		if r.URL.Path != "/"+id || r.Host != "h"+id || r.RequestURI != "/"+id+"?id="+id || len(r.Header) != 2 ||
			r.Header.Get("X-Id") != id || r.Header.Get("X-Only-"+id) != "1" {
			t.Errorf("request %s came as %s of %s with %v", id, r.RequestURI, r.Host, r.Header)
		}
		if r.Form != nil || r.PathValue("left") != "" || r.Pattern != "" || r.Response != nil || r.Trailer != nil || len(r.TransferEncoding) > 0 {
			t.Errorf("request %s has something of another one's: %+v", id, r)
		}
		if err := r.Context().Err(); err != nil {
			t.Errorf("request %s has ended already: %v", id, err)
		}
		mu.Lock()
		if seen[r] {
			again.Add(1)
		}
		seen[r] = true
		mu.Unlock()
		w.Header().Set("X-Answers", id)
		switch letGo := w.(interface{ LetGo() }).LetGo; id[0] {
		case 'a', 'b': // lets go of what it has left its marks on
			r.Form, r.Pattern = r.URL.Query(), "marked"
			r.SetPathValue("left", id)
			r.Header.Set("X-Left", id)
			letGo()
		case 'c': // keeps all
			mu.Lock()
			all = append(all, kept{id, r, w, false})
			mu.Unlock()
		case 'd': // somebody waits for the end
			done := r.Context().Done()
			mu.Lock()
			all = append(all, kept{id, r, w, true})
			mu.Unlock()
			go func() { <-done }()
			letGo()
		case 'e':
			stop := context.AfterFunc(r.Context(), func() {})
			defer stop()
			letGo()
		}
		io.WriteString(w, "for "+id)
	})})
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			nc, err := net.Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			defer nc.Close()
			br := bufio.NewReader(nc)
			for i := range 200 {
				id := fmt.Sprintf("%c%d-%d", 'a'+(i+worker)%5, worker, i)
				fmt.Fprintf(nc, "GET /%s?id=%s HTTP/1.1\r\nHost: h%s\r\nX-Id: %s\r\nX-Only-%s: 1\r\n\r\n", id, id, id, id, id)
				resp, err := http.ReadResponse(br, nil)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil || string(body) != "for "+id || resp.Header.Get("X-Answers") != id {
					t.Errorf("%s was answered %q with %v: %v", id, body, resp.Header, err)
				}
			}
		})
	}
	wg.Wait()
	if again.Load() == 0 && !raceDetector { // it has pools forget
		t.Error("no memory was used again: the test shows nothing")
	}
	for _, k := range all {
		if k.r.URL.Path != "/"+k.id || k.r.Header.Get("X-Id") != k.id || k.r.Context().Err() == nil {
			t.Errorf("of %s, there is %s with %v now, and its context's error is %v", k.id, k.r.URL, k.r.Header, k.r.Context().Err())
		}
	}
}

// TestLetGoOfBody: a request whose body wasn't read to its end may be read by
// others for as long as they like; of one that was, nothing is left to read.
func TestLetGoOfBody(t *testing.T) {
	seen := map[*http.Request]bool{} // one connection, one request at a time
	again := 0
	_, address := serve(t, Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/unread":
			if seen[r] {
				again++ // of one that was read
			}
			seen[r] = true
		case "/read":
			if body, err := io.ReadAll(r.Body); string(body) != r.Header.Get("X-Body") || err != nil {
				t.Errorf("the body is %q, want %q: %v", body, r.Header.Get("X-Body"), err)
			}
			if seen[r] {
				again++
			}
			seen[r] = true
		}
		w.(interface{ LetGo() }).LetGo()
	})})
	c := dial(t, address)
	send := func(path, body string) {
		t.Helper()
		c.send(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h\r\nX-Body: %s\r\nContent-Length: %d\r\n\r\n%s", path, body, len(body), body))
		resp, err := http.ReadResponse(c.br, nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
	}
	for range 20 {
		send("/unread", "x")
	}
	if again > 0 {
		t.Errorf("the memory of requests that weren't read was used again %d times", again)
	}
	for i := range 40 {
		send("/read", fmt.Sprintf("body %d", i))
	}
	if again == 0 && !raceDetector { // it has pools forget
		t.Error("no memory was used again")
	}
}
