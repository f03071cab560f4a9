package coalesce

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errDown = errors.New("connection refused")

// never is the fetch of a request that must only follow.
func never(t *testing.T) Fetch[string] {
	return func(context.Context, *Fill[string]) { t.Error("a second fetch") }
}

func join(t *testing.T, g *Group[string, string], ctx context.Context, fetch Fetch[string]) *Reader[string] {
	t.Helper()
	r, err := g.Join(ctx, "key", fetch)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// all reads to the end, and returns what came with the error that ended it: nil
// for a complete body.
func all(r *Reader[string]) (string, error) {
	if _, err := r.Head(); err != nil {
		return "", err
	}
	var b strings.Builder
	_, err := r.WriteTo(&b)
	return b.String(), err
}

// idle says that a group holds nothing any more.
func idle(t *testing.T, g *Group[string, string]) {
	t.Helper()
	if st := g.Stats(); st.Keys != 0 || st.Waiters != 0 || st.Bytes != 0 || st.Behind != 0 {
		t.Errorf("left behind: %+v", st)
	}
}

// TestOneFetchForAll: who joins early, in the middle, or when the body is
// complete but not stored yet gets all of it from one fetch.
func TestOneFetchForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New[string, string](Options[string]{})
		stored, proceed := "", make(chan struct{})
		first := join(t, g, t.Context(), func(_ context.Context, f *Fill[string]) {
			<-proceed
			f.Start("head", 12)
			io.WriteString(f, "hello ")
			<-proceed
			io.WriteString(f, "world!")
			body, whole := f.Finish(nil)
			if !whole {
				t.Error("not whole")
			}
			<-proceed
			stored = string(bytes.Join(body, nil))
		})
		readers := []*Reader[string]{first, join(t, g, t.Context(), never(t))}
		for range 3 {
			proceed <- struct{}{}
			if synctest.Wait(); g.Underway("key") {
				readers = append(readers, join(t, g, t.Context(), never(t)))
			}
		}
		for i, r := range readers {
			head, err := r.Head()
			if body, more := all(r); head != "head" || err != nil || body != "hello world!" || more != nil {
				t.Errorf("reader %d: %q, %v, %q, %v", i, head, err, body, more)
			}
			if r.Led() != (i == 0) {
				t.Errorf("reader %d: led %v", i, r.Led())
			}
			if _, err := r.Next(); err != io.EOF {
				t.Errorf("after the end: %v", err)
			}
			r.Close()
			r.Close()
			if _, err := r.Next(); err != ErrClosed {
				t.Errorf("after closing: %v", err)
			}
		}
		if len(readers) != 4 || stored != "hello world!" || g.Underway("key") {
			t.Errorf("%d readers, stored %q", len(readers), stored)
		}
		if st := g.Stats(); st.Fetches != 1 || st.Joined != 3 {
			t.Errorf("%+v", st)
		}
		idle(t, g)
	})
}

// TestTenThousandFollowers: one fetch, and each has its first byte while the
// fetch still runs.
func TestTenThousandFollowers(t *testing.T) {
	const n = 10_000
	g := New[string, string](Options[string]{})
	started, finish := make(chan struct{}, n+1), make(chan struct{})
	var fetches atomic.Int64
	fetch := func(_ context.Context, f *Fill[string]) {
		fetches.Add(1)
		f.Start("head", -1)
		io.WriteString(f, "first")
		<-finish
		io.WriteString(f, " and last")
		f.Finish(nil)
	}
	var wg sync.WaitGroup
	for range n + 1 {
		wg.Go(func() {
			r, err := g.Join(t.Context(), "key", fetch)
			if err != nil {
				t.Error(err)
				started <- struct{}{}
				return
			}
			defer r.Close()
			data, err := r.Next()
			started <- struct{}{}
			rest, end := all(r)
			if string(data)+rest != "first and last" || err != nil || end != nil {
				t.Errorf("%q, %v, %q, %v", data, err, rest, end)
			}
		})
	}
	for range n + 1 {
		<-started
	}
	close(finish)
	wg.Wait()
	if fetches.Load() != 1 {
		t.Errorf("%d fetches", fetches.Load())
	}
}

