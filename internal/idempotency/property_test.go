package idempotency

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// TestCarriedOutOnce plays many clients with few keys, whose waits are given up
// at random, over several lives of one store: whatever happens, a key is sent
// again only if it was released. What is sent counts as sent until then, also
// where its process ends.
func TestCarriedOutOnce(t *testing.T) {
	const keys, clients, lives = 40, 16, 4
	for seed := range uint64(4) {
		file := journalPath(t)
		var sent [keys]atomic.Int64
		var firsts, twins atomic.Int64
		for life := range lives {
			o := options(file)
			o.Sync = []Sync{SyncAlways, SyncNever, SyncInterval}[seed%3]
			l := Open(o, testTime)
			var wg sync.WaitGroup
			for client := range clients {
				wg.Go(func() {
					g := rand.New(rand.NewPCG(seed, uint64(life*clients+client)))
					for range 60 {
						i := g.IntN(keys)
						name := fmt.Sprint(i)
						ctx, leave := context.WithCancel(context.Background())
						if g.IntN(4) == 0 {
							leave() // at once; the claim may be written or not
						}
						c, err := l.Begin(ctx, ask(name))
						leave()
						switch {
						case err != nil && !errors.Is(err, context.Canceled):
							t.Errorf("key %d: %v", i, err)
						case err != nil:
						case c.State == Answered:
							twins.Add(1)
							if string(c.Answer.Body) != name {
								t.Errorf("key %d got the answer of %q", i, c.Answer.Body)
							}
						case c.State == First:
							firsts.Add(1)
							if n := sent[i].Add(1); n > 1 {
								t.Errorf("key %d was sent %d times", i, n)
							}
							switch g.IntN(8) {
							case 0: // nothing was sent after all
								sent[i].Add(-1)
								l.Release(key(name), c.Ticket)
							case 1:
								l.Doubt(testTime, key(name), c.Ticket)
							case 2: // never ended: a process that dies
							default:
								if err := l.Finish(context.Background(), testTime, key(name), c.Ticket, answer(name)); err != nil {
									t.Errorf("key %d: %v", i, err)
								}
							}
						}
					}
				})
			}
			wg.Wait()
			file = copyOf(t, file) // as a kill leaves it
			l.Close()
		}
		if firsts.Load() < keys/2 || twins.Load() == 0 {
			t.Errorf("%d firsts, %d twins: little was tested", firsts.Load(), twins.Load())
		}
	}
}
