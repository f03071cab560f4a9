package learned

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/proxy/internal/classes"
)

var stateTime = time.Date(2026, 2, 26, 5, 0, 0, 0, time.UTC)

// someState is what two endpoints have learned.
func someState(at time.Time) []Endpoint {
	return []Endpoint{
		{Upstream: "features", Address: "10.0.0.7:8080", At: at, Limit: 37.5, Shape: []float64{0.9, 1.1}, Classes: []Class{
			{"all", limiter.ClassState{Baseline: 40e6, Samples: 300}},
			{"/pkg.Service/Method", limiter.ClassState{Baseline: 4e6, Samples: 12}},
		}},
		{Upstream: "features", Address: "10.0.0.8:8080", At: at, Limit: 4, Classes: []Class{{"all", limiter.ClassState{Baseline: 80e6, Samples: 300}}}},
	}
}

// seal puts any state into an envelope that is sound.
func seal(version int, state string) []byte {
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(state)) != nil {
		compact.Reset()
		compact.WriteString(state)
	}
	return fmt.Appendf(nil, `{"version":%d,"checksum":"%s","state":%s}`, version, checksum(compact.Bytes()), compact.Bytes())
}

func TestStateRoundTrip(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	want := someState(stateTime)
	for range 2 { // the second replaces the first
		text, err := encode(want, stateTime)
		if err != nil {
			t.Fatal(err)
		}
		if err := write(file, text); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	got, err := read(file, stateTime.Add(time.Minute), time.Hour)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, %v", got, err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

// TestUnsoundStateIsIgnored: each kind of damage has its own words for the log.
func TestUnsoundStateIsIgnored(t *testing.T) {
	good, err := encode(someState(stateTime), stateTime)
	if err != nil {
		t.Fatal(err)
	}
	entries := func(n int, entry string) string {
		return `{"written":"2026-02-26T05:00:00Z","endpoints":[` + strings.TrimSuffix(strings.Repeat(entry+",", n), ",") + "]}"
	}
	const entry = `{"upstream":"u","address":"a","at":"2026-02-26T05:00:00Z","limit":4}`
	for name, test := range map[string]struct {
		file  []byte
		after time.Duration
		why   string
	}{
		"empty":              {nil, 0, "torn, or no state file"},
		"torn":               {good[:len(good)/2], 0, "torn, or no state file"},
		"not ours":           {[]byte("apiVersion: levee/v1"), 0, "torn, or no state file"},
		"zeros":              {make([]byte, 4096), 0, "torn, or no state file"},
		"edited":             {bytes.Replace(good, []byte("37.5"), []byte("9999"), 1), 0, "checksum"},
		"without a checksum": {[]byte(`{"version":1,"state":{}}`), 0, "checksum"},
		"of another version": {seal(2, `{}`), 0, "version 2"},
		"of no version":      {[]byte(`{}`), 0, "version 0"},
		"old":                {good, 16 * time.Minute, "written 16m0s ago, and state.maxAge is 15m0s"},
		"from the future":    {good, -time.Hour, "1h0m0s from now"},
		"without endpoints":  {seal(1, `{"written":"2026-02-26T05:00:00Z"}`), 0, "no list of endpoints"},
		"other types":        {seal(1, `{"written":5}`), 0, "unsound"},
		"other types below":  {seal(1, entries(1, `{"limit":"many"}`)), 0, "unsound"},
		"no number":          {seal(1, entries(1, `{"limit":1e999}`)), 0, "unsound"},
		"no upstream":        {seal(1, entries(1, `{}`)), 0, "endpoint 1: no upstream"},
		"a long name":        {seal(1, entries(1, `{"upstream":"`+strings.Repeat("x", 2000)+`","address":"a"}`)), 0, "too long"},
		"nameless class":     {seal(1, entries(1, `{"upstream":"u","address":"a","classes":[{}]}`)), 0, "class without a name"},
		"many classes":       {seal(1, entries(1, `{"upstream":"u","address":"a","classes":[`+strings.Repeat(`{"name":"x"},`, 64)+`{"name":"x"}]}`)), 0, "65 classes"},
		"many latencies":     {seal(1, entries(1, `{"upstream":"u","address":"a","shape":[1`+strings.Repeat(`,1`, 1024)+`]}`)), 0, "1025 latencies"},
		"many endpoints":     {seal(1, entries(maxEndpoints+1, entry)), 0, "more than 4096 endpoints"},
		"deep":               {[]byte(strings.Repeat("[", 100_000)), 0, "torn, or no state file"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decode(test.file, stateTime.Add(test.after), 15*time.Minute)
			if got != nil || err == nil || !strings.Contains(err.Error(), test.why) {
				t.Errorf("got %v, %v; want an error with %q", got, err, test.why)
			}
		})
	}
	// A clock that was set back a little is no reason to forget.
	if got, err := decode(good, stateTime.Add(-time.Minute), 15*time.Minute); len(got) != 2 || err != nil {
		t.Errorf("a minute before it was written: %v, %v", got, err)
	}
}

func TestUnreadableStateIsIgnored(t *testing.T) {
	folder := t.TempDir()
	large := filepath.Join(folder, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, maxBytes+1); err != nil { // takes no room
		t.Fatal(err)
	}
	for path, why := range map[string]string{large: "larger than", folder: "no regular file", os.DevNull: "no regular file"} {
		var log bytes.Buffer
		k := New(slog.New(slog.NewTextHandler(&log, nil)))
		k.Load(config.State{File: path, MaxAge: config.Duration(time.Hour)}, stateTime)
		if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), why) || !strings.Contains(k.Tell().Ignored, why) {
			t.Errorf("%s: logged %q, status %+v", path, log.String(), k.Tell())
		}
	}
}