// TestFetchOutlivesItsClient, and everybody else.
func TestFetchOutlivesItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New[string, string](Options[string]{})
		type name struct{}
		stored := ""
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), name{}, "trace"))
		first := join(t, g, ctx, func(ctx context.Context, f *Fill[string]) {
			time.Sleep(time.Second)
			if ctx.Err() != nil || ctx.Value(name{}) != "trace" {
				t.Errorf("%v, value %v", ctx.Err(), ctx.Value(name{}))
			}
			f.Start("head", -1)
			io.WriteString(f, "body")
			body, _ := f.Finish(nil)
			stored = string(bytes.Join(body, nil))
		})
		second := join(t, g, t.Context(), never(t))
		cancel()
		if _, err := first.Head(); !errors.Is(err, context.Canceled) {
			t.Errorf("the client that left: %v", err)
		}
		first.Close()
		if body, err := all(second); body != "body" || err != nil {
			t.Errorf("the other: %q, %v", body, err)
		}
		second.Close()
		time.Sleep(time.Second)
		if stored != "body" {
			t.Errorf("stored %q", stored)
		}
		idle(t, g)
	})
}

// TestFollowersHaveTheirOwnDeadlines.
func TestFollowersHaveTheirOwnDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New[string, string](Options[string]{})
		first := join(t, g, t.Context(), func(_ context.Context, f *Fill[string]) {
			time.Sleep(time.Minute)
			f.Start("head", 0)
			f.Finish(nil)
		})
		defer first.Close()
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := join(t, g, ctx, never(t))
		if _, err := r.Head(); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		r.Close()
		if body, err := all(first); body != "" || err != nil || time.Since(begin) != time.Minute {
			t.Errorf("the first: %q, %v after %v", body, err, time.Since(begin))
		}
	})
}

// TestUncacheable: the client whose fetch it is gets the answer, the others are
// sent away before its body came, and a next request doesn't wait for it.
func TestUncacheable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New[string, string](Options[string]{})
		first := join(t, g, t.Context(), func(_ context.Context, f *Fill[string]) {
			time.Sleep(time.Second)
			f.Pass("private", -1)
			time.Sleep(time.Minute)
			io.WriteString(f, "secret")
			if _, whole := f.Finish(nil); whole {
				t.Error("an uncacheable body is given out for storing")
			}
		})
		var others []*Reader[string]
		for range 5 {
			others = append(others, join(t, g, t.Context(), never(t)))
		}
		begin := time.Now()
		for _, r := range others {
			if _, err := r.Head(); err != ErrUncacheable {
				t.Errorf("a follower: %v", err)
			}
			if data, err := r.Next(); err != ErrUncacheable {
				t.Errorf("a follower: %q, %v", data, err)
			}
			r.Close()
		}
		if time.Since(begin) != time.Second || g.Underway("key") {
			t.Errorf("told after %v", time.Since(begin))
		}
		if body, err := all(first); body != "secret" || err != nil {
			t.Errorf("its own client: %q, %v", body, err)
		}
		first.Close()
		synctest.Wait()
		idle(t, g)
	})
}

// TestNobodyWantsIt: an answer that won't be stored is given up when its last
// reader leaves.
func TestNobodyWantsIt(t *testing.T) {
	for name, begin := range map[string]func(*Fill[string]){
		"uncacheable": func(f *Fill[string]) { f.Pass("head", -1) },
		"too large":   func(f *Fill[string]) { f.Start("head", 1<<40) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := New[string, string](Options[string]{})
				r := join(t, g, t.Context(), func(ctx context.Context, f *Fill[string]) {
					begin(f)
					<-ctx.Done()
					if _, err := io.WriteString(f, "more"); err != ErrAbandoned {
						t.Errorf("writing for nobody: %v", err)
					}
				})
				if _, err := r.Head(); err != nil {
					t.Fatal(err)
				}
				r.Close()
				synctest.Wait()
				idle(t, g)
			})
		})
	}
}

