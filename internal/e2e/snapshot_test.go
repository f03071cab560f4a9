package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/levee-proxy/levee/proxy"
)

// warm is a levee whose cache has a snapshot, before an origin that says which
// of its answers it is.
type warm struct {
	t     *testing.T
	file  string
	setup setup
	asked atomic.Int64
}

// warmKeys are asked for, each answered with some KiB.
const warmKeys = 200

func newWarm(t *testing.T, file, interval string) *warm {
	w := &warm{t: t, file: file}
	address := origin(t, func(out http.ResponseWriter, r *http.Request) {
		w.asked.Add(1)
		out.Header().Set("Cache-Control", "max-age=3600")
		io.WriteString(out, warmBody(r.URL.Path))
	})
	w.setup = setup{config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
log: {access: none}
cache: {snapshot: {file: %q, interval: %s}}
routes: [{upstream: origin, cache: {mode: on}}]
upstreams: [{name: origin, endpoints: ["http://%s"]}]
`, file, interval, address)}
	return w
}

func warmBody(path string) string { return strings.Repeat(path, 3000/len(path)) }

// start starts levee and waits until it has read its snapshot.
func (w *warm) start() *levee {
	w.t.Helper()
	l := start(w.t, w.setup)
	eventually(w.t, 10*time.Second, "the snapshot is read", func() bool {
		s := w.status(l)
		return !s.Reading && (s.ReadSeconds > 0 || s.Ignored != "")
	})
	return l
}

func (w *warm) status(l *levee) *proxy.CacheSnapshotStatus {
	w.t.Helper()
	c := l.status().Proxy.Cache
	if c == nil || c.Snapshot == nil {
		w.t.Fatal("no snapshot in the status")
	}
	return c.Snapshot
}

// askAll asks for each key, wants the right answer, and counts those that the
// origin was asked for.
func (w *warm) askAll(l *levee) (misses int64) {
	w.t.Helper()
	client, before := http1(), w.asked.Load()
	for i := range warmKeys {
		path := fmt.Sprintf("/%d", i)
		status, body, err := askNamed(client, l, path)
		if err != nil || status != http.StatusOK || body != warmBody(path) {
			w.t.Fatalf("%s: %d, %d bytes, %v", path, status, len(body), err)
		}
	}
	return w.asked.Load() - before
}

// TestCacheOutlivesAStop: SIGTERM writes the snapshot, the next levee answers
// from it at once and with the age that things have, and is ready before it was read.
func TestCacheOutlivesAStop(t *testing.T) {
	w := newWarm(t, filepath.Join(t.TempDir(), "cache"), "1h")
	l := w.start()
	if n := w.askAll(l); n != warmKeys {
		t.Errorf("cold: %d misses", n)
	}
	l.stop(syscall.SIGTERM)
	l = w.start()
	if n := w.askAll(l); n != 0 {
		t.Errorf("warm: %d misses", n)
	}
	if s := w.status(l); s.Restored != warmKeys || s.LeftOut != 0 || s.Ignored != "" {
		t.Errorf("%+v", s)
	}
	if n := l.metric(`levee_cache_snapshot_answers_total{result="restored"}`); n != warmKeys {
		t.Errorf("%v answers are counted", n)
	}
}

// TestKilledWhileWritingASnapshot: kill -9 at any moment, while one snapshot
// after the other is written, leaves a whole one.
func TestKilledWhileWritingASnapshot(t *testing.T) {
	w := newWarm(t, filepath.Join(t.TempDir(), "cache"), "1s")
	l := w.start()
	w.askAll(l)
	l.stop(syscall.SIGINT)
	kills := 12
	if testing.Short() {
		kills = 3
	}
	beside := func() []string {
		files, _ := filepath.Glob(w.file + ".writing-*")
		return files
	}
	torn, left := 0, map[string]bool{} // what kills left behind
	for i := range kills {
		l = w.start()
		if s := w.status(l); s.Restored < warmKeys || s.Ignored != "" || s.LeftOut != 0 {
			t.Fatalf("after kill %d: %+v", i, s)
		}
		if n := w.askAll(l); n != 0 {
			t.Errorf("after kill %d: %d misses", i, n)
		}
		// Something new, so that there is something to write; then the moment when it
		// begins to be, and a little more or less.
		if _, _, err := askNamed(http1(), l, fmt.Sprintf("/more/%d", i)); err != nil {
			t.Fatal(err)
		}
		for begun := time.Now(); time.Since(begun) < 3*time.Second && !slices.ContainsFunc(beside(), func(file string) bool { return !left[file] }); {
		}
		for wait := time.Now().Add(rand.N(3 * time.Millisecond)); time.Now().Before(wait); {
		}
		l.signal(syscall.SIGKILL)
		l.wait(-1)
		for _, file := range beside() {
			if !left[file] {
				torn++
			}
			left[file] = true
		}
	}
	t.Logf("%d of %d kills came in the middle of a write", torn, kills)
	l = w.start()
	if _, _, err := askNamed(http1(), l, "/most"); err != nil {
		t.Fatal(err)
	}
	l.stop(syscall.SIGINT)
	if left := beside(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// askNamed asks for something at a host's name: keys have the host, and each
// levee listens on a port of its own.
func askNamed(client *http.Client, l *levee, path string) (status int, body string, err error) {
	request, err := http.NewRequest(http.MethodGet, "http://"+l.addresses[0]+path, nil)
	if err != nil {
		return 0, "", err
	}
	request.Host = "example.com"
	resp, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), errors.Join(err, resp.Body.Close())
}

// TestDamagedSnapshots: a torn file, and one with a flipped bit in each of its
// regions, are used as far as they are sound. Levee starts, serves the right
// answers, and says so in its log and its status.
func TestDamagedSnapshots(t *testing.T) {
	w := newWarm(t, filepath.Join(t.TempDir(), "cache"), "1h")
	l := w.start()
	w.askAll(l)
	l.stop(syscall.SIGINT)
	whole, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	type damage struct {
		name string
		file []byte
	}
	flip := func(at int) []byte {
		file := bytes.Clone(whole)
		file[at] ^= 1 << rand.IntN(8)
		return file
	}
	damages := []damage{
		{"torn in the preamble", whole[:10]},
		{"torn in the middle", whole[:len(whole)/2]},
		{"torn at the end", whole[:len(whole)-1]},
		{"a flipped bit in the magic", flip(3)},
		{"a flipped bit in the version", flip(8)},
		{"a flipped bit in the time", flip(14)},
		{"a flipped bit in the schema", flip(22)},
		{"a flipped bit in a record's head", flip(52)},
		{"a flipped bit in a key or in what is known of it", flip(90)},
		{"a flipped bit in the middle", flip(len(whole) / 2)},
		{"a flipped bit in the end mark", flip(len(whole) - 2)},
	}
	if testing.Short() {
		damages = damages[:5]
	}
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			w.t = t
			if err := os.WriteFile(w.file, d.file, 0o600); err != nil {
				t.Fatal(err)
			}
			l := w.start()
			s := w.status(l)
			misses := w.askAll(l)
			if s.Ignored == "" || int(misses)+s.Restored != warmKeys || l.metric("levee_cache_snapshot_ignored") != 1 {
				t.Errorf("%d misses, %+v", misses, s)
			}
			if n := strings.Count(l.log.String(), "the cache's snapshot is"); n != 1 {
				t.Errorf("told %d times:\n%s", n, l.log)
			}
			l.stop(syscall.SIGINT)
			l = w.start()
			if s := w.status(l); s.Ignored != "" || s.Restored != warmKeys {
				t.Errorf("the next one: %+v", s)
			}
			l.stop(syscall.SIGINT)
		})
	}
}
