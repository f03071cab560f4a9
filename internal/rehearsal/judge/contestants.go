package judge

import (
	"github.com/levee-proxy/levee/internal/rehearsal/levee"
	"github.com/levee-proxy/levee/internal/rehearsal/rivals"
	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// Contestant is a limiter that is judged.
type Contestant struct {
	Name string
	// New makes its gate. It is nil for the best fixed limit, which is found
	// for each scenario anew.
	New sim.NewGate
}

// bestFixed is the contestant that an oracle tunes.
const bestFixed = "best fixed"

// Contestants returns Levee's limiter, the adaptive rivals, the best fixed
// limit, and none.
func Contestants() []Contestant {
	return []Contestant{
		{"Levee", Levee()},
		{"AIMD", rivals.AIMD},
		{"Vegas", rivals.Vegas},
		{"Gradient2", rivals.Gradient2},
		{"Envoy", rivals.Envoy},
		{bestFixed, nil},
		{"none", rivals.None},
	}
}

// Ablated returns Levee's limiter whole, and with each of the rules switched off.
func Ablated(rules []string) []Contestant {
	all := []Contestant{{"whole", Levee()}}
	for _, rule := range rules {
		all = append(all, Contestant{"without " + rule, Levee(rule)})
	}
	return all
}

// Levee returns a gate with Levee's own limiter as it is configured by default,
// some of its rules switched off.
func Levee(off ...string) sim.NewGate {
	return func(w *sim.World) sim.Gate { return levee.New(w, levee.Config{Off: off}) }
}

// Rules are the rules of Levee's limiter that can be switched off.
var Rules = []string{"start", "change", "width", "recall", "noise", "probe", "late", "blind", "abandon", "bridge", "patience", "drop", "idle", "apart"}
