package storm

import (
	"cmp"
	"slices"
	"time"
)

// Status is a snapshot of a detector.
type Status struct {
	// State is the current one by name, Since how long it has lasted, Why it was
	// entered, in words.
	State string        `json:"state"`
	Since time.Duration `json:"sinceNanoseconds"`
	Why   string        `json:"why"`
	// Traffic is that of the last second that has ended, Longer that of the last 10 s.
	Traffic Traffic `json:"traffic"`
	Longer  Traffic `json:"longer"`
	// Classes are those that have had requests in the last seconds.
	Classes []ClassTraffic `json:"classes,omitempty"`
	// Clients are those that retry the most.
	Clients []ClientTraffic `json:"clients,omitempty"`
	Budget  Budget          `json:"budget"`
	// Promised counts the return slots that are given out and not over yet.
	Promised int `json:"promised"`
	// Totals count since the start.
	Totals Totals `json:"totals"`
	// Entered counts, by state, how often it was entered since the start.
	Entered map[string]uint64 `json:"entered,omitempty"`
	// Changes are the latest changes of state, the newest first.
	Changes []Change `json:"changes,omitempty"`
}

// Traffic is what came in some time.
type Traffic struct {
	// Attempts, the Retries among them, the part that they are, and how many
	// attempts are made for one logical request (1: none is retried).
	Attempts      uint64  `json:"attempts"`
	Retries       uint64  `json:"retries"`
	RetryRatio    float64 `json:"retryRatio"`
	Amplification float64 `json:"amplification"`
	// Useful, Failed, Shed and Abandoned are what came of requests; Shed counts
	// also those that the budget refused.
	Useful    uint64 `json:"useful"`
	Failed    uint64 `json:"failed"`
	Shed      uint64 `json:"shed"`
	Abandoned uint64 `json:"abandoned"`
}

// ClassTraffic is what came of one class, recent requests weighing more.
type ClassTraffic struct {
	Class int `json:"class"`
	Traffic
}

// ClientTraffic is what came of one client, or of several that share its slot,
// recent requests weighing more. Nothing tells who it is.
type ClientTraffic struct {
	// Attempts, the Retries among them, and the part of all retries that these are.
	Attempts float64 `json:"attempts"`
	Retries  float64 `json:"retries"`
	Share    float64 `json:"share"`
}

// Budget is what is left for retries.
type Budget struct {
	// Bound says that retries are bounded now.
	Bound bool `json:"bound"`
	// Percent is how many are admitted, in percent of useful completions. It grows
	// while a storm ends.
	Percent float64 `json:"percent"`
	// Left is how many second attempts could be admitted at once, of Most.
	Left float64 `json:"left"`
	Most float64 `json:"most"`
	// PerSecond is the forecast: how many second attempts can be admitted in a second.
	PerSecond float64 `json:"perSecond"`
}

// Totals count since the start.
type Totals struct {
	Attempts uint64 `json:"attempts"`
	// Said are the retries by their own word, Inferred those by what was remembered.
	Said     uint64 `json:"said"`
	Inferred uint64 `json:"inferred"`
	// RefusedSaid and RefusedInferred are those of them that the budget refused.
	RefusedSaid     uint64 `json:"refusedSaid"`
	RefusedInferred uint64 `json:"refusedInferred"`
	// Kept are retries that came back when they had been told to.
	Kept uint64 `json:"kept"`
}

// Change is a change of state.
type Change struct {
	// Number counts changes since the start, from 1.
	Number uint64 `json:"number"`
	// Ago is how long ago it was.
	Ago  time.Duration `json:"agoNanoseconds"`
	From string        `json:"from"`
	To   string        `json:"to"`
	Why  string        `json:"why"`
}

const topClients = 8

// Status takes a snapshot at now.
func (d *Detector) Status(now time.Time) Status {
	t := d.at(now)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pass(t)
	j, b, total := &d.judge, &d.budget, &d.counts.total
	second, longer := d.counts.last(inSecond), d.counts.last(slots-1)
	s := Status{
		State: j.state.String(), Since: time.Duration(max(0, t-j.since)), Why: j.why,
		Traffic: second.traffic(), Longer: longer.traffic(),
		Budget: Budget{Bound: j.bound(t) != boundNone, Percent: j.share(d.cfg.Percent), Left: b.tokens / 2, Most: b.most / 2, PerSecond: d.forecast()},
		Totals: Totals{
			Attempts: total[arrived], Said: total[said], Inferred: total[inferred],
			RefusedSaid: total[refusedSaid], RefusedInferred: total[refusedInferred], Kept: total[kept],
		},
		Entered: map[string]uint64{},
	}
	for class := range d.counts.class {
		if c := &d.counts.class[class]; c[arrived] >= 1 {
			s.Classes = append(s.Classes, ClassTraffic{class, c.traffic()})
		}
	}
	s.Clients = d.topClients()
	for _, n := range d.returns.promised {
		s.Promised += int(n)
	}
	for to, n := range j.entered {
		if n > 0 {
			s.Entered[State(to).String()] = n
		}
	}
	for i := j.changed; i > 0 && j.changed-i < uint64(len(j.changes)); i-- {
		c := j.changes[(i-1)%uint64(len(j.changes))]
		s.Changes = append(s.Changes, Change{i, time.Duration(max(0, t-c.at)), c.from.String(), c.to.String(), c.why})
	}
	return s
}

func (d *Detector) topClients() (top []ClientTraffic) {
	all := float32(0)
	for _, n := range d.counts.client {
		all += n[1]
		if n[1] >= 1 {
			top = append(top, ClientTraffic{Attempts: float64(n[0]), Retries: float64(n[1])})
		}
	}
	slices.SortFunc(top, func(a, b ClientTraffic) int { return cmp.Compare(b.Retries, a.Retries) })
	top = top[:min(len(top), topClients)]
	for i := range top {
		top[i].Share = top[i].Retries / float64(all)
	}
	return top
}

func (t *tally) traffic() Traffic {
	return Traffic{
		Attempts: uint64(t[arrived]), Retries: uint64(t.retries()), RetryRatio: t.retryRatio(), Amplification: t.amplification(),
		Useful: uint64(t[useful]), Failed: uint64(t[failed]), Shed: uint64(t[shed] + t.refused()), Abandoned: uint64(t[abandoned]),
	}
}