// TestStateIsKeptWhileAnEndpointIsGone: an address that DNS doesn't name for a
// while is remembered until it is too old.
func TestStateIsKeptWhileAnEndpointIsGone(t *testing.T) {
	k := New(slog.New(slog.DiscardHandler))
	k.cfg.MaxAge = config.Duration(15 * time.Minute)
	state := someState(stateTime)
	k.note(state, 15*time.Minute, stateTime)
	later := stateTime.Add(10 * time.Minute)
	state[0].At = later
	if all := k.note(state[:1], 15*time.Minute, later); len(all) != 2 {
		t.Errorf("after 10 minutes: %v", all)
	}
	numbers := classes.New()
	numbers.Add("first")
	s := k.Recall("features", "10.0.0.7:8080", later, numbers.Add)
	if s == nil || s.Limit != 37.5 || len(s.Classes) != 3 || s.Classes[0].Samples != 0 || s.Classes[1].Baseline != 40e6 || s.Classes[2].Samples != 12 {
		t.Errorf("recalled %+v", s)
	}
	later = stateTime.Add(20 * time.Minute)
	if s := k.Recall("features", "10.0.0.8:8080", later, numbers.Add); s != nil {
		t.Errorf("too old, and recalled: %+v", s)
	}
	if all := k.note(nil, 15*time.Minute, later); len(all) != 1 || all[0].Address != "10.0.0.7:8080" {
		t.Errorf("after 20 minutes: %v", all)
	}
	if s := (*Keeper)(nil).Recall("features", "10.0.0.7:8080", later, numbers.Add); s != nil {
		t.Errorf("nobody recalled: %+v", s)
	}
}

// TestStateIsBounded: of endpoints that come and go the newest are kept.
func TestStateIsBounded(t *testing.T) {
	k := New(slog.New(slog.DiscardHandler))
	var many []Endpoint
	for i := range maxEndpoints + 10 {
		e := someState(stateTime.Add(time.Duration(i) * time.Millisecond))[0]
		e.Address = fmt.Sprint(i)
		many = append(many, e)
	}
	all := k.note(many, time.Hour, stateTime.Add(time.Minute))
	if len(all) != maxEndpoints || len(k.known) != maxEndpoints {
		t.Errorf("%d are written, %d known", len(all), len(k.known))
	}
	if _, ok := k.known[keptFor{"features", "9"}]; ok {
		t.Error("an old one was kept")
	}
	if _, err := encode(all, stateTime); err != nil {
		t.Error(err)
	}
}

// TestStateThatCannotBeWritten: one warning, counted failures, and a line when
// it works again; the start and the requests don't notice.
func TestStateThatCannotBeWritten(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "later")
	file := filepath.Join(folder, "state")
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuffer
		k := New(slog.New(slog.NewTextHandler(&log, nil)))
		k.Load(config.State{File: file, Interval: config.Duration(10 * time.Second), MaxAge: config.Duration(time.Hour)}, time.Now())
		k.Start(func(now time.Time) []Endpoint { return someState(now) })
		defer k.Close()
		began := time.Now()
		if s := k.Tell(); s.Errors != 1 { // told at once, not when the first write is due
			t.Errorf("at the start: %+v", s)
		}
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		s := k.Tell()
		if s.Errors != 31 || !s.FailingSince.Equal(began) || !strings.Contains(s.LastError, "no such file") || !s.Written.IsZero() {
			t.Errorf("status %+v", s)
		}
		if n := strings.Count(log.String(), "can't be written"); n != 1 {
			t.Errorf("%d warnings in 5 minutes:\n%s", n, log.String())
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := strings.Count(log.String(), "can't be written"); n != 2 || !strings.Contains(log.String(), "failures=61") {
			t.Errorf("%d warnings in 15 minutes:\n%s", n, log.String())
		}
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s := k.Tell(); s.LastError != "" || !s.FailingSince.IsZero() || s.Written.IsZero() || !strings.Contains(log.String(), "can be written again") {
			t.Errorf("status %+v, log\n%s", s, log.String())
		}
	})
}

