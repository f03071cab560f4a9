package proxy

import (
	"time"

	"github.com/levee-proxy/levee/limiter/storm"
	"github.com/levee-proxy/levee/proxy/internal/classes"
)

// StormStatus is a snapshot of the retries that an upstream's clients make,
// and of what is done about them. What it counts, it counts since the start, or
// since the upstream's storm settings last changed.
type StormStatus struct {
	// Mode is bound or observe.
	Mode string `json:"mode"`
	// State is calm, watch, storm or recovering, Since when it began, Why the
	// reason in words.
	State string    `json:"state"`
	Since time.Time `json:"since"`
	Why   string    `json:"why"`
	// Entered counts, by state, how often it was entered.
	Entered map[string]uint64 `json:"entered,omitempty"`
	// Changes are the latest changes of state, the newest first.
	Changes []StormChange `json:"changes,omitempty"`
	// Recent tells of the last seconds.
	Recent StormTraffic `json:"recent"`
	// Classes are those of which requests came lately.
	Classes []StormClass `json:"classes,omitempty"`
	// Clients are those that retry the most. Nothing tells who they are: the
	// access log does.
	Clients []StormClient `json:"clients,omitempty"`
	// Budget is what retries may still take.
	Budget StormBudget `json:"budget"`
	// Promised is how many times to come back were told that aren't over yet,
	// Kept counts retries that came when they had been told to.
	Promised int    `json:"promised"`
	Kept     uint64 `json:"kept"`
	// Told counts refused requests by what their clients were told: plain, stop
	// or return.
	Told map[string]uint64 `json:"told"`
	// Retries counts those seen, by how they were recognised.
	Retries []StormRetries `json:"retries"`
}

// StormChange is a change of state.
type StormChange struct {
	At   time.Time `json:"at"`
	From string    `json:"from"`
	To   string    `json:"to"`
	Why  string    `json:"why"`
}

// StormTraffic is what came in about ten seconds.
type StormTraffic = storm.Traffic

// StormClass is StormTraffic of one class; recent requests weigh more.
type StormClass struct {
	// Class is a route's name or a gRPC method's; other is all that have no class of their own.
	Class string `json:"class"`
	StormTraffic
}

// StormClient is a client that retries; recent requests weigh more.
type StormClient = storm.ClientTraffic

// StormBudget is what retries may take.
type StormBudget = storm.Budget

// StormRetries counts retries that were recognised in one way.
type StormRetries struct {
	// How is explicit (by their own word) or inferred.
	How  string `json:"how"`
	Seen uint64 `json:"seen"`
	// Shed counts those that the budget refused.
	Shed uint64 `json:"shed"`
}

// status takes a snapshot for people; nil: nothing is known.
func (in *inbound) status(now time.Time, numbers *classes.Set) *StormStatus {
	if in == nil {
		return nil
	}
	in.detector.Tick(now)
	in.look(now)
	d := in.detector.Status(now)
	s := &StormStatus{
		Mode: in.cfg.Mode, State: d.State, Since: now.Add(-d.Since), Why: d.Why,
		Entered: d.Entered, Recent: d.Longer, Clients: d.Clients, Budget: d.Budget,
		Promised: d.Promised, Kept: d.Totals.Kept, Told: map[string]uint64{},
		Retries: []StormRetries{
			{"explicit", d.Totals.Said, d.Totals.RefusedSaid},
			{"inferred", d.Totals.Inferred, d.Totals.RefusedInferred},
		},
	}
	for t := range tolds {
		s.Told[t.String()] = in.told[t].Load()
	}
	for _, c := range d.Changes {
		s.Changes = append(s.Changes, StormChange{now.Add(-c.Ago), c.From, c.To, c.Why})
	}
	names := numbers.Names()
	for _, c := range d.Classes {
		if c.Class < len(names) && names[c.Class] != "" {
			s.Classes = append(s.Classes, StormClass{names[c.Class], c.Traffic})
		}
	}
	return s
}
