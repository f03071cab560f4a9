package admin

import (
	"flag"
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/levee-proxy/levee/proxy"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestWriteText(t *testing.T) {
	well := wellStatus()
	well.Summary = summary(nil)
	for name, s := range map[string]*Status{"well": well, "sick": sickStatus()} {
		var b strings.Builder
		if err := WriteText(&b, s); err != nil {
			t.Fatal(err)
		}
		golden := "testdata/" + name + ".txt"
		if *update {
			if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.String(); got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

// What an upstream sent may be in an error's text; it must not reach the
// terminal as a command.
func TestWriteTextToATerminal(t *testing.T) {
	const evil = "\x1b]0;owned\x07\r\u009b2J\u202e"
	s := sickStatus()
	s.Config.Source, s.Config.LastError = evil, evil+"\n"+evil
	s.Proxy.Listeners[0].Address = evil
	for i := range s.Proxy.Upstreams[0].Endpoints {
		e := &s.Proxy.Upstreams[0].Endpoints[i]
		e.Address, e.Reason, e.LastError, e.State = evil, evil, "x"+evil, proxy.StateEjected
		e.Admission.Move = &proxy.MoveStatus{Rule: evil, Why: evil}
		e.Admission.Baselines = []proxy.BaselineStatus{{Class: evil, Baseline: 1}}
		e.Admission.Apart = []proxy.ApartStatus{{Class: evil, Why: evil}}
		e.Admission.Sheds = []proxy.ShedStatus{{Priority: evil, Reason: evil, Count: 1}}
		e.Admission.Recent.Sheds = e.Admission.Sheds
	}
	s.Proxy.Upstreams[0].Storm.Why, s.Proxy.Upstreams[0].Storm.State = evil, "storm"
	s.Proxy.State.File, s.Proxy.State.Ignored = evil, evil
	s.Problems = Problems(s)
	var b strings.Builder
	if err := WriteText(&b, s); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(b.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("unprintable at %d: %q", i, b.String())
	}
}
