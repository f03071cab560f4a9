package idempotency

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var testTime = time.Unix(1_700_000_000, 0)

func options(file string) Options {
	// A disk that is slow because the machine is busy is none that hangs.
	return Options{File: file, Retention: time.Hour, Entries: 1000, Bytes: 1 << 20, patience: time.Minute}
}

func journalPath(t *testing.T) string { return filepath.Join(t.TempDir(), "journal") }

func key(s string) Key           { return NewKey("route", "client", s) }
func print(s string) Fingerprint { return NewFingerprint("POST", "host", "/", []byte(s)) }
func ask(s string) Request {
	return Request{Key: key(s), Fingerprint: print(s), Now: testTime}
}

func begin(t *testing.T, l *Local, r Request) Claim {
	t.Helper()
	c, err := l.Begin(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantState begins a request and wants it to be in a state.
func wantState(t *testing.T, l *Local, r Request, want State) Claim {
	t.Helper()
	c := begin(t, l, r)
	if c.State != want {
		t.Fatalf("state %d, want %d", c.State, want)
	}
	return c
}

func answer(body string) *Answer {
	return &Answer{Status: 201, Header: http.Header{"X-Id": {"7"}}, Body: []byte(body)}
}

func finish(t *testing.T, l *Local, s string, c Claim) {
	t.Helper()
	if err := l.Finish(t.Context(), testTime, key(s), c.Ticket, answer(s)); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, o Options) *Local {
	t.Helper()
	l := Open(o, testTime)
	t.Cleanup(l.Close)
	return l
}

// Both kinds of store go through the same life of a key.
func TestLifeOfAKey(t *testing.T) {
	for _, file := range []string{"", journalPath(t)} {
		l := open(t, options(file))
		first := wantState(t, l, ask("a"), First)
		twin := wantState(t, l, ask("a"), Running)
		other := ask("a")
		other.Fingerprint = print("something else")
		wantState(t, l, other, Mismatch)
		select {
		case <-twin.Done:
			t.Fatal("a twin that runs has settled")
		default:
		}
		finish(t, l, "a", first)
		<-twin.Done
		if c := wantState(t, l, ask("a"), Answered); string(c.Answer.Body) != "a" || c.Answer.Status != 201 || c.Answer.Header.Get("X-Id") != "7" {
			t.Errorf("answered with %+v", c.Answer)
		}
		wantState(t, l, other, Mismatch)

		released := wantState(t, l, ask("b"), First)
		l.Release(key("b"), released.Ticket)
		again := wantState(t, l, ask("b"), First)
		l.Release(key("b"), released.Ticket) // the claim before: nothing happens
		wantState(t, l, ask("b"), Running)
		l.Doubt(testTime, key("b"), again.Ticket)
		wantState(t, l, ask("b"), Doubtful)
		if err := l.Finish(t.Context(), testTime, key("b"), again.Ticket, answer("late")); !errors.Is(err, ErrClaim) {
			t.Errorf("an ended claim could be finished: %v", err)
		}
		brave := ask("b")
		brave.TakeDoubt = true
		finish(t, l, "b", wantState(t, l, brave, First))
		wantState(t, l, ask("b"), Answered)
		if s := l.Status(testTime); s.Keys != 2 || s.Running != 0 || s.Doubtful != 0 {
			t.Errorf("status %+v", s)
		}
	}
}

// A killed process is one that never closed its store: what it had begun is in
// doubt, what it had answered is answered.
func TestJournalOutlivesTheProcess(t *testing.T) {
	o := options(journalPath(t))
	l := open(t, o)
	finish(t, l, "answered", wantState(t, l, ask("answered"), First))
	wantState(t, l, ask("begun"), First)
	l.Release(key("released"), wantState(t, l, ask("released"), First).Ticket)
	doubt := wantState(t, l, ask("doubt"), First)
	l.Doubt(testTime, key("doubt"), doubt.Ticket)
	finish(t, l, "last", wantState(t, l, ask("last"), First)) // so that all before it is written

	o.File = copyOf(t, o.File)
	l = open(t, o)
	if c := wantState(t, l, ask("answered"), Answered); string(c.Answer.Body) != "answered" {
		t.Errorf("answered with %+v", c.Answer)
	}
	wantState(t, l, ask("begun"), Doubtful)
	wantState(t, l, ask("doubt"), Doubtful)
	wantState(t, l, ask("released"), First)
	if s := l.Status(testTime); s.Journal.Restored != 4 || s.Doubtful != 2 || s.Journal.Error != "" {
		t.Errorf("status %+v %+v", s, s.Journal)
	}
}

// copyOf is a journal as a kill would leave it: its store is still at work.
func copyOf(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, text)
}

func written(t *testing.T, text []byte) string {
	t.Helper()
	file := journalPath(t)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRetention(t *testing.T) {
	o := options(journalPath(t))
	l := open(t, o)
	finish(t, l, "a", wantState(t, l, ask("a"), First))
	running := wantState(t, l, ask("running"), First)
	late := ask("a")
	late.Now = testTime.Add(time.Hour - 1)
	wantState(t, l, late, Answered)
	late.Now = testTime.Add(time.Hour)
	wantState(t, l, late, First)
	late = ask("running") // one under way is never forgotten
	late.Now = testTime.Add(48 * time.Hour)
	wantState(t, l, late, Running)
	finish(t, l, "running", running)

	o.File = copyOf(t, o.File)
	l = Open(o, testTime.Add(2*time.Hour))
	defer l.Close()
	if n := l.Status(testTime.Add(2 * time.Hour)).Keys; n != 0 {
		t.Errorf("%d keys are remembered beyond their retention", n)
	}
	// A clock that was set back keeps keys for longer, not for ever.
	o.File = copyOf(t, o.File)
	l = Open(o, testTime.Add(-48*time.Hour))
	defer l.Close()
	if n := l.Status(testTime.Add(-48 * time.Hour)).Keys; n != 2 {
		t.Errorf("%d keys, want 2", n)
	}
	if n := l.Status(testTime.Add(-47 * time.Hour)).Keys; n != 0 {
		t.Errorf("%d keys an hour later, want none", n)
	}
}

// What is full refuses; it forgets nothing.
func TestFull(t *testing.T) {
	o := options("")
	o.Entries = 2
	l := open(t, o)
	finish(t, l, "a", wantState(t, l, ask("a"), First))
	wantState(t, l, ask("b"), First)
	if _, err := l.Begin(t.Context(), ask("c")); !errors.Is(err, ErrFull) {
		t.Fatalf("a third of two keys: %v", err)
	}
	wantState(t, l, ask("a"), Answered)
	late := ask("c")
	late.Now = testTime.Add(time.Hour)
	wantState(t, l, late, First)

	o = options("")
	o.Bytes = 2000
	l = open(t, o)
	c := wantState(t, l, ask("big"), First)
	if err := l.Finish(t.Context(), testTime, key("big"), c.Ticket, &Answer{Status: 200, Body: make([]byte, 2000)}); err != nil {
		t.Fatal(err)
	}
	if c := wantState(t, l, ask("big"), Answered); !c.Answer.BodyLost || c.Answer.Status != 200 || c.Answer.Body != nil {
		t.Errorf("an answer without room: %+v", c.Answer)
	}
	for _, k := range []string{"d", "e", "f"} {
		wantState(t, l, ask(k), First)
	}
	if _, err := l.Begin(t.Context(), ask("g")); !errors.Is(err, ErrFull) {
		t.Errorf("beyond the bytes: %v", err)
	}
}

func TestKeysDontMeet(t *testing.T) {
	keys := map[Key]bool{NewKey("a", "b", "c"): true, NewKey("ab", "", "c"): true, NewKey("a", "bc", ""): true, NewKey("", "ab", "c"): true}
	if len(keys) != 4 {
		t.Error("bytes moved from one part to the next make the same key")
	}
	prints := map[Fingerprint]bool{}
	for _, f := range []Fingerprint{
		NewFingerprint("POST", "h", "/", nil), NewFingerprint("PUT", "h", "/", nil), NewFingerprint("POST", "i", "/", nil),
		NewFingerprint("POST", "h", "/x", nil), NewFingerprint("POST", "h", "/", []byte("x")),
	} {
		prints[f] = true
	}
	if len(prints) != 5 {
		t.Error("different requests have one fingerprint")
	}
}

// A client that leaves while its claim is written leaves nothing behind.
func TestLeavingWhileTheClaimIsWritten(t *testing.T) {
	l := open(t, options(journalPath(t)))
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := l.Begin(gone, ask("a")); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	} else if err != nil {
		wantState(t, l, ask("a"), First)
	}
}

// What an answer is counted as is what it takes: no more of a buffer is kept
// than it fills.
func TestAnswersAreKeptTight(t *testing.T) {
	l := open(t, options(""))
	c := wantState(t, l, ask("a"), First)
	body := append(make([]byte, 0, 64<<10), "body"...)
	if err := l.Finish(t.Context(), testTime, key("a"), c.Ticket, &Answer{Status: 200, Body: body}); err != nil {
		t.Fatal(err)
	}
	a := wantState(t, l, ask("a"), Answered).Answer
	if string(a.Body) != "body" || cap(a.Body) > 64 {
		t.Errorf("%q, %d bytes are kept", a.Body, cap(a.Body))
	}
}

// Once read, a key's age is told by the monotonic clock: one that is set
// forward while Levee runs makes nothing older.
func TestRestoredKeysAgeByTheMonotonicClock(t *testing.T) {
	o := options(journalPath(t))
	now := time.Now()
	l := Open(o, now)
	r := ask("a")
	r.Now = now.Add(-time.Minute)
	c := wantState(t, l, r, First)
	l.Doubt(r.Now, r.Key, c.Ticket)
	l.Close()

	l = Open(o, now)
	defer l.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.table.entries[r.Key]
	if age := now.Sub(e.since); age != time.Minute {
		t.Errorf("its age is %v", age)
	}
	if !strings.Contains(e.since.String(), " m=") {
		t.Errorf("%v has no monotonic reading", e.since)
	}
}
