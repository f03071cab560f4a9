package proxy

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/levee-proxy/levee/cache/packed"
)

// change is something that was invalidated or purged, as the journal beside a
// snapshot has it.
type change struct {
	seq  uint64 // numbers changes and snapshots, so that it is known which came first
	kind changeKind
	soft time.Time // of a soft one; zero: it was hard
	text string
}

type changeKind byte

const (
	changeURL changeKind = 1 + iota
	changePrefix
	changeGroup // by its label
	changeAll
	changeKinds
)

func (c *change) append(b []byte) []byte {
	b = append(b, byte(c.kind))
	b = binary.AppendUvarint(b, c.seq)
	at := int64(0)
	if !c.soft.IsZero() {
		at = c.soft.UnixNano()
	}
	return append(binary.AppendVarint(b, at), c.text...)
}

// readChange reads what append wrote.
func readChange(b []byte) (c change, ok bool) {
	in := packed.Reader{Rest: b}
	c.kind, c.seq = changeKind(in.Byte()), in.Uint()
	if at := in.Int(); at != 0 {
		c.soft = time.Unix(0, at)
	}
	c.text = string(in.Rest)
	return c, !in.Bad && c.kind > 0 && c.kind < changeKinds
}

// changed finds out what changes have to say of a record that is older.
type changed struct {
	urls, groups map[string]*fate
	prefixes     []change
	all          fate
}

// fate is what became of something: it is gone, or stale since a moment.
type fate struct {
	gone  bool
	stale time.Time
}

func (f *fate) meets(c *change) {
	f.gone = f.gone || c.soft.IsZero()
	if c.soft.After(f.stale) {
		f.stale = c.soft
	}
}

func (f *fate) joins(g *fate) {
	if g != nil {
		f.gone = f.gone || g.gone
		if g.stale.After(f.stale) {
			f.stale = g.stale
		}
	}
}

// changesSince takes those behind a number.
func changesSince(seq uint64, all []change) *changed {
	d := &changed{urls: map[string]*fate{}, groups: map[string]*fate{}}
	for i := range all {
		c := &all[i]
		if c.seq <= seq {
			continue
		}
		switch c.kind {
		case changeURL:
			meet(d.urls, c)
		case changeGroup:
			meet(d.groups, c)
		case changePrefix:
			d.prefixes = append(d.prefixes, *c)
		case changeAll:
			d.all.meets(c)
		}
	}
	return d
}

func meet(m map[string]*fate, c *change) {
	f := m[c.text]
	if f == nil {
		f = &fate{}
		m[c.text] = f
	}
	f.meets(c)
}

// of is what became of a record.
func (d *changed) of(r *record) (f fate) {
	f.joins(&d.all)
	f.joins(d.urls[r.url])
	for _, g := range r.groups {
		f.joins(d.groups[g])
	}
	for i := range d.prefixes {
		if c := &d.prefixes[i]; strings.HasPrefix(r.url, c.text) {
			f.meets(c)
		}
	}
	return f
}
