package storage

import (
	"fmt"
	"math"
	"time"
)

// Options say how much a [Store] holds.
type Options[P any] struct {
	// Budget is the number of bytes that all entries together take. From 1 MiB.
	// Required.
	Budget int64
	// MaxObject is the number of bytes that one entry may take. Default: a
	// 32nd of the budget, so that one response can't push out most others, and
	// at most 16 MiB.
	MaxObject int64
	// MaxVariants is how many variants a key may have. Default: 32.
	MaxVariants int
	// VariantPause is how long a key with more variants is marked uncacheable.
	// Default: 1 minute.
	VariantPause time.Duration
	// MaxGroups is how many groups there may be in all. Default: one for each
	// KiB of the budget, so that each answer can have one or two of its own.
	MaxGroups int
	// MaxEntryGroups is how many groups an entry may be in. Default: 32, which
	// is what RFC 9875 asks for.
	MaxEntryGroups int
	// PolicySize is how many bytes a Policy holds beyond its own size: the
	// strings and slices in it. Default: none.
	PolicySize func(*P) int
	// Past is what was purged of the store whose place this one takes. Default:
	// nothing.
	Past *Past
}

const minBudget = 1 << 20

func (o Options[P]) complete() (Options[P], error) {
	if o.Budget < minBudget {
		return o, fmt.Errorf("storage: a budget of %d bytes is too small, the least is %d", o.Budget, minBudget)
	}
	set := func(v *int64, name string, standard, most int64) error {
		if *v == 0 {
			*v = standard
		}
		if *v < 0 || *v > most {
			return fmt.Errorf("storage: %s is %d, must be from 1 to %d", name, *v, most)
		}
		return nil
	}
	variants, groups, each := int64(o.MaxVariants), int64(o.MaxGroups), int64(o.MaxEntryGroups)
	pause := int64(o.VariantPause)
	for _, err := range []error{
		set(&o.MaxObject, "MaxObject", min(o.Budget/32, 16<<20), min(o.Budget, math.MaxUint32)),
		set(&variants, "MaxVariants", 32, 1024),
		set(&groups, "MaxGroups", min(o.Budget>>10, math.MaxInt32), math.MaxInt32),
		set(&each, "MaxEntryGroups", 32, 1024),
		set(&pause, "VariantPause", int64(time.Minute), math.MaxInt64),
	} {
		if err != nil {
			return o, err
		}
	}
	o.MaxVariants, o.MaxGroups, o.MaxEntryGroups, o.VariantPause = int(variants), int(groups), int(each), time.Duration(pause)
	if o.PolicySize == nil {
		o.PolicySize = func(*P) int { return 0 }
	}
	if o.Past == nil {
		o.Past = NewPast()
	}
	return o, nil
}

// MemoryLimit is what to give to [runtime/debug.SetMemoryLimit] in a process that
// holds a store with this budget and needs rest bytes for everything else. With
// the runtime's standard settings a heap grows to twice what is alive before
// it is collected; with this limit, to a tenth more.
func MemoryLimit(budget, rest int64) int64 { return budget + budget/10 + rest }
