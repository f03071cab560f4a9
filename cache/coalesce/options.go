package coalesce

import (
	"math/rand/v2"
	"time"
)

// Options bound what waits and what is kept. The zero value is useful.
type Options[K comparable] struct {
	// MaxKeyWaiters is how many may wait for one key besides the one whose fetch
	// it is. Default: 10,000.
	MaxKeyWaiters int
	// MaxWaiters is how many may wait for all keys together. Default: 50,000.
	MaxWaiters int
	// MaxObject is up to how many bytes a fill is kept whole. Default: 16 MiB.
	MaxObject int64
	// MaxBytes is how many bytes all fills under way together are kept whole with,
	// one of MaxObject at least. One that finds no room is treated like one over
	// MaxObject, with more patience: it is not its readers' fault. Fills that have
	// ended and are still being read may hold four times as much; while they hold
	// more, none over 64 KiB is kept. [Group.SetMaxBytes] changes it. Default:
	// 256 MiB.
	MaxBytes int64
	// Window is how many bytes of a fill that isn't kept whole are held for its
	// readers; for a single one, half of it. Default: 256 KiB.
	Window int
	// Patience is how long a reader may hold up others. Default: 1 second.
	Patience time.Duration
	// MaxFailures is after how many failed fetches in a row all who wait are told.
	// Default: 3.
	MaxFailures int
	// Pause is how long to wait before the next fetch, after that many failed
	// in a row. Default: 25 to 75 ms after the first, twice as much after each
	// further one, at most 1 s.
	Pause func(failures int) time.Duration
	// Oversized is told the key of a fill that exceeds MaxObject, so that the next
	// requests for it need not wait for one another. It must not call the
	// group. Default: nobody is told.
	Oversized func(K)
	// Panicked is told of a fetch that panicked. Default: only those who wait
	// for it are, in their errors.
	Panicked func(K, *PanicError)
}

func (o Options[K]) complete() Options[K] {
	set := func(v *int64, standard int64) {
		if *v <= 0 {
			*v = standard
		}
	}
	each, all, window, failures := int64(o.MaxKeyWaiters), int64(o.MaxWaiters), int64(o.Window), int64(o.MaxFailures)
	set(&each, 10_000)
	set(&all, 50_000)
	set(&window, 256<<10)
	set(&failures, 3)
	set(&o.MaxObject, 16<<20)
	set(&o.MaxBytes, 256<<20)
	set((*int64)(&o.Patience), int64(time.Second))
	o.MaxKeyWaiters, o.MaxWaiters, o.Window, o.MaxFailures = int(each), int(all), int(window), int(failures)
	if o.Pause == nil {
		o.Pause = jittered
	}
	if o.Oversized == nil {
		o.Oversized = func(K) {}
	}
	if o.Panicked == nil {
		o.Panicked = func(K, *PanicError) {}
	}
	return o
}

func jittered(failures int) time.Duration {
	mean := min(50*time.Millisecond<<min(failures-1, 10), time.Second*2/3)
	return mean/2 + rand.N(mean)
}