// TestTakeover: each failed fetch is told to its own client only. One after the
// other takes over, after a pause, until one succeeds.
func TestTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New[string, string](Options[string]{
			MaxFailures: 5,
			Pause:       func(n int) time.Duration { return time.Duration(n) * time.Second },
		})
		begin, running, order := time.Now(), 0, []string(nil)
		fetch := func(i int) Fetch[string] {
			return func(_ context.Context, f *Fill[string]) {
				if running++; running > 1 {
					t.Error("two fetches at once")
				}
				defer func() { running-- }()
				order = append(order, fmt.Sprintf("%d at %v", i, time.Since(begin)))
				time.Sleep(time.Millisecond)
				if i < 3 {
					f.Fail(errDown)
					return
				}
				f.Start("head", 4)
				io.WriteString(f, "body")
				f.Finish(nil)
			}
		}
		var wg sync.WaitGroup
		for i := range 6 {
			ctx, cancel := context.WithCancel(t.Context())
			if i == 2 { // leaves before its turn
				cancel()
			}
			r := join(t, g, ctx, fetch(i))
			wg.Go(func() {
				defer cancel()
				defer r.Close()
				body, err := all(r)
				switch {
				case i < 2 && !errors.Is(err, errDown), i == 2 && !errors.Is(err, context.Canceled), i > 2 && (body != "body" || err != nil):
					t.Errorf("request %d: %q, %v", i, body, err)
				}
				if err == nil && r.Led() != (i == 3) {
					t.Errorf("request %d: led %v", i, r.Led())
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		if got := strings.Join(order, ", "); got != "0 at 0s, 1 at 1.001s, 3 at 3.002s" {
			t.Errorf("fetches: %s", got)
		}
		if st := g.Stats(); st.Fetches != 3 || st.Takeovers != 2 {
			t.Errorf("%+v", st)
		}
		idle(t, g)
	})
}

// TestGivingUp: after MaxFailures all are told, and a next request tries anew.
func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New[string, string](Options[string]{})
		fetches := 0
		fetch := func(_ context.Context, f *Fill[string]) {
			time.Sleep(time.Millisecond) // all have joined
			fetches++
			if fetches%2 == 0 {
				return // says nothing, which is a failure too
			}
			f.Fail(errDown)
		}
		var readers []*Reader[string]
		for range 10 {
			readers = append(readers, join(t, g, t.Context(), fetch))
		}
		for i, r := range readers {
			want := errDown
			if i == 1 {
				want = ErrNoAnswer
			}
			if _, err := r.Head(); !errors.Is(err, want) {
				t.Errorf("reader %d: %v", i, err)
			}
			r.Close()
		}
		if fetches != 3 {
			t.Errorf("%d fetches", fetches)
		}
		synctest.Wait()
		idle(t, g)
	})
}

// TestTruncated: a body that isn't whole is an error to all who read it, and not
// given out for storing.
func TestTruncated(t *testing.T) {
	for _, c := range []struct {
		name string
		size int64
		body string
		end  func(f *Fill[string]) bool
	}{
		{"reset", -1, "half", func(f *Fill[string]) bool { _, whole := f.Finish(errDown); return whole }},
		{"shorter than declared", 10, "half", func(f *Fill[string]) bool { _, whole := f.Finish(nil); return whole }},
		{"longer than declared", 4, "half", func(f *Fill[string]) bool {
			if _, err := io.WriteString(f, "!"); !errors.Is(err, ErrTruncated) {
				return true
			}
			_, whole := f.Finish(nil)
			return whole
		}},
		{"longer than declared, read", 4, "half", func(f *Fill[string]) bool {
			if _, err := f.ReadFrom(strings.NewReader("!")); !errors.Is(err, ErrTruncated) {
				return true
			}
			_, whole := f.Finish(nil)
			return whole
		}},
		{"never finished", -1, "half", func(*Fill[string]) bool { return false }},
		{"panic", -1, "half", func(*Fill[string]) bool { panic("bug") }},
		{"goexit", -1, "half", func(*Fill[string]) bool { runtime.Goexit(); return false }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := New[string, string](Options[string]{})
				first := join(t, g, t.Context(), func(_ context.Context, f *Fill[string]) {
					time.Sleep(time.Second)
					f.Start("head", c.size)
					io.WriteString(f, c.body)
					if c.end(f) {
						t.Error("given out for storing, or no error")
					}
				})
				for _, r := range []*Reader[string]{first, join(t, g, t.Context(), never(t))} {
					body, err := all(r)
					if err == nil || body != c.body {
						t.Errorf("%q, %v", body, err)
					}
					r.Close()
				}
				synctest.Wait()
				idle(t, g)
			})
		})
	}
}

// TestPanic is contained and told, and nobody tries again.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := 0
		g := New[string, string](Options[string]{Panicked: func(string, *PanicError) { told++ }})
		first := join(t, g, t.Context(), func(context.Context, *Fill[string]) { time.Sleep(time.Millisecond); panic("bug") })
		for _, r := range []*Reader[string]{first, join(t, g, t.Context(), never(t))} {
			_, err := r.Head()
			if p, ok := errors.AsType[*PanicError](err); !ok || p.Value != "bug" || !strings.Contains(string(p.Stack), "TestPanic") || !strings.Contains(err.Error(), "bug") {
				t.Errorf("%v", err)
			}
			r.Close()
		}
		if told != 1 {
			t.Errorf("told %d times", told)
		}
		synctest.Wait()
		idle(t, g)
	})
}

