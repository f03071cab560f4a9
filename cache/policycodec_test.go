package cache

import (
	"errors"
	"testing"
	"time"
)

func policyExample(t testing.TB) Policy {
	var c Config
	s := c.Store(request(&c, "GET", "Accept: x\nAccept-Encoding: gzip, br"),
		response(200, "Cache-Control: max-age=60, immutable, stale-if-error=30\nAge: 3\nDate: {-1}\nLast-Modified: {-100}\nETag: W/\"a\"\nVary: Accept, Accept-Encoding, X-None\nCache-Groups: \"g\", \"h\""))
	if !s.Store {
		t.Fatal(s.Reason)
	}
	return s.Policy
}

// TestPolicyCodec: what is written is read again, and decides the same.
func TestPolicyCodec(t *testing.T) {
	p := policyExample(t)
	b, err := p.AppendBinary([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	b = b[len("before"):]
	var q Policy
	if err := q.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if !q.SameVariant(&p) || !q.received.Equal(p.received) || q.etag != p.etag || q.flags != p.flags || len(q.groups) != 2 {
		t.Errorf("%+v; want %+v", q, p)
	}
	again, _ := q.AppendBinary(nil)
	if string(again) != string(b) {
		t.Errorf("% x\n% x", again, b)
	}
	var c Config
	r := request(&c, "GET", "Accept: x\nAccept-Encoding: br,gzip")
	for _, after := range []float64{0, 56, 57, 80, 100} {
		for _, trouble := range []Trouble{Calm, Failed, Overloaded} {
			when := at(after)
			when.Trouble = trouble
			if got, want := q.Reuse(r, &c, when), p.Reuse(r, &c, when); got != want {
				t.Errorf("after %v s: %+v; want %+v", after, got, want)
			}
		}
	}
	// The clock of the next start may be behind: ages don't go below what they were.
	if got := q.Age(t0.Add(-time.Hour)); got != 3*time.Second {
		t.Errorf("age %v", got)
	}
}

// TestPolicyCodecRefuses: every truncation and every other version.
func TestPolicyCodecRefuses(t *testing.T) {
	p := policyExample(t)
	b, _ := p.AppendBinary(nil)
	var q Policy
	for i := range b {
		if err := q.UnmarshalBinary(b[:i]); !errors.Is(err, ErrPolicy) {
			t.Errorf("the first %d bytes: %v", i, err)
		}
	}
	if err := q.UnmarshalBinary(append(b, 0)); !errors.Is(err, ErrPolicy) {
		t.Errorf("a byte more: %v", err)
	}
	b[0]++
	if err := q.UnmarshalBinary(b); !errors.Is(err, ErrPolicy) {
		t.Errorf("another version: %v", err)
	}
	if q.Size() != (&Policy{}).Size() {
		t.Errorf("what was refused left something: %+v", q)
	}
}
