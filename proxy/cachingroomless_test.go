package proxy

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRefreshWithoutRoom: a refresh whose answer there is no room for, as others
// take it that are slow, is tried again seconds later, gives back what it cost, and
// is no failure of the service. When there is room again, it succeeds.
func TestRefreshWithoutRoom(t *testing.T) {
	for name, length := range map[string]string{"its length is known": "Content-Length: 61440", "its length isn't": "X: y"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				yaml := caches(", staleWhileRevalidate: 1h", "", "") + "\ncache: {bytes: 1MiB, objectBytes: 128KiB}\n"
				o := newOrigin(t, yaml, gives(strings.Repeat("y", 60<<10), "Cache-Control: max-age=10", length))
				o.get("/stale")
				synctest.Wait()
				time.Sleep(time.Minute)
				answer := o.answer
				var slow []*paced
				for _, path := range []string{"/1", "/2"} {
					p := newPaced("Cache-Control: max-age=3600", "Content-Length: 122880")
					o.says(p.serve)
					a := o.ask(path)
					p.step <- "x"
					a.begins()
					slow = append(slow, p)
				}
				synctest.Wait() // what they have of the room may come behind their first bytes
				b := o.proxy.gen.Load().upstreams["service"].refreshes
				o.says(answer)
				o.asked()
				for range 20 {
					o.get("/stale")
					time.Sleep(time.Second)
					synctest.Wait()
				}
				asked := o.asked()
				if s := b.status(); asked < 1 || asked > 5 || s == nil || s.Failed != 0 || s.Succeeded != 0 || int(s.Crowded) != asked {
					t.Errorf("asked %d times, %+v", asked, s)
				}
				for _, p := range slow {
					close(p.step)
				}
				synctest.Wait()
				for range 20 {
					o.get("/stale")
					time.Sleep(time.Second)
					synctest.Wait()
				}
				if s := b.status(); s.Failed != 0 || s.Succeeded < 1 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestRoomlessRefreshIsPaidBack: what it took of the budget is there again.
func TestRoomlessRefreshIsPaidBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches("", "", ""), gives("x"))
		x := &exchange{}
		x.route = o.proxy.gen.Load().router.routes[0]
		f := &fetch{x: x, into: &filling{nobody: true}}
		b, now := x.route.upstream.refreshes, time.Now()
		left := b.Left(now)
		if !f.pay(now) || b.Left(now) >= left {
			t.Fatalf("%v tokens, %v before", b.Left(now), left)
		}
		f.payBack(true, false)
		if b.Left(now) != left || b.status().Crowded != 1 {
			t.Errorf("%v tokens, %v before; %+v", b.Left(now), left, b.status())
		}
	})
}

// TestSlowReadersLeaveRoomForSmallAnswers: clients that ask for large answers and
// read nothing of them keep other large ones out, and no small ones.
func TestSlowReadersLeaveRoomForSmallAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yaml := caches("", "", "") + "\ncache: {bytes: 1MiB, objectBytes: 128KiB}\n"
		o := newOrigin(t, yaml, gives(strings.Repeat("x", 120<<10), "Cache-Control: max-age=3600", "Content-Length: 122880"))
		for i := range 14 {
			o.ask(fmt.Sprintf("/large?%d", i))
			synctest.Wait()
		}
		s := o.proxy.o.caching.parts.Load().fetches.Stats()
		if s.Behind <= 4*s.MaxBytes {
			t.Fatalf("the readers aren't behind: %+v", s)
		}
		if r := o.get("/large?more"); strings.Contains(r.status(), "stored") {
			t.Errorf("a large one: %s", r.status())
		}
		o.says(gives("small", "Cache-Control: max-age=3600"))
		if r := o.get("/small"); !strings.Contains(r.status(), "stored") {
			t.Errorf("a small one: %s", r.status())
		}
		synctest.Wait() // its client may have it before the store does
		if r := o.get("/small"); !strings.HasPrefix(r.status(), "levee; hit") {
			t.Errorf("a small one, again: %s", r.status())
		}
	})
}
