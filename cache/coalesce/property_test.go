package coalesce

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// plan is what one fetch will do, which its head tells its readers.
type plan struct {
	body    []byte
	outcome int
	cut     int // where it ends, if it is cut off
	by      int // the request whose fetch it is
}

const (
	succeeds = iota
	declares
	isCut
	isShort
	isPrivate
	fails
	releases
	panics
	outcomes
)

// TestEveryReaderGetsAllOrAnError: whatever fetches and readers do, a reader gets
// the bytes of one fetch from the first on; it sees a clean end only after the
// last one of a fetch that was whole; what is private reaches its own client
// only; and in the end nobody waits and nothing is held. That no goroutine is
// left is checked by the bubble's end.
func TestEveryReaderGetsAllOrAnError(t *testing.T) {
	rounds := uint64(150)
	if testing.Short() {
		rounds = 30
	}
	for seed := range rounds {
		synctest.Test(t, func(t *testing.T) { play(t, seed) })
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

func play(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7))
	g := New[int, *plan](Options[int]{
		MaxKeyWaiters: 1 + r.IntN(40),
		MaxWaiters:    1 + r.IntN(80),
		MaxObject:     int64(1 + r.IntN(60_000)),
		MaxBytes:      int64(1 + r.IntN(200_000)),
		Window:        1 + r.IntN(20_000),
		Patience:      time.Duration(1 + r.IntN(int(time.Second))),
		MaxFailures:   1 + r.IntN(4),
	})
	away := errors.New("away")
	nap := func(r *rand.Rand, most time.Duration) {
		if r.IntN(3) == 0 {
			time.Sleep(rand.N(most))
		}
	}
	var wg sync.WaitGroup
	for id := range 60 {
		seeds := [2]uint64{r.Uint64(), r.Uint64()}
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seeds[0], seeds[1]))
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(20_000))*time.Millisecond)
			defer cancel()
			time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
			p := &plan{body: pattern(r.IntN(100_000)), outcome: r.IntN(outcomes), by: id}
			p.cut = r.IntN(len(p.body) + 1)
			fr := rand.New(rand.NewPCG(seeds[1], seeds[0]))
			reader, err := g.Join(ctx, r.IntN(3), func(_ context.Context, f *Fill[*plan]) {
				nap(fr, time.Second)
				switch p.outcome {
				case fails:
					f.Fail(errDown)
					return
				case releases:
					f.Release(away)
					return
				case panics:
					panic("a bug")
				case isPrivate:
					f.Pass(p, -1)
				case declares, isShort:
					f.Start(p, int64(len(p.body)))
				default:
					f.Start(p, -1)
				}
				rest := p.body
				if p.outcome == isCut || p.outcome == isShort {
					rest = rest[:p.cut]
				}
				for len(rest) > 0 {
					n := min(len(rest), 1+fr.IntN(30_000))
					var err error
					if fr.IntN(2) == 0 {
						_, err = f.Write(rest[:n])
					} else {
						_, err = f.ReadFrom(bytes.NewReader(rest[:n]))
					}
					if err != nil {
						if _, whole := f.Finish(err); whole {
							t.Errorf("whole after %v", err)
						}
						return
					}
					rest = rest[n:]
					nap(fr, 100*time.Millisecond)
				}
				var end error
				if p.outcome == isCut {
					end = errDown
				}
				body, whole := f.Finish(end)
				if whole && (p.outcome != succeeds && p.outcome != declares && p.cut != len(p.body) || !bytes.Equal(bytes.Join(body, nil), p.body)) {
					t.Errorf("outcome %d gave out %d chunks for storing", p.outcome, len(body))
				}
				nap(fr, time.Second)
			})
			if err != nil {
				if err != ErrFull && err != ErrKeyFull {
					t.Error(err)
				}
				return
			}
			defer reader.Close()
			got, err := read(r, reader, nap)
			if got.plan != nil {
				check(t, id, got, err)
			}
			if err == io.EOF && got.plan == nil {
				t.Error("an end without a beginning")
			}
		})
	}
	wg.Wait()
	time.Sleep(time.Minute) // fetches for nobody end
	synctest.Wait()
	if st := g.Stats(); st.Keys != 0 || st.Waiters != 0 || st.Bytes != 0 || st.Behind != 0 {
		t.Errorf("left behind: %+v", st)
	}
}

type got struct {
	plan *plan
	body []byte
}

func read(r *rand.Rand, reader *Reader[*plan], nap func(*rand.Rand, time.Duration)) (g got, err error) {
	if g.plan, err = reader.Head(); err != nil {
		return got{}, err
	}
	for {
		data, err := reader.Next()
		if err != nil {
			return g, err
		}
		g.body = append(g.body, data...)
		nap(r, 2*time.Second)
		if r.IntN(100) == 0 {
			return g, errors.New("the client left")
		}
	}
}

func check(t *testing.T, id int, g got, err error) {
	p := g.plan
	if p.outcome == isPrivate && p.by != id {
		t.Errorf("%d got what is private to %d", id, p.by)
	}
	if !bytes.HasPrefix(p.body, g.body) {
		t.Errorf("%d bytes that weren't sent", len(g.body))
	}
	if err != io.EOF {
		return
	}
	if len(g.body) != len(p.body) && p.outcome != isCut {
		t.Errorf("a clean end after %d bytes of %d, outcome %d", len(g.body), len(p.body), p.outcome)
	}
	if p.outcome == isCut {
		t.Error("a clean end of a fetch that was cut off")
	}
}