// TestRelease sends all away, to look in the store for example.
func TestRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, again := New[string, string](Options[string]{}), errors.New("look again")
		first := join(t, g, t.Context(), func(_ context.Context, f *Fill[string]) { time.Sleep(time.Millisecond); f.Release(again) })
		for _, r := range []*Reader[string]{first, join(t, g, t.Context(), never(t))} {
			if _, err := r.Head(); err != again {
				t.Errorf("%v", err)
			}
			r.Close()
		}
		synctest.Wait()
		idle(t, g)
	})
}

// TestCaps: waiters are counted by key and in all, and those who left don't count.
func TestCaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New[string, string](Options[string]{MaxKeyWaiters: 2, MaxWaiters: 3})
		fetch := func(_ context.Context, f *Fill[string]) { time.Sleep(time.Second); f.Start("", 0); f.Finish(nil) }
		var readers []*Reader[string]
		for i, step := range []struct {
			key  string
			want error
		}{
			{"a", nil},
			{"a", nil},
			{"a", nil},
			{"a", ErrKeyFull},
			{"b", nil},
			{"b", nil},
			{"b", ErrFull}, // the first of a key doesn't wait
			{"c", nil},
			{"c", ErrFull},
		} {
			r, err := g.Join(t.Context(), step.key, fetch)
			if err != step.want {
				t.Errorf("step %d: %v, want %v", i, err, step.want)
			}
			if err == nil {
				readers = append(readers, r)
			}
		}
		readers[1].Close()
		r, err := g.Join(t.Context(), "a", fetch)
		if err != nil {
			t.Fatalf("no room after one left: %v", err)
		}
		if st := g.Stats(); st.Waiters != 3 || st.Refused != 3 || st.Keys != 3 {
			t.Errorf("%+v", st)
		}
		for _, r := range append(readers, r) {
			r.Close()
		}
		time.Sleep(2 * time.Second)
		idle(t, g)
	})
}

// pattern is a body in which each byte's place can be told.
func pattern(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(uint64(n), 1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestOversized: a body over the cap reaches all who read it in time, memory
// stays at the window, nothing is stored, and who comes later fetches alone.
func TestOversized(t *testing.T) {
	for name, size := range map[string]int64{"declared": 200_000, "found out": -1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told, most := 0, int64(0)
				g := New[string, string](Options[string]{MaxObject: 20_000, Window: 16_000, Oversized: func(string) { told++ }})
				want := pattern(200_000)
				first := join(t, g, t.Context(), func(_ context.Context, f *Fill[string]) {
					time.Sleep(time.Second)
					f.Start("head", size)
					for part := range 100 {
						if _, err := f.Write(want[part*2000 : part*2000+2000]); err != nil {
							t.Error(err)
						}
						most = max(most, g.Stats().Bytes)
					}
					if _, whole := f.Finish(nil); whole {
						t.Error("given out for storing")
					}
				})
				var wg sync.WaitGroup
				for i, r := range []*Reader[string]{first, join(t, g, t.Context(), never(t))} {
					wg.Go(func() {
						defer r.Close()
						var got []byte
						for {
							data, err := r.Next()
							if err == io.EOF {
								break
							}
							if err != nil {
								t.Error(err)
								return
							}
							got = append(got, data...)
							time.Sleep(time.Duration(i) * 100 * time.Millisecond) // one lags, within patience
						}
						if !bytes.Equal(got, want) {
							t.Errorf("reader %d got %d bytes, not those sent", i, len(got))
						}
					})
				}
				wg.Wait()
				synctest.Wait()
				if told != 1 || most > 20_000+2*16_000 {
					t.Errorf("told %d times, held %d bytes", told, most)
				}
				idle(t, g)
			})
		})
	}
}

