package proxy

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestFollowersWaitForOneResponseTimeout: who waits for another one's fetch has
// an answer within a response timeout, although fetch follows fetch and each of
// them may take as long.
func TestFollowersWaitForOneResponseTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches("", ", responseTimeout: 10s", ""), func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		})
		type end struct {
			status int
			after  time.Duration
		}
		ends := make(chan end)
		for i := range 4 {
			a := o.ask("/")
			asked := time.Now()
			go func() {
				a.begins()
				ends <- end{a.resp.StatusCode, time.Since(asked)}
			}()
			time.Sleep(time.Duration(i) * time.Second)
		}
		for range 4 {
			if e := <-ends; e.status != 504 || e.after > 10*time.Second+100*time.Millisecond {
				t.Errorf("%d after %v", e.status, e.after)
			}
		}
	})
}

// TestWaitsInTheQueueAreNoSilence, neither of one's own fetch nor of another's.
func TestWaitsInTheQueueAreNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yaml := strings.Replace(caches("", ", responseTimeout: 40ms", ""), "limit: 4, queue: {length: 0}", "limit: 1, queue: {length: 10}", 1)
		slow := newPaced("Cache-Control: no-store")
		o := newOrigin(t, yaml, slow.serve)
		first := o.ask("/slow") // has the only permit
		slow.step <- "x"
		first.begins()
		o.says(gives("yours", "Cache-Control: max-age=60"))
		leader, follower := o.ask("/"), o.ask("/")
		synctest.Wait()
		if s := o.proxy.Status().Cache; s.Waiting != 1 {
			t.Fatalf("%+v", s)
		}
		asked := time.Now()
		go func() {
			time.Sleep(80 * time.Millisecond)
			close(slow.step)
		}()
		for _, a := range []*asking{leader, follower} {
			if resp := a.begins(); resp.StatusCode != 200 {
				t.Errorf("%d after %v", resp.StatusCode, time.Since(asked))
			}
			a.ends("yours")
		}
		if waited := time.Since(asked); waited < 80*time.Millisecond {
			t.Errorf("waited for %v only", waited)
		}
		first.ends("x")
	})
}
