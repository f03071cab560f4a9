package storm

import (
	"math"
	"testing"
	"time"
)

// TestPrices: each attempt costs twice as much as the one before.
func TestPrices(t *testing.T) {
	t.Parallel()
	for attempt, want := range map[int]float64{0: 1, 1: 1, 2: 2, 3: 4, 4: 8, 7: 64, 8: 64, 255: 64} {
		if got := price(attempt); got != want {
			t.Errorf("attempt %d costs %v, want %v", attempt, got, want)
		}
	}
}

// TestIncome: a tenth of what is answered may be second attempts, what was
// promised is set aside, and a service that answers nothing is still tried.
func TestIncome(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name               string
		useful, due, lapse float64 // in each second
		share              float64
		want               int // second attempts in ten seconds, from an empty bucket
	}{
		{"as usual", 100, 0, 0, 10, 100},
		{"little traffic", 5, 0, 0, 10, 10},
		{"down", 0, 0, 0, 10, 10},
		{"half is promised", 100, 5, 0, 10, 50},
		{"all is promised", 100, 10, 0, 10, 0},
		{"promises nobody keeps", 100, 10, 10, 10, 100},
		{"recovering", 100, 0, 0, 50, 500},
	} {
		b := budget{rate: c.useful}
		admitted := 0
		for range 10 {
			b.owe(c.due)
			b.lapse(c.lapse)
			b.earn(c.useful, 1, c.share, false)
			for b.take(price(2), 0) {
				admitted++
			}
		}
		if admitted != c.want {
			t.Errorf("%s: %d second attempts, want %d", c.name, admitted, c.want)
		}
	}
	b := budget{rate: 100}
	for range 100 {
		b.earn(100, 1, 10, false)
	}
	if b.tokens != 2*budgetSpan*10 {
		t.Errorf("saved up %v tokens, want %v", b.tokens, 2*budgetSpan*10)
	}
}

// TestShares: of two who ask, the one that asks ten times as often gets no more
// than its share, until the other has what it wants.
func TestShares(t *testing.T) {
	t.Parallel()
	const greedy, modest = 3, 4
	b := budget{rate: 100}
	got := map[uint64]int{}
	for range 400 { // 100 s
		b.earn(25, 0.25, 10, false)
		for i := range 22 {
			client := uint64(greedy)
			if i%11 == 10 {
				client = modest
			}
			if b.take(price(2), client) {
				got[client]++
			}
		}
		b.fade(float32(math.Exp2(-0.25 / 2)))
	}
	if all := got[greedy] + got[modest]; all < 950 || all > 1025 || got[modest] < 300 {
		t.Errorf("admitted: %v", got)
	}
	alone := budget{rate: 100}
	n := 0
	for range 400 {
		alone.earn(25, 0.25, 10, false)
		for range 20 {
			if alone.take(price(2), greedy) {
				n++
			}
		}
		alone.fade(float32(math.Exp2(-0.25 / 2)))
	}
	if n < 950 {
		t.Errorf("alone: %d", n)
	}
}

// TestRefund: what was taken for an attempt that was never made is there again.
func TestRefund(t *testing.T) {
	t.Parallel()
	b := budget{rate: 100}
	b.earn(50, 1, 10, false)
	before := b.tokens
	for range 100 {
		if !b.take(4, 9) {
			t.Fatal("refused")
		}
		b.refund(4, 9)
	}
	if b.tokens != before || b.spent[clientSlot(9)] != 0 || b.all != 0 {
		t.Errorf("%v tokens of %v, %v spent", b.tokens, before, b.all)
	}
}

// TestHighAttempts: who has failed often is let in when nobody else asks, and
// not more often than who has failed once.
func TestHighAttempts(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	d := New(Config{}, now)
	admitted, second := 0, 0
	for i := range 6000 { // a minute of an outage
		now = now.Add(10 * time.Millisecond)
		r := Request{Client: 1}
		d.Arrive(now, &r)
		d.End(now, &r, Failed)
		r = Request{Client: 2, Says: 9}
		if i >= 3000 { // and others ask for a second attempt
			r = Request{Client: 2 + uint64(i%2), Says: 9 - 7*(i%2)}
		}
		d.Arrive(now, &r)
		if d.Admit(now, &r) && i >= 100 {
			if r.Attempt == 2 {
				second++
			} else if i < 3000 {
				admitted++
			} else {
				t.Errorf("attempt 9 is let in, %v, while others ask for their second", now)
			}
		}
		d.End(now, &r, Failed)
	}
	if most := budgetLeast / price(2) * 30; admitted < 10 || float64(admitted) > most || second < 25 {
		t.Errorf("in half a minute: of attempts 9 %d were let in, of second ones later %d; at most %v", admitted, second, most)
	}
}

// TestSharesOfThoseWhoLeft: who doesn't ask any more keeps no share.
func TestSharesOfThoseWhoLeft(t *testing.T) {
	t.Parallel()
	b := budget{rate: 200}
	got := 0
	for i := range 80 { // 20 s
		b.earn(50, 0.25, 10, false)
		from := uint64(1)
		if i >= 40 {
			from = 1001 // others, after them
		}
		for n := range uint64(2000) {
			if b.take(price(2), from+n%20) && i >= 50 {
				got++
			}
		}
		b.fade(float32(math.Exp2(-0.25 / 2)))
	}
	if want := 30 * 5; got < want*9/10 {
		t.Errorf("%d were let in from 2.5 s after the others had left, want %d", got, want)
	}
}

// TestDown: what was saved up isn't spent on a service that is down.
func TestDown(t *testing.T) {
	t.Parallel()
	b := budget{rate: 300}
	for range 40 {
		b.earn(75, 0.25, 10, false)
	}
	saved := b.tokens
	b.earn(0, 0.25, 10, true)
	if b.tokens > budgetLeast*budgetSpan || saved < 100 {
		t.Errorf("of %v tokens %v are left", saved, b.tokens)
	}
}

// TestForgiven: promises that were made don't keep all others waiting once
// nothing is shed.
func TestForgiven(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	d := New(Config{}, now)
	step := func(shed bool) (admitted bool) {
		now = now.Add(5 * time.Millisecond)
		r := Request{}
		d.Arrive(now, &r)
		if shed {
			d.End(now, &r, Shed)
		} else {
			d.End(now, &r, Useful)
		}
		r = Request{Says: 2}
		d.Arrive(now, &r)
		admitted = d.Admit(now, &r)
		d.End(now, &r, Neutral)
		return admitted
	}
	for i := range 600 {
		step(i%2 == 0)
	}
	d.mu.Lock()
	d.budget.owe(1000)
	d.mu.Unlock()
	admitted := [2]int{}
	for i := range 400 {
		if step(i < 200 && i%2 == 0) {
			admitted[i/200]++
		}
	}
	if admitted[0] > 5 || admitted[1] < 8 {
		t.Errorf("while some are shed %d were let in, in the next second %d", admitted[0], admitted[1])
	}
}
