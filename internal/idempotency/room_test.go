package idempotency

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestOldAnswersMakeRoom: bytes bound the answers, and only entries bound the
// keys. The oldest answers go first, and no key does.
func TestOldAnswersMakeRoom(t *testing.T) {
	for _, file := range []string{"", journalPath(t)} {
		o := options(file)
		o.Sync = SyncNever
		l := open(t, o)
		for i := range 1000 {
			k := fmt.Sprint(i)
			c := wantState(t, l, ask(k), First)
			a := &Answer{Status: 201, Header: http.Header{"Content-Type": {"text/plain"}}, Body: bytes.Repeat([]byte("x"), 1000)}
			if err := l.Finish(t.Context(), testTime, key(k), c.Ticket, a); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := l.Begin(t.Context(), ask("one more")); !errors.Is(err, ErrFull) {
			t.Errorf("beyond the entries: %v", err)
		}
		s := l.Status(testTime)
		if s.Keys != 1000 || s.Bytes > s.MaxBytes || !s.Full || s.Dropped == 0 || s.Dropped > 700 {
			t.Errorf("%+v", s)
		}
		if file != "" {
			l.Close()
			l = open(t, o)
		}
		lost := 0
		for i := range 1000 {
			switch c := wantState(t, l, ask(fmt.Sprint(i)), Answered); {
			case c.Answer.Status != 201:
				t.Fatalf("key %d: %+v", i, c.Answer)
			case !c.Answer.BodyLost && (len(c.Answer.Body) != 1000 || len(c.Answer.Header) != 1):
				t.Fatalf("key %d: in part, and as if whole", i)
			case !c.Answer.BodyLost:
			case file == "" && lost != i:
				t.Fatalf("key %d has lost its answer, and an older one hasn't", i)
			default:
				lost++
			}
		}
		if file == "" && lost != int(s.Dropped) {
			t.Errorf("%d are lost, and %d are said to be", lost, s.Dropped)
		}
		if later := l.Status(testTime.Add(o.Retention)); later.Keys != 0 || later.Bytes != 0 || later.Full {
			t.Errorf("after the retention: %+v", later)
		}
	}
}

// TestAnswersWithoutBodies: one that loses its header isn't whole.
func TestAnswersWithoutBodies(t *testing.T) {
	o := options("")
	o.Bytes = 2000
	l := open(t, o)
	a := wantState(t, l, ask("a"), First)
	b := wantState(t, l, ask("b"), First)
	wantState(t, l, ask("c"), First)
	wantState(t, l, ask("d"), First)
	for k, c := range map[string]Claim{"a": a, "b": b} {
		answer := &Answer{Status: 303, Header: http.Header{"Location": {"/charges/17"}}}
		if k == "b" {
			answer = &Answer{Status: 204}
		}
		if err := l.Finish(t.Context(), testTime, key(k), c.Ticket, answer); err != nil {
			t.Fatal(err)
		}
	}
	if c := wantState(t, l, ask("a"), Answered); !c.Answer.BodyLost || c.Answer.Status != 303 {
		t.Errorf("a 303 that lost its Location: %+v", c.Answer)
	}
	if c := wantState(t, l, ask("b"), Answered); c.Answer.BodyLost {
		t.Errorf("a 204 of which nothing is lost: %+v", c.Answer)
	}
}

// TestDoubtOutlivesATryThatWasntSent: it is the try before of which nobody knows.
func TestDoubtOutlivesATryThatWasntSent(t *testing.T) {
	o := options(journalPath(t))
	l := open(t, o)
	l.Doubt(testTime, key("a"), wantState(t, l, ask("a"), First).Ticket)
	again := ask("a")
	again.TakeDoubt, again.Now = true, testTime.Add(time.Minute)
	for range 2 {
		l.Release(key("a"), wantState(t, l, again, First).Ticket)
		wantState(t, l, ask("a"), Doubtful)
		other := again
		other.Fingerprint = print("b")
		wantState(t, l, other, Mismatch)
		if s := l.Status(testTime); s.Doubtful != 1 || s.Running != 0 {
			t.Errorf("%+v", s)
		}
	}
	l.Close()
	l = open(t, o)
	wantState(t, l, ask("a"), Doubtful)
	if err := l.Forget(t.Context(), key("a")); err != nil {
		t.Fatal(err)
	}
	l.Release(key("a"), wantState(t, l, ask("a"), First).Ticket)
	wantState(t, l, ask("a"), First)
}
