package storm

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// heapInUse is what the heap holds.
func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestFootprint: a detector takes what the package comment says, by what it was
// asked: next to nothing before the first request, and no more than that again
// once nothing has failed for a while.
func TestFootprint(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	play := func(d *Detector, requests, targets int, o func(int) Outcome) time.Time {
		now, requests64 := start, uint64(requests)
		for i := range requests64 {
			now = now.Add(time.Millisecond)
			// Sixteen at a time, so that all stripes are used.
			var rs [16]Request
			r := &rs[i%16]
			*r = Request{Print: 1 + mix(i%uint64(targets)), Client: 1 + i%2000, Class: int(i % 3)}
			d.Arrive(now, r)
			if end := o(int(i)); end == Shed {
				d.AnswerReturn(now, r)
				d.End(now, r, end)
			} else {
				d.End(now.Add(10*time.Second), r, end)
			}
		}
		return now
	}
	for _, c := range []struct {
		name string
		most int64 // KiB each
		ask  func(*Detector)
	}{
		{"idle", 40, func(d *Detector) { d.Tick(start.Add(time.Minute)); d.Status(start.Add(2 * time.Minute)) }},
		{"all is well", 180, func(d *Detector) { play(d, 3_000, 100, func(int) Outcome { return Useful }) }},
		{"all is well, nothing alike", 260, func(d *Detector) { play(d, 10_000, 1<<40, func(int) Outcome { return Useful }) }},
		{"a few fail", 200, func(d *Detector) {
			play(d, 3_000, 100, func(i int) Outcome {
				if i%500 == 0 {
					return Failed
				}
				return Useful
			})
		}},
		{"all is shed, fails or is given up on", 1000, func(d *Detector) {
			play(d, 12_000, 1<<40, func(i int) Outcome { return []Outcome{Shed, Failed, Abandoned}[i%3] })
		}},
		{"an hour later", 260, func(d *Detector) {
			now := play(d, 12_000, 1<<40, func(i int) Outcome { return []Outcome{Shed, Failed, Abandoned}[i%3] })
			d.Tick(now.Add(time.Hour))
		}},
	} {
		const n = 2
		var all [n]*Detector
		before := heapInUse()
		for i := range all {
			all[i] = New(Config{}, start)
			c.ask(all[i])
		}
		each := (heapInUse() - before) / n >> 10
		t.Logf("%s: %d KiB", c.name, each)
		if each > c.most {
			t.Errorf("%s: a detector takes %d KiB, %d at most", c.name, each, c.most)
		}
		runtime.KeepAlive(&all)
	}
}

// TestBoundedMemory: nothing that is asked of a detector takes more and more.
func TestBoundedMemory(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	d := New(Config{}, start)
	play(d, rand.New(rand.NewPCG(1, 1)), start, 20_000)
	before := heapInUse()
	play(d, rand.New(rand.NewPCG(1, 2)), start.Add(time.Minute), 60_000)
	if grown := heapInUse() - before; grown > 64<<10 {
		t.Errorf("60,000 requests left %d bytes behind", grown)
	}
	runtime.KeepAlive(d)
}
