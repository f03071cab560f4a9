package proxy

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestCacheUnderLoad has clients of HTTP/1.1 and HTTP/2 read and change things at
// random, at a service that fails, breaks off and forbids at random. Each answer
// that looks whole is whole, is of the key and the variant that was asked for,
// and never older than what its client knows to have been there; private ones
// reach nobody else.
func TestCacheUnderLoad(t *testing.T) {
	const keys, clients, rounds = 8, 12, 150
	var versions, changed [keys]atomic.Int64 // at the service, and as clients have heard
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		key, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if r.Method == http.MethodPut {
			fmt.Fprint(w, versions[key].Add(1))
			return
		}
		version := versions[key].Load()
		tag := fmt.Sprintf(`"%d-%s"`, version, r.Header.Get("Accept-Language"))
		w.Header().Set("Vary", "Accept-Language")
		w.Header().Set("Etag", tag)
		w.Header().Set("Cache-Control", [keys]string{"max-age=60", "max-age=60", "max-age=60", "max-age=60, stale-if-error=60", "max-age=0", "no-cache", "private", "no-store"}[key])
		switch rand.IntN(12) {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case 1:
			panic(http.ErrAbortHandler)
		}
		if strings.Contains(r.Header.Get("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		body := fmt.Sprintf("%d %s %d %s %s", key, r.Header.Get("Accept-Language"), version, private(w, r), strings.Repeat("x", rand.IntN(9000)))
		if rand.IntN(2) == 0 {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
		}
		half := len(body) / 2
		_, _ = io.WriteString(w, body[:half])
		http.NewResponseController(w).Flush()
		if rand.IntN(10) == 0 {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, body[half:]+".")
	})
	p := start(t, limited("{mode: fixed, limit: 16}, ejection: {consecutiveFailures: 0}, storm: {mode: off}",
		", cache: {mode: on, staleWhileRevalidate: 0s, lastKnownGood: 0s}", ""), up.URL, Options{})

	ask := func(c *http.Client, method string, key int, language, client string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if rand.IntN(20) == 0 { // some clients have no patience
			time.AfterFunc(time.Duration(rand.IntN(2000))*time.Microsecond, cancel)
		}
		r, _ := http.NewRequestWithContext(ctx, method, fmt.Sprintf("%s/%d", p.url, key), nil)
		r.Header.Set("Accept-Language", language)
		r.Header.Set("Cookie", "client="+client)
		resp, err := c.Do(r)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode != 200 {
			err = fmt.Errorf("status %d", resp.StatusCode)
		}
		return string(body), err
	}
	var answered atomic.Int64
	var wg sync.WaitGroup
	for i := range clients {
		c := &http.Client{Transport: &http.Transport{}}
		if i%2 == 0 {
			c = h2cClient(t)
		}
		name := "c" + strconv.Itoa(i)
		wg.Go(func() {
			defer c.CloseIdleConnections()
			for range rounds {
				key, language := rand.IntN(keys), []string{"de", "en"}[rand.IntN(2)]
				if rand.IntN(10) == 0 {
					if body, err := ask(c, http.MethodPut, key, language, name); err == nil {
						version, _ := strconv.ParseInt(body, 10, 64)
						raise(&changed[key], version)
					}
					continue
				}
				known := changed[key].Load()
				body, err := ask(c, http.MethodGet, key, language, name)
				if err != nil {
					continue
				}
				answered.Add(1)
				parts := strings.SplitN(body, " ", 5)
				if len(parts) != 5 || !strings.HasSuffix(body, ".") || parts[0] != strconv.Itoa(key) || parts[1] != language {
					t.Errorf("asked for %d in %s, got %.60q", key, language, body)
				} else if version, _ := strconv.ParseInt(parts[2], 10, 64); version < known {
					t.Errorf("got version %d of %d, and a client had heard of %d before", version, key, known)
				} else if parts[3] != "-" && parts[3] != name {
					t.Errorf("%s got what is private to %s", name, parts[3])
				}
			}
		})
	}
	wg.Wait()
	if answered.Load() < clients*rounds/4 {
		t.Errorf("only %d of %d were answered", answered.Load(), clients*rounds)
	}
	eventually(t, "all is over", func() bool {
		s := p.Status()
		return s.Inflight == 0 && s.Cache.Waiting == 0 && s.Cache.Fetching == 0 && s.Upstreams[0].Endpoints[0].Admission.Inflight == 0
	})
	t.Logf("%d answered; %+v", answered.Load(), p.Status().Cache)
}

// raise sets v to n unless it is higher.
func raise(v *atomic.Int64, n int64) {
	for old := v.Load(); old < n && !v.CompareAndSwap(old, n); old = v.Load() {
	}
}

// private names the client that an answer is private to, or nobody.
func private(w http.ResponseWriter, r *http.Request) string {
	if strings.HasPrefix(w.Header().Get("Cache-Control"), "private") || w.Header().Get("Cache-Control") == "no-store" {
		return strings.TrimPrefix(r.Header.Get("Cookie"), "client=")
	}
	return "-"
}