// TestSlowReaders: who holds others up is let go after Patience; who holds up
// nobody is waited for.
func TestSlowReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New[string, string](Options[string]{MaxObject: 1000, Window: 4096, Patience: time.Second})
		want := pattern(100_000)
		fetch := func(_ context.Context, f *Fill[string]) {
			time.Sleep(time.Millisecond)
			f.Start("head", int64(len(want)))
			if _, err := f.ReadFrom(bytes.NewReader(want)); err != nil {
				t.Error(err)
			}
			f.Finish(nil)
		}
		begin := time.Now()
		quick, slow := join(t, g, t.Context(), fetch), join(t, g, t.Context(), never(t))
		first, err := slow.Next()
		if err != nil || len(first) == 0 {
			t.Fatal(err)
		}
		if body, err := all(quick); body != string(want) || err != nil || time.Since(begin) > 2*time.Second {
			t.Errorf("the quick one: %d bytes, %v, after %v", len(body), err, time.Since(begin))
		}
		if data, err := slow.Next(); err != ErrTooSlow {
			t.Errorf("the slow one: %d bytes, %v", len(data), err)
		}
		if !bytes.Equal(first, want[:len(first)]) {
			t.Error("what the slow one holds has changed")
		}
		quick.Close()
		slow.Close()
		synctest.Wait()

		alone := join(t, g, t.Context(), fetch)
		if _, err := alone.Next(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if body, err := all(alone); len(body) == 0 || err != nil {
			t.Errorf("alone: %d bytes, %v", len(body), err)
		}
		alone.Close()
		synctest.Wait()
		if g.Stats().TooSlow != 1 {
			t.Errorf("%+v", g.Stats())
		}
		idle(t, g)
	})
}

// TestMaxBytes: fills that together exceed it go on in their windows.
func TestMaxBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New[string, string](Options[string]{MaxBytes: 160_000, MaxObject: 80_000, Window: 16_000})
		want := pattern(70_000)
		var stored atomic.Int64
		var wg sync.WaitGroup
		for i := range 5 {
			r, err := g.Join(t.Context(), fmt.Sprint(i), func(_ context.Context, f *Fill[string]) {
				time.Sleep(time.Duration(i) * time.Millisecond) // one after the other
				f.Start("head", -1)
				f.Write(want)
				time.Sleep(time.Second)
				if _, whole := f.Finish(nil); whole {
					stored.Add(1)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				defer r.Close()
				if body, err := all(r); body != string(want) || err != nil {
					t.Errorf("%d bytes, %v", len(body), err)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		if n := stored.Load(); n != 2 || g.Stats().Crowded != 3 || g.Stats().Oversized != 0 {
			t.Errorf("%d were kept whole, %+v", n, g.Stats())
		}
		idle(t, g)
	})
}

// TestReserve: room that was taken for a body that is to come counts; who finds
// none hears so before it says in its head what becomes of it; and what readers
// that lag still hold of fills that have ended keeps nobody from being kept,
// unless it is a lot.
func TestReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 100_000
		g := New[string, string](Options[string]{MaxBytes: 2 * size, MaxObject: size})
		end := make(chan struct{})
		fill := func(key string) (r *Reader[string], reserved *bool) {
			reserved = new(bool)
			r, err := g.Join(t.Context(), key, func(_ context.Context, f *Fill[string]) {
				*reserved = f.Reserve(size)
				f.Start("head", size)
				f.Write(pattern(size))
				<-end
				f.Finish(nil)
			})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return r, reserved
		}
		var readers []*Reader[string]
		for i := range 3 {
			r, reserved := fill(fmt.Sprint(i))
			readers = append(readers, r)
			if *reserved != (i < 2) {
				t.Errorf("%d: %v", i, *reserved)
			}
		}
		if s := g.Stats(); s.Bytes != 2*size || s.Behind != 0 || s.Crowded != 1 {
			t.Errorf("under way: %+v", s)
		}
		go func() { // the third is at its reader's pace
			if body, err := all(readers[2]); body != string(pattern(size)) || err != nil {
				t.Errorf("%d bytes, %v", len(body), err)
			}
			readers[2].Close()
		}()
		close(end)
		for i := 3; i < 9; i++ { // now each ends at once
			synctest.Wait()
			if s := g.Stats(); s.Bytes != 0 || s.Behind != int64(i-1)*size {
				t.Errorf("%d have ended: %+v", i, s)
			}
			r, reserved := fill(fmt.Sprint(i))
			readers = append(readers, r)
			if !*reserved {
				t.Fatalf("%d: there is room while %+v", i, g.Stats())
			}
		}
		r, reserved := fill("beyond") // 8 are held, and may be
		readers = append(readers, r)
		if !*reserved {
			t.Error("eight are too many already")
		}
		if r, reserved := fill("and beyond"); *reserved {
			t.Errorf("nine are not too many: %+v", g.Stats())
		} else {
			readers = append(readers, r)
		}
		// A reader that goes on holds what it has yet to read alone.
		synctest.Wait()
		before := g.Stats().Behind
		for range 2 {
			if _, err := readers[0].Next(); err != nil {
				t.Fatal(err)
			}
		}
		if s := g.Stats(); s.Behind != before-maxChunk {
			t.Errorf("it held %d: %+v", before, s)
		}
		for i, r := range readers {
			if i != 2 {
				r.Close()
			}
		}
		synctest.Wait()
		idle(t, g)
	})
}

