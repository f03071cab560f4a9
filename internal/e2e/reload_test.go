package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A thousand reloads under load, every other one with a file that must be
// refused: no request fails, and nothing stays behind.
func TestReloadsUnderLoad(t *testing.T) {
	reloads := 1000
	if testing.Short() {
		reloads = 50
	}
	address := origin(t, func(http.ResponseWriter, *http.Request) {})
	// Each good file differs from the one before it in the listener's, the
	// routes' and an upstream's settings. What a reload replaces runs out within the
	// listener's idle time, so that is short.
	good := func(i int) string {
		return fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0", timeouts: {idle: %ds}}]
routes:
- {upstream: origin, timeout: %ds}
- {upstream: other, match: {pathPrefix: /other-%d}}
upstreams:
- {name: origin, endpoints: ["http://%s"]}
- {name: other, endpoints: ["http://%[4]s"], resolveInterval: %[2]ds, healthCheck: {path: /, interval: 100ms}}
log: {access: none}
`, 2+i%3, 10+i%13, i, address)
	}
	bad := []string{
		"routes: [{upstream: nowhere}]\nupstreams: [{name: origin, endpoints: [\"http://127.0.0.1:1\"]}]\n",
		"routes: [\n",
		"rotues: []\n",
		"",
	}

	l := start(t, setup{build: watched, config: good(0)})
	url := "http://" + l.addresses[0]
	clients := []*http.Client{http1(), http2()}
	warm := []*load{hammer(clients[0], url, 4), hammer(clients[1], url, 4)}
	for _, w := range warm {
		eventually(t, 10*time.Second, "the load flows", func() bool { return w.answered.Load() > 100 })
		w.stop()
		w.assertNoneFailed(t)
	}
	idle := func() int {
		for _, client := range clients {
			client.CloseIdleConnections()
		}
		// Connections to the upstream are kept for a while after the load.
		lowest := l.goroutines()
		settled := time.Now().Add(6 * time.Second)
		eventually(t, 10*time.Second, "connections are idle", func() bool {
			lowest = min(lowest, l.goroutines())
			return time.Now().After(settled)
		})
		return lowest
	}
	before := idle()

	under := []*load{hammer(clients[0], url, 4), hammer(clients[1], url, 4)}
	began := time.Now()
	for i := range reloads {
		want, config := http.StatusOK, good(i+1)
		if i%2 == 1 {
			want, config = http.StatusUnprocessableEntity, bad[i/2%len(bad)]
		}
		l.write(config)
		status, body, err := ask(l.admin, http.MethodPost, "/reload")
		if err != nil || status != want {
			t.Fatalf("reload %d: %d, want %d: %v\n%s\nof:\n%s", i, status, want, err, body, config)
		}
	}
	t.Logf("%d reloads in %v", reloads, time.Since(began).Round(time.Millisecond))
	for _, u := range under {
		u.stop()
		u.assertNoneFailed(t)
	}

	l.write(good(0))
	if status, body, err := ask(l.admin, http.MethodPost, "/reload"); err != nil || status != http.StatusOK {
		t.Fatalf("%d %v\n%s", status, err, body)
	}
	eventually(t, 20*time.Second, fmt.Sprintf("goroutines are back to %d", before), func() bool { return l.goroutines() <= before })
}

// A changed file is taken by itself, and so is one that is announced by SIGHUP;
// a bad one leaves the one in force.
func TestReloadByFileAndBySignal(t *testing.T) {
	address := origin(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })
	config := func(prefix string) string {
		return fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
routes: [{upstream: origin, match: {pathPrefix: %s}}]
upstreams: [{name: origin, endpoints: ["http://%s"]}]
`, prefix, address)
	}
	l := start(t, setup{config: config("/zero")})
	url := "http://" + l.addresses[0]
	if err := fetch(http1(), url+"/zero"); err != nil {
		t.Fatal(err)
	}
	for i, prefix := range []string{"/one", "/two", "/three"} {
		l.write(config(prefix))
		if i > 0 {
			l.signal(syscall.SIGHUP)
		}
		eventually(t, 10*time.Second, "the file is taken: "+prefix, func() bool { return fetch(http1(), url+prefix) == nil })
	}
	l.signal(syscall.SIGHUP)
	eventually(t, 10*time.Second, "a signal without a change is answered in the log", func() bool {
		return strings.Contains(l.log.String(), "configuration unchanged")
	})
	l.write(strings.Replace(config("/four"), "upstream: origin", "upstream: nowhere", 1))
	l.signal(syscall.SIGHUP)
	eventually(t, 10*time.Second, "the refusal is told", func() bool {
		_, body, err := get(l.admin, "/status?format=json")
		return err == nil && strings.Contains(body, "nowhere")
	})
	if err := fetch(http1(), url+"/three"); err != nil {
		t.Fatal(err)
	}
}