// TestStateThatHangs: a disk that hangs holds up neither whoever looks nor, for
// long, a stop.
func TestStateThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuffer
		k := New(slog.New(slog.NewTextHandler(&log, nil)))
		k.Load(config.State{File: filepath.Join(os.TempDir(), "never-written"), Interval: config.Duration(time.Second), MaxAge: config.Duration(time.Hour)}, time.Now())
		hangs := make(chan struct{})
		k.Start(func(time.Time) []Endpoint { <-hangs; return nil })
		time.Sleep(time.Minute)
		if k.Tell() == nil || k.Recall("a", "b", time.Now(), classes.New().Add) != nil {
			t.Error("nobody is told")
		}
		began := time.Now()
		k.Close()
		if d := time.Since(began); d != lastWrite || !strings.Contains(log.String(), "not written in time") {
			t.Errorf("a stop took %v\n%s", d, log.String())
		}
		close(hangs)
	})
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// TestStateFollowsAReload: a file of another name is written at once, and none
// when it is switched off.
func TestStateFollowsAReload(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		k := New(slog.New(slog.DiscardHandler))
		cfg := config.State{Interval: config.Duration(24 * time.Hour), MaxAge: config.Duration(time.Hour)}
		k.Load(cfg, time.Now())
		k.Start(func(now time.Time) []Endpoint { return someState(now) })
		synctest.Wait()
		if k.Tell() != nil {
			t.Error("state is kept, though nobody asked")
		}
		cfg.File = filepath.Join(folder, "new")
		k.Configure(cfg)
		synctest.Wait()
		if _, err := os.Stat(cfg.File); err != nil || k.Tell().Written.IsZero() {
			t.Errorf("%v, %+v", err, k.Tell())
		}
		cfg.File = ""
		k.Configure(cfg)
		synctest.Wait()
		if k.Tell() != nil {
			t.Errorf("switched off: %+v", k.Tell())
		}
		cfg.File = filepath.Join(folder, "last")
		k.Configure(cfg)
		k.Close() // writes once more
		k.Close()
		if _, err := os.Stat(cfg.File); err != nil {
			t.Error(err)
		}
	})
}

// TestStateTemporaryIsOurs: what somebody has put in the temporary file's place
// is not written through.
func TestStateTemporaryIsOurs(t *testing.T) {
	folder := t.TempDir()
	file, other := filepath.Join(folder, "state"), filepath.Join(folder, "other")
	if err := os.WriteFile(other, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, file+".tmp"); err != nil {
		t.Fatal(err)
	}
	if err := write(file, []byte("state")); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(other); string(text) != "precious" {
		t.Errorf("the link was followed: %q", text)
	}
	if info, err := os.Lstat(file); err != nil || info.Mode()&fs.ModeSymlink != 0 {
		t.Errorf("%v, %v", info, err)
	}
}

// FuzzState feeds anything to the reader, as it is and in an envelope that is
// sound. What it takes must be within its bounds, be written and read back the
// same, and give a limiter that works.
func FuzzState(f *testing.F) {
	good, err := encode(someState(stateTime), stateTime)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte(`{"written":"2026-02-26T05:00:00Z","endpoints":[{"upstream":"u","address":"a","at":"2026-02-26T05:00:00Z","limit":1e308,"classes":[{"name":"x","baseline":-1,"samples":1e300},{"name":"x"}],"shape":[0,-1,1e-300]}]}`))
	f.Add([]byte(`{"written":"2026-02-26T05:00:00+23:59","endpoints":[null,{}]}`))
	f.Add([]byte(`{"written":"9999-12-31T23:59:59Z","endpoints":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, file := range [][]byte{data, seal(version, string(data))} {
			all, err := decode(file, stateTime, 15*time.Minute)
			if err != nil {
				continue
			}
			text, err := encode(all, stateTime)
			if err != nil {
				t.Fatal(err)
			}
			again, err := decode(text, stateTime, 15*time.Minute)
			if err != nil || fmt.Sprint(again) != fmt.Sprint(all) {
				t.Fatalf("%v became %v, %v", all, again, err)
			}
			k := New(slog.New(slog.DiscardHandler))
			k.cfg.MaxAge = config.Duration(15 * time.Minute)
			k.note(all, 15*time.Minute, stateTime)
			for _, e := range all {
				l := limiter.New(limiter.Config{State: k.Recall(e.Upstream, e.Address, stateTime, classes.New().Add)}, stateTime)
				if s := l.Status(stateTime); math.IsNaN(s.Limit) || s.Limit < 1 || s.Limit > 10_000 {
					t.Fatalf("limit %v of %+v", s.Limit, e)
				}
			}
		}
	})
}
