package clients

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// What remains of each client's retries behind a Levee that sheds: with plain
// refusals, with those that stop, and with those that say when to come back.
//
// The service is at its limit throughout. Only where clients are told to come
// back, it has room again as soon as the first refusal has left.
func TestClients(t *testing.T) {
	var mu sync.Mutex
	made := map[string]map[string]string{}
	note := func(c client, told, result string) {
		mu.Lock()
		defer mu.Unlock()
		made[c.name][told] = result
	}
	t.Run("clients", func(t *testing.T) {
		for _, c := range all {
			made[c.name] = map[string]string{}
			t.Run(c.name+"/plain", func(t *testing.T) {
				t.Parallel()
				note(c, "plain", plain(t, c))
			})
			t.Run(c.name+"/stop", func(t *testing.T) {
				t.Parallel()
				note(c, "stop", stop(t, c))
			})
			t.Run(c.name+"/return", func(t *testing.T) {
				t.Parallel()
				note(c, "return", comeBack(t, c))
			})
		}
	})
	if t.Failed() {
		return
	}
	rows := table{{"client", "plain refusals", "told to stop", "told to come back"}}
	for _, c := range all {
		rows = append(rows, []string{c.name, made[c.name]["plain"], made[c.name]["stop"], made[c.name]["return"]})
	}
	checkTable(t, "behind Levee", rows)
}

// plain refuses a client as most proxies do.
func plain(t *testing.T, c client) string {
	attempts, err := through(t, c, "{answer: plain}", false)
	wantRefused(t, attempts, err)
	return count(len(attempts), c.checkWaits(t, attempts))
}

// stop refuses a client so that it gives up, or so that it stays away for long
// where it can't be made to: as long as maxReturn, which is short here.
func stop(t *testing.T, c client) string {
	attempts, err := through(t, c, "{answer: stop, maxReturn: 2s}", false)
	wantRefused(t, attempts, err)
	waited := c.checkWaits(t, attempts)
	if c.unstopped == "" {
		if len(attempts) != 1 {
			t.Errorf("%d attempts, though it was told to stop", len(attempts))
		}
		return count(len(attempts), waited)
	}
	if waited != c.putOff {
		t.Errorf("was told a time to wait for: %v, want %v", waited, c.putOff)
	}
	return fmt.Sprintf("%s: %s", count(len(attempts), waited), c.unstopped)
}

// comeBack tells a client when there will be room: it comes then, and is served.
// One that heeds no time comes when it likes, and may or may not be served.
func comeBack(t *testing.T, c client) string {
	attempts, err := through(t, c, "{answer: return}", true)
	waited := c.checkWaits(t, attempts)
	if len(c.heeds) == 0 {
		return fmt.Sprintf("at most %d, by its own backoff", c.most)
	}
	if err != nil {
		t.Errorf("came back and wasn't served: %v", err)
	}
	if len(attempts) != 2 || !waited {
		t.Errorf("%d attempts, waited as told: %v; want 2, the second when told", len(attempts), waited)
	}
	return count(len(attempts), waited) + ", and served"
}

// through sends one request of a client through a Levee without room, which it
// has again after the first refusal if it clears.
func through(t *testing.T, c client, storm string, clears bool) ([]attempt, error) {
	t.Helper()
	levee := startBusy(t, storm, c.grpc)
	w := wiretap(t, levee.address, c.grpc)
	if clears {
		w.refused = levee.free
	}
	err := c.try(t, w.address)
	attempts := w.seen()
	for i, a := range attempts {
		after := time.Duration(0)
		if i > 0 {
			after = a.came.Sub(attempts[i-1].answered)
		}
		t.Logf("attempt %d after %v: %d %s %v", i+1, after.Round(time.Millisecond), a.status, http.StatusText(a.status), a.signals())
	}
	if len(attempts) > c.most {
		t.Errorf("%d attempts, %d at most are known of", len(attempts), c.most)
	}
	return attempts, err
}

// wantRefused wants every attempt shed by Levee, and the client to have noticed.
func wantRefused(t *testing.T, attempts []attempt, err error) {
	t.Helper()
	if err == nil {
		t.Error("took a refusal for a success")
	}
	for i, a := range attempts {
		if a.answer.Get("Levee-Shed") == "" {
			t.Errorf("attempt %d wasn't shed: %d %v", i+1, a.status, a.answer)
		}
	}
}
