// Hitratio says how much of what is asked for Levee's cache has, on several
// traces and at several sizes, beside a least-recently-used cache of the same
// size, and beside what is possible at all.
//
//	go run ./bench/hitratio
//
// It prints a table and takes half a minute. The traces are the same each time.
// Levee's own figures may differ in the last digit: keys are hashed
// with a seed of chance.
//
// The parts, and the file of each:
//
//	trace.go    what is asked for, and how large it is
//	lru.go      the cache that is easy
//	levee.go    the one that Levee has
//	belady.go   the one that knows the future
//	bound.go    what no cache can exceed
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := write(os.Stdout, traces(standard)); err != nil {
		fmt.Fprintln(os.Stderr, "hitratio:", err)
		os.Exit(1)
	}
}

// shares are the sizes of the caches, in percent of what all keys together take.
var shares = []int{1, 10}

// write plays all traces and writes the table.
func write(w io.Writer, all []trace) error {
	fmt.Fprintln(w, "| trace | cache | LRU | Levee | knowing the future | at most | gained on LRU, of what can be | bytes: LRU, Levee |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|")
	for _, t := range all {
		for _, share := range shares {
			r, err := t.play(share)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(w, "| %s | %d%%, %.1f MiB | %s | %s | %s | %s | %s | %s, %s |\n",
				t.name, share, float64(r.budget)/(1<<20), percent(r.lru.ratio()), percent(r.levee.ratio()), percent(r.belady.ratio()), percent(r.bound),
				percent(r.way()), percent(r.lru.byteRatio()), percent(r.levee.byteRatio()))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func percent(x float64) string { return fmt.Sprintf("%.1f%%", 100*x) }

// count is what a cache came to on a trace.
type count struct {
	requests, hits  int
	bytes, hitBytes int64
}

func (c *count) add(weight int64, hit bool) {
	c.requests++
	c.bytes += weight
	if hit {
		c.hits++
		c.hitBytes += weight
	}
}

func (c count) ratio() float64     { return float64(c.hits) / float64(c.requests) }
func (c count) byteRatio() float64 { return float64(c.hitBytes) / float64(c.bytes) }

// result is a trace at one size of the cache.
type result struct {
	budget             int64
	lru, levee, belady count
	bound              float64
}

// way is how far Levee gets from LRU to what knowing the future gives.
func (r *result) way() float64 {
	return (r.levee.ratio() - r.lru.ratio()) / (r.belady.ratio() - r.lru.ratio())
}

// play plays a trace to every cache.
func (t *trace) play(share int) (r result, err error) {
	r.budget = max(t.total()*int64(share)/100, 1<<20)
	if r.levee, err = levee(t, r.budget); err != nil {
		return r, err
	}
	r.lru, r.belady, r.bound = lru(t, r.budget), belady(t, r.budget), bound(t, r.budget)
	return r, nil
}