// TestWriteBeforeStart is the fetch's mistake, and not a crash.
func TestWriteBeforeStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New[string, string](Options[string]{})
		r := join(t, g, t.Context(), func(_ context.Context, f *Fill[string]) {
			if _, err := io.WriteString(f, "x"); err == nil {
				t.Error("no error")
			}
			if _, whole := f.Finish(nil); whole {
				t.Error("whole")
			}
		})
		if _, err := r.Head(); err != ErrNoAnswer {
			t.Errorf("%v", err)
		}
		r.Close()
	})
}

// TestTheStoredBodyIsTight: chunks for storing have little room to spare.
func TestTheStoredBodyIsTight(t *testing.T) {
	for _, size := range []int{0, 1, 100, 5000, 70_000, 300_000} {
		for _, declared := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				g, want := New[string, string](Options[string]{}), pattern(size)
				length := int64(-1)
				if declared {
					length = int64(size)
				}
				var body [][]byte
				r := join(t, g, t.Context(), func(_ context.Context, f *Fill[string]) {
					f.Start("head", length)
					f.ReadFrom(io.LimitReader(bytes.NewReader(want), int64(size)))
					body, _ = f.Finish(nil)
				})
				all(r)
				r.Close()
				synctest.Wait()
				room := 0
				for _, c := range body {
					room += cap(c)
				}
				if !bytes.Equal(bytes.Join(body, nil), want) || room > size+size/8+8 {
					t.Errorf("%d bytes in %d", size, room)
				}
			})
		}
	}
}

func TestDefaultPauseIsJittered(t *testing.T) {
	seen := map[time.Duration]bool{}
	for n := 1; n < 40; n++ {
		p := jittered(n)
		seen[p] = true
		if p < 25*time.Millisecond || p > time.Second {
			t.Errorf("after %d failures: %v", n, p)
		}
	}
	if len(seen) < 30 {
		t.Errorf("only %d different pauses", len(seen))
	}
}

// TestEarly: what comes before the header is for the fetch's own client. One
// that takes over hears what its own fetch says, and not the one before.
func TestEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New[string, string](Options[string]{})
		fails := func(_ context.Context, f *Fill[string]) {
			f.Early("of the first")
			f.Early("of the first, again")
			f.Fail(errDown)
		}
		brings := func(_ context.Context, f *Fill[string]) {
			f.Early("of the second")
			f.Start("head", 0)
			f.Early("too late")
			f.Finish(nil)
		}
		first, second := join(t, g, t.Context(), fails), join(t, g, t.Context(), brings)
		third := join(t, g, t.Context(), never(t))
		for _, c := range []struct {
			r     *Reader[string]
			early string
			err   error
		}{
			{second, "of the second", nil},
			{third, "", nil},
			{first, "", errDown}, // its fetch is over
		} {
			var heard []string
			head, early, err := c.r.Early()
			for ; early; head, early, err = c.r.Early() {
				heard = append(heard, head)
			}
			if got := strings.Join(heard, ", "); got != c.early || !errors.Is(err, c.err) || err == nil && head != "head" {
				t.Errorf("heard %q, then %q, %v; want %q", got, head, err, c.early)
			}
			c.r.Close()
		}
		synctest.Wait()
		idle(t, g)

		hold := make(chan struct{})
		r := join(t, g, t.Context(), func(_ context.Context, f *Fill[string]) {
			f.Early("one")
			<-hold
			f.Early("two")
			f.Start("head", 0)
			f.Finish(nil)
		})
		if head, early, err := r.Early(); head != "one" || !early || err != nil {
			t.Errorf("%q, %v, %v", head, early, err)
		}
		close(hold)
		if head, err := r.Head(); head != "head" || err != nil { // passes over what came before
			t.Errorf("%q, %v", head, err)
		}
		r.Close()
	})
}
