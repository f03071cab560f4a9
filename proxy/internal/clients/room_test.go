package clients

import (
	"math/rand/v2"
	"sync"
	"testing"
)

// TestRoomIsShared: nobody has all of it but by one piece, whoever comes next
// has half of what is left at least, and all comes back.
func TestRoomIsShared(t *testing.T) {
	r := NewRoom(1000)
	fill := func(client uint64) (pieces []*Piece) {
		for {
			p := r.Piece(client)
			if !p.Hold(10) {
				return pieces
			}
			pieces = append(pieces, p)
		}
	}
	var all []*Piece
	for client, want := range []int{50, 25, 12, 6} {
		got := fill(uint64(client))
		if len(got) < want-1 || len(got) > want+1 {
			t.Errorf("client %d has %d pieces of 10, want about %d", client, len(got), want)
		}
		all = append(all, got...)
	}
	for _, p := range all {
		p.Free(p.amount)
	}
	large := r.Piece(1)
	if !large.Hold(600) || !large.Hold(400) || large.Hold(1) {
		t.Error("a first piece may take all there is, and no more")
	}
	large.Free(large.amount)
	if r.Taken() != 0 || len(r.held) != 0 {
		t.Errorf("%d are held in the end, by %v", r.Taken(), r.held)
	}
}

// TestRoomConcurrently: no concurrency takes more than there is, or loses any.
func TestRoomConcurrently(t *testing.T) {
	const most = 500
	r := NewRoom(most)
	var wg sync.WaitGroup
	for seed := range uint64(16) {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1))
			for range 2000 {
				p := r.Piece(seed % 5)
				for range random.IntN(5) {
					p.Hold(random.Int64N(100))
				}
				if n := r.Taken(); n > most || n < p.amount {
					t.Errorf("%d of %d are held, %d of them by one", n, most, p.amount)
				}
				p.Free(p.amount)
			}
		})
	}
	wg.Wait()
	if r.Taken() != 0 || len(r.held) != 0 {
		t.Errorf("%d are held in the end, by %v", r.Taken(), r.held)
	}
}
