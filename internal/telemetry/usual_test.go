package telemetry

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

func newTable() *seriesTable {
	return &seriesTable{owner: keyUpstream.String("features"), errorFrom: 400, total: new(atomic.Int64)}
}

// TestUsualSeries: the first series is tried first until another one has been
// counted in often.
func TestUsualSeries(t *testing.T) {
	table := newTable()
	first, often := newSeriesKey("GET", 503, ""), newSeriesKey("GET", 200, "")
	table.record(first, time.Millisecond)
	for range usualEvery - 1 {
		table.record(often, time.Millisecond)
	}
	if got := table.usual.Load().key; got != first {
		t.Errorf("after %d of another it is %+v", usualEvery-1, got)
	}
	table.record(often, time.Millisecond)
	if got := table.usual.Load().key; got != often {
		t.Errorf("after %d of another it is %+v", usualEvery, got)
	}
	table.record(first, time.Millisecond)
	counts := map[uint16]uint64{}
	table.each(func(s *series) { _, counts[s.key.status], _ = s.read() })
	if len(counts) != 2 || counts[503] != 2 || counts[200] != usualEvery {
		t.Errorf("counted %v", counts)
	}
}

// TestUsualSeriesIsNeverTheOverflow: what is counted there is of many kinds, so
// none of them may be found by it.
func TestUsualSeriesIsNeverTheOverflow(t *testing.T) {
	table := newTable()
	table.total.Store(maxAllSeries) // no room
	for range 2 * usualEvery {
		table.record(newSeriesKey("GET", 200, ""), time.Millisecond)
	}
	if s := table.usual.Load(); s != nil {
		t.Errorf("it is %+v", s.key)
	}
	if _, n, _ := table.overflow.Load().read(); n != 2*usualEvery {
		t.Errorf("%d counted", n)
	}
}

// TestUsualSeriesLosesNothing: however goroutines and kinds alternate, each is
// counted once, in its own series.
func TestUsualSeriesLosesNothing(t *testing.T) {
	table := newTable()
	const goroutines, each = 8, 20_000
	statuses := []int{200, 404, 503}
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range each {
				table.record(newSeriesKey("GET", statuses[(g+i/1500)%len(statuses)], ""), time.Millisecond)
			}
		})
	}
	wg.Wait()
	want := map[uint16]uint64{}
	for g := range goroutines {
		for i := range each {
			want[uint16(statuses[(g+i/1500)%len(statuses)])]++
		}
	}
	table.each(func(s *series) {
		if _, n, _ := s.read(); n != want[s.key.status] {
			t.Errorf("%d: counted %d of %d", s.key.status, n, want[s.key.status])
		}
		delete(want, s.key.status)
	})
	if len(want) != 0 {
		t.Errorf("no series for %v", want)
	}
}

// TestUsualSeriesIsBesideItsPointer: where a request is counted as active, and then
// as answered, is one line of the processor's caches.
func TestUsualSeriesIsBesideItsPointer(t *testing.T) {
	const line = 64
	var r RouteMetrics
	if size := unsafe.Sizeof(r); size <= 352 || size > 384 { // Go gives 64 times 6 bytes, which begin with a line
		t.Errorf("%d bytes", size)
	}
	if end := uintptr(unsafe.Pointer(&r.series.first.buckets[1])) - uintptr(unsafe.Pointer(&r)); end > line {
		t.Errorf("the first bucket ends %d bytes behind the beginning", end)
	}
	r.series = seriesTable{owner: keyUpstream.String("features"), errorFrom: 400, total: new(atomic.Int64)}
	r.Begin()
	r.End("GET", "http", 1, 1, 200, "", 0)
	r.Begin()
	r.End("GET", "http", 1, 1, 404, "", 0)
	if s := r.series.usual.Load(); s != &r.series.first || s.key.status != 200 || r.series.first.buckets[0].Load() != 1 {
		t.Errorf("the usual series is of %+v", s.key)
	}
	if n := len(r.series.table.all()); n != 2 {
		t.Errorf("%d series", n)
	}
}
