package coalesce

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
)

// BenchmarkFollowers: a body of 1 MiB from one fetch to many. The time for each
// byte and reader is what streaming costs.
func BenchmarkFollowers(b *testing.B) {
	body := pattern(1 << 20)
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g := New[int, string](Options[int]{})
			b.SetBytes(int64(len(body) * n))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				begin := make(chan struct{})
				fetch := func(_ context.Context, f *Fill[string]) {
					<-begin
					f.Start("head", int64(len(body)))
					f.Write(body)
					f.Finish(nil)
				}
				var wg sync.WaitGroup
				for range n {
					r, err := g.Join(b.Context(), i, fetch)
					if err != nil {
						b.Fatal(err)
					}
					wg.Go(func() {
						defer r.Close()
						if _, err := r.WriteTo(io.Discard); err != nil {
							b.Error(err)
						}
					})
				}
				close(begin)
				wg.Wait()
			}
		})
	}
}

// BenchmarkAlone is what a miss costs that nobody else waits for: 1 KiB.
func BenchmarkAlone(b *testing.B) {
	g, body := New[int, string](Options[int]{}), pattern(1024)
	fetch := func(_ context.Context, f *Fill[string]) {
		f.Start("head", 1024)
		f.Write(body)
		f.Finish(nil)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r, err := g.Join(b.Context(), i, fetch)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := r.WriteTo(io.Discard); n != 1024 || err != nil {
			b.Fatal(n, err)
		}
		r.Close()
	}
}
