package storage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 2, 26, 12, 0, 0, 0, time.UTC)

func newStore[P any](t testing.TB, o Options[P]) *Store[P] {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func small(t testing.TB) *Store[int] { return newStore(t, Options[int]{Budget: 8 << 20}) }

func put(t testing.TB, s *Store[int], k Key, url string, policy int, groups ...string) {
	t.Helper()
	e := Entry[int]{Policy: policy, Body: NewBody([]byte("body"))}
	if err := s.Put(k, s.Mark(), Labels{URL: url, Groups: groups}, e); err != nil {
		t.Fatal(err)
	}
}

// is says what is stored: the policy, or -1.
func is(s *Store[int], k Key) int {
	e, ok := s.Get(k, nil)
	if !ok {
		return -1
	}
	return e.Policy
}

func TestOptionsAreChecked(t *testing.T) {
	for _, c := range []struct {
		o    Options[int]
		want string
	}{
		{Options[int]{}, "a budget of 0 bytes is too small"},
		{Options[int]{Budget: -1}, "too small"},
		{Options[int]{Budget: 1 << 20, MaxObject: 2 << 20}, "MaxObject is 2097152"},
		{Options[int]{Budget: 1 << 20, MaxVariants: -1}, "MaxVariants is -1"},
		{Options[int]{Budget: 1 << 20, MaxEntryGroups: 5000}, "MaxEntryGroups is 5000"},
		{Options[int]{Budget: 1 << 20, VariantPause: -time.Second}, "VariantPause"},
	} {
		if _, err := New(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
}

func TestPutAndGet(t *testing.T) {
	s := small(t)
	k := testKey(1)
	if is(s, k) != -1 {
		t.Fatal("an empty store has an entry")
	}
	body := []byte("hello")
	h := Pack(http.Header{"Content-Type": {"text/plain"}})
	if err := s.Put(k, s.Mark(), Labels{"https://a.example/x", []string{"g1", "g2"}}, Entry[int]{Policy: 7, Header: h, Body: NewBody(body)}); err != nil {
		t.Fatal(err)
	}
	e, ok := s.Get(k, nil)
	if !ok || e.Policy != 7 || e.URL() != "https://a.example/x" || !slices.Equal(e.Groups(), []string{"g1", "g2"}) || e.Variants() != nil {
		t.Fatalf("got %+v, %v", e, ok)
	}
	if again, ok := s.Get(k, nil); !ok || again != e || string(e.Body.Chunks()[0]) != "hello" || e.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("another hit got %+v, %v", again, ok)
	}
	if e.Weight() <= 0 || s.Stats().Bytes != e.Weight() || s.Stats().Entries != 1 || s.Stats().Groups != 2 {
		t.Errorf("weight %d, stats %+v", e.Weight(), s.Stats())
	}
	put(t, s, k, "https://a.example/x", 8)
	if is(s, k) != 8 || s.Stats().Groups != 0 {
		t.Errorf("not replaced: %d, %+v", is(s, k), s.Stats())
	}
	take(s, k, nil)
	if st := s.Stats(); is(s, k) != -1 || st.Bytes != 0 || s.space.Load().urls.count.Load() != 0 {
		t.Errorf("not removed: %+v", st)
	}
}

func TestLargeObjectsAreRefused(t *testing.T) {
	s := newStore(t, Options[int]{Budget: 8 << 20, MaxObject: 4096})
	k := testKey(1)
	put(t, s, k, "u", 1)
	for _, size := range []int{4096, 10 << 20} {
		err := s.Put(k, s.Mark(), Labels{URL: "u"}, Entry[int]{Policy: 2, Body: NewBody(make([]byte, size))})
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if is(s, k) != 1 {
		t.Error("a refused response displaced what was stored")
	}
}

func TestPurges(t *testing.T) {
	keys := []Key{testKey(0), testKey(1), testKey(2), testKey(3)}
	for _, c := range []struct {
		name   string
		purge  func(s *Store[int], how Mode) int
		found  int
		purged []bool // of a/1 in g, a/2 in g and h, b/1 in h, b/1 again
	}{
		{"url", func(s *Store[int], how Mode) int { return count(s.PurgeURL("http://a/1", how, noon)) }, 1, []bool{true, false, false, false}},
		{"url with two keys", func(s *Store[int], how Mode) int { return count(s.PurgeURL("http://b/1", how, noon)) }, 1, []bool{false, false, true, true}},
		{"unknown url", func(s *Store[int], how Mode) int { return count(s.PurgeURL("http://a/", how, noon)) }, 0, []bool{false, false, false, false}},
		{"prefix", func(s *Store[int], how Mode) int { return s.PurgePrefix("http://a/", how, noon) }, 2, []bool{true, true, false, false}},
		{"prefix of none", func(s *Store[int], how Mode) int { return s.PurgePrefix("http://c", how, noon) }, 0, []bool{false, false, false, false}},
		{"group", func(s *Store[int], how Mode) int { return count(s.PurgeGroup("g", how, noon)) }, 1, []bool{true, true, false, false}},
		{"other group", func(s *Store[int], how Mode) int { return count(s.PurgeGroup("h", how, noon)) }, 1, []bool{false, true, true, false}},
		{"unknown group", func(s *Store[int], how Mode) int { return count(s.PurgeGroup("x", how, noon)) }, 0, []bool{false, false, false, false}},
		{"everything", func(s *Store[int], how Mode) int { s.PurgeAll(how, noon); return 0 }, 0, []bool{true, true, true, true}},
	} {
		for _, how := range []Mode{Soft, Hard} {
			t.Run(fmt.Sprintf("%s/%d", c.name, how), func(t *testing.T) {
				s := small(t)
				fill := func() {
					put(t, s, keys[0], "http://a/1", 0, "g")
					put(t, s, keys[1], "http://a/2", 1, "g", "h")
					put(t, s, keys[2], "http://b/1", 2, "h")
					put(t, s, keys[3], "http://b/1", 3)
				}
				fill()
				if found := c.purge(s, how); found != c.found {
					t.Errorf("found %d, want %d", found, c.found)
				}
				for i, want := range c.purged {
					e, ok := s.Get(keys[i], nil)
					if how == Hard {
						if ok == want {
							t.Errorf("entry %d: found %v, purged %v", i, ok, want)
						}
						continue
					}
					if !ok {
						t.Fatalf("entry %d was dropped by a soft purge", i)
					}
					if since, purged := s.Purged(e); purged != want || purged && !since.Equal(noon) {
						t.Errorf("entry %d: purged %v since %v, want %v", i, purged, since, want)
					}
				}
				// What is stored after a purge isn't touched by it.
				fill()
				for i, k := range keys {
					e, ok := s.Get(k, nil)
					if !ok {
						t.Fatalf("entry %d can't be stored after the purge", i)
					}
					if _, purged := s.Purged(e); purged {
						t.Errorf("entry %d is born purged", i)
					}
				}
			})
		}
	}
}

func count(found bool) int {
	if found {
		return 1
	}
	return 0
}

// TestPurgeOvertakesFill: a response that was asked for before a purge isn't
// stored after it, also when nothing was stored that the purge could mark.
func TestPurgeOvertakesFill(t *testing.T) {
	for name, purge := range map[string]func(*Store[int]){
		"url":    func(s *Store[int]) { s.PurgeURL("http://a/1", Soft, noon) },
		"prefix": func(s *Store[int]) { s.PurgePrefix("http://a", Hard, noon) },
		"group":  func(s *Store[int]) { s.PurgeGroup("g", Hard, noon) },
		"all":    func(s *Store[int]) { s.PurgeAll(Soft, noon) },
		"many prefixes": func(s *Store[int]) {
			for i := range recentPrefixes + 1 {
				s.PurgePrefix(fmt.Sprintf("http://z/%d", i), Soft, noon)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := small(t)
			l, early := Labels{"http://a/1", []string{"g"}}, s.Mark()
			purge(s)
			if err := s.Put(testKey(1), early, l, Entry[int]{}); !errors.Is(err, ErrPurged) {
				t.Errorf("stored: %v", err)
			}
			if st := s.Stats(); st.Bytes != 0 || st.Groups != 0 {
				t.Errorf("a refused response stays in the books: %+v", st)
			}
			if err := s.Put(testKey(1), s.Mark(), l, Entry[int]{}); err != nil {
				t.Errorf("a later response is refused: %v", err)
			}
		})
	}
	t.Run("another", func(t *testing.T) {
		s := small(t)
		early := s.Mark()
		s.PurgePrefix("http://b/", Hard, noon)
		if err := s.Put(testKey(1), early, Labels{URL: "http://a/1"}, Entry[int]{}); err != nil {
			t.Errorf("a purge of something else refuses it: %v", err)
		}
	})
}

func TestHardPurgeOfAllFreesMemory(t *testing.T) {
	s := small(t)
	for i := range uint64(1000) {
		put(t, s, testKey(i), testURL(i), 1)
	}
	s.PurgeAll(Hard, noon)
	if st := s.Stats(); st.Bytes != 0 || st.Entries != 0 || st.Budget != 8<<20 || st.Purges != 1 {
		t.Errorf("%+v", st)
	}
}

// TestSweep: what a hard purge covers gives its memory back without being asked
// for; what a soft one covers stays, and counts.
func TestSweep(t *testing.T) {
	s := small(t)
	for i := range uint64(6) {
		put(t, s, testKey(i), testURL(i), int(i), "g")
	}
	if err := s.PutVariant(testKey(7), s.Mark(), equals(7), nil, Labels{URL: "v"}, Entry[int]{Policy: 7}, noon); err != nil {
		t.Fatal(err)
	}
	in := func(e *Entry[int]) bool { return e.In("g") }
	if n := s.Count(in); n != 6 {
		t.Errorf("counted %d", n)
	}
	s.PurgeURL(testURL(1), Hard, noon)
	s.PurgeURL(testURL(2), Soft, noon)
	if n := s.Count(in); n != 5 {
		t.Errorf("counted %d after a purge", n)
	}
	before := s.Stats()
	if n := s.Sweep(); n != 1 {
		t.Errorf("swept %d", n)
	}
	if after := s.Stats(); after.Entries != before.Entries-1 || after.Bytes >= before.Bytes {
		t.Errorf("%+v became %+v", before, after)
	}
	if n := s.Count(func(*Entry[int]) bool { return true }); n != 6 {
		t.Errorf("%d are left", n)
	}
}

// TestUpdate: what is known of a response takes its place, and no other's.
func TestUpdate(t *testing.T) {
	s, k, varied := small(t), testKey(1), testKey(2)
	l := Labels{URL: "u"}
	put(t, s, k, "u", 10)
	for _, policy := range []int{10, 20} {
		if err := s.PutVariant(varied, s.Mark(), tens(policy/10), nil, l, Entry[int]{Policy: policy}, noon); err != nil {
			t.Fatal(err)
		}
	}
	before := s.Stats()
	for _, at := range []Key{k, varied} {
		old, _ := s.Get(at, tens(1))
		if !s.Update(s.Mark(), old, l, Entry[int]{Policy: 11, Body: old.Body}) {
			t.Error("not updated")
		}
		if e, found := s.Get(at, tens(1)); !found || e.Policy != 11 {
			t.Errorf("%v, %v", e, found)
		}
		if s.Update(s.Mark(), old, l, Entry[int]{Policy: 12}) {
			t.Error("updated what isn't there any more")
		}
		early := s.Mark()
		now, _ := s.Get(at, tens(1))
		s.PurgeURL("u", Soft, noon)
		if s.Update(early, now, l, Entry[int]{Policy: 13}) {
			t.Error("updated by what was asked before a purge")
		}
		if e, found := s.Get(at, tens(1)); !found || e.Policy != 11 {
			t.Errorf("%v, %v", e, found)
		}
	}
	if e, found := s.Get(varied, tens(2)); !found || e.Policy != 20 {
		t.Error("another variant was touched")
	}
	if after := s.Stats(); after.Bytes != before.Bytes || after.Entries != before.Entries {
		t.Errorf("%+v became %+v", before, after)
	}
}

func TestGroupsAreBounded(t *testing.T) {
	s := newStore(t, Options[int]{Budget: 8 << 20, MaxGroups: 3, MaxEntryGroups: 2})
	try := func(n uint64, groups ...string) error {
		return s.Put(testKey(n), s.Mark(), Labels{"u", groups}, Entry[int]{})
	}
	for _, c := range []struct {
		n      uint64
		groups []string
		want   error
	}{
		{1, []string{"a", "b", "c"}, ErrGroups}, // too many for one
		{1, []string{"a", "b"}, nil},
		{2, []string{"b", "c"}, nil},
		{3, []string{"a", "d"}, ErrGroups}, // a fourth
		{3, []string{"a", "c"}, nil},
	} {
		if err := try(c.n, c.groups...); !errors.Is(err, c.want) {
			t.Errorf("%d in %v: %v, want %v", c.n, c.groups, err, c.want)
		}
	}
	take(s, testKey(1), nil)
	take(s, testKey(3), nil)
	if err := try(4, "d"); err != nil || s.Stats().Groups != 3 {
		t.Errorf("a group that nobody is in any more takes room: %v, %+v", err, s.Stats())
	}
}

// equals matches policies, which are numbers in these tests.
func equals(n int) func(*int) bool { return func(p *int) bool { return *p == n } }

// take removes the response that matches.
func take(s *Store[int], k Key, match func(*int) bool) {
	if e, found := s.Get(k, match); found {
		s.Remove(e)
	}
}

// tens matches policies of one variant: the tens tell variants apart, the ones
// responses.
func tens(n int) func(*int) bool { return func(p *int) bool { return *p/10 == n } }

func TestVariants(t *testing.T) {
	s := newStore(t, Options[int]{Budget: 8 << 20, MaxVariants: 3})
	k := testKey(1)
	store := func(policy int) error {
		return s.PutVariant(k, s.Mark(), tens(policy/10), nil, Labels{URL: "u"}, Entry[int]{Policy: policy}, noon)
	}
	find := func(match func(*int) bool) int {
		e, ok := s.Get(k, match)
		if !ok {
			return -1
		}
		return e.Policy
	}
	for _, policy := range []int{10, 20, 30, 11} {
		if err := store(policy); err != nil {
			t.Fatal(policy, err)
		}
	}
	if find(tens(1)) != 11 || find(tens(2)) != 20 || find(tens(3)) != 30 || find(tens(4)) != -1 {
		t.Error("a variant is missing or old")
	}
	if got := find(nil); got != 11 {
		t.Errorf("of several the last one stored is wanted, not %d", got)
	}

	// The fourth is one too many. The three stay, the rest isn't tried for a while.
	if err := store(40); !errors.Is(err, ErrVariants) {
		t.Errorf("a fourth variant: %v", err)
	}
	if find(tens(4)) != -1 || find(tens(2)) != 20 {
		t.Error("the fourth was stored, or displaced another")
	}
	if !s.Uncacheable(k, noon) || !s.Uncacheable(k, noon.Add(time.Minute-1)) || s.Uncacheable(k, noon.Add(time.Minute)) {
		t.Error("not marked uncacheable for a minute")
	}
	if err := store(21); err != nil || find(nil) != 21 {
		t.Errorf("a variant that is there can't be renewed: %v", err)
	}

	// One that is gone makes room.
	stale, _ := s.Get(k, tens(3))
	take(s, k, tens(3))
	if find(tens(3)) != -1 || find(tens(1)) != 11 || find(tens(2)) != 21 {
		t.Error("one variant was removed, and others with it")
	}
	if err := store(40); err != nil || find(tens(4)) != 40 || find(tens(3)) != -1 {
		t.Errorf("no room after one is gone: %v", err)
	}

	s.Remove(stale) // there is another in its place, or none
	if find(tens(1)) != 11 || find(tens(4)) != 40 {
		t.Error("what was replaced long ago takes others with it")
	}

	// A purge of the URL covers the index and the variants, one of a group not.
	s.PurgeURL("u", Hard, noon)
	if find(nil) != -1 {
		t.Error("purged variants are found")
	}
	for i, group := range []string{"g", "h"} {
		l := Labels{"u", []string{group}}
		if err := s.PutVariant(k, s.Mark(), tens(i), nil, l, Entry[int]{Policy: 10 * i}, noon); err != nil {
			t.Fatal(err)
		}
	}
	s.PurgeGroup("g", Hard, noon)
	if find(tens(0)) != -1 || find(tens(1)) != 10 {
		t.Error("a group's purge left its variant or took another")
	}

	// A response for all takes the place of variants, and they of it.
	put(t, s, k, "u", 50)
	if find(nil) != 50 || find(equals(50)) != 50 || find(tens(1)) != -1 {
		t.Error("variants are found behind a response for all")
	}
	if err := store(60); err != nil || find(tens(6)) != 60 || find(tens(5)) != -1 || find(tens(1)) != -1 {
		t.Errorf("a variant after a response for all: %v", err)
	}
}

func TestIndexIsRestored(t *testing.T) {
	a, b := small(t), small(t)
	k := testKey(1)
	for i := range 3 {
		if err := a.PutVariant(k, a.Mark(), equals(i), nil, Labels{URL: "u"}, Entry[int]{Policy: i}, noon); err != nil {
			t.Fatal(err)
		}
	}
	a.MarkUncacheable(testKey(2), noon, time.Hour)
	seen := 0
	for key, e := range a.All() {
		seen++
		var err error
		if e.Variants() != nil {
			err = b.RestoreIndex(key, b.Mark(), e.URL(), e.Variants())
		} else {
			err = b.Restore(key, b.Mark(), Labels{URL: e.URL()}, Entry[int]{Policy: e.Policy})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		if e, ok := b.Get(k, equals(i)); !ok || e.Policy != i {
			t.Errorf("variant %d: %v", i, ok)
		}
	}
	if seen != 4 {
		t.Errorf("%d seen", seen)
	}
	if err := b.PutVariant(k, b.Mark(), equals(7), nil, Labels{URL: "u"}, Entry[int]{Policy: 7}, noon); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 1, 2, 7} {
		if _, ok := b.Get(k, equals(i)); !ok {
			t.Errorf("a further variant displaced %d", i)
		}
	}
	if err := b.RestoreIndex(k, b.Mark(), "u", make([]Key, 33)); !errors.Is(err, ErrVariants) {
		t.Errorf("an index of 33: %v", err)
	}
}

// TestRestoringLeavesWhatIsNewer: a snapshot is loaded while requests are served.
func TestRestoringLeavesWhatIsNewer(t *testing.T) {
	s, k, varied := small(t), testKey(1), testKey(2)
	early := s.Mark()
	put(t, s, k, "u", 1)
	if err := s.PutVariant(varied, early, equals(1), nil, Labels{URL: "v"}, Entry[int]{Policy: 1}, noon); err != nil {
		t.Fatal(err)
	}
	used := s.Stats()
	if err := s.Restore(k, early, Labels{URL: "u"}, Entry[int]{Policy: 0}); err != nil {
		t.Fatal(err)
	}
	if err := s.RestoreIndex(varied, early, "v", []Key{testKey(7), testKey(8)}); err != nil {
		t.Fatal(err)
	}
	if got := s.Stats(); is(s, k) != 1 || is(s, varied) != 1 || got != used {
		t.Errorf("%d and %d are found, books %+v, before %+v", is(s, k), is(s, varied), got, used)
	}
	s.PurgeURL("w", Hard, noon)
	if err := s.Restore(testKey(3), early, Labels{URL: "w"}, Entry[int]{}); !errors.Is(err, ErrPurged) {
		t.Errorf("what was purged meanwhile is restored: %v", err)
	}
}

func TestMarkersStandBesideResponses(t *testing.T) {
	s := small(t)
	k := testKey(1)
	put(t, s, k, "u", 1)
	s.MarkUncacheable(k, noon, time.Second)
	if is(s, k) != 1 || !s.Uncacheable(k, noon) || s.Uncacheable(testKey(2), noon) {
		t.Error("the marker displaced the response, or isn't there, or is everywhere")
	}
	if s.Uncacheable(k, noon.Add(time.Second)) || s.Uncacheable(k, noon) {
		t.Error("the marker outlived its time")
	}
	if st := s.Stats(); st.Entries != 1 {
		t.Errorf("an ended marker stays: %+v", st)
	}
}

func TestBudgetShrinksAndGrows(t *testing.T) {
	s := small(t)
	for i := range uint64(20_000) {
		put(t, s, testKey(i), testURL(i), 1)
	}
	before := s.Stats()
	s.SetBudget(1 << 20)
	after := s.Stats()
	if before.Bytes < 6<<20 || after.Bytes > 1<<20 || after.Budget != 1<<20 || after.Evicted <= before.Evicted {
		t.Errorf("before %+v, after %+v", before, after)
	}
	s.SetBudget(2 << 20)
	for i := range uint64(20_000) {
		put(t, s, testKey(i), testURL(i), 1)
	}
	if st := s.Stats(); st.Bytes < 1<<20 || st.Bytes > 2<<20+2<<15 {
		t.Errorf("grown: %+v", st)
	}
}

// TestBooksBalance: whatever writers, readers and purges do at once, in the
// end weights and tags are those of the entries that are there.
func TestBooksBalance(t *testing.T) {
	s := newStore(t, Options[int]{Budget: 1 << 20, MaxVariants: 4})
	var wg sync.WaitGroup
	for w := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(w, 1))
			for range 4000 {
				n := r.Uint64N(400)
				k, url := testKey(n), fmt.Sprint("http://a/", n%100)
				l := Labels{url, []string{fmt.Sprint(n % 7)}}
				e := Entry[int]{Policy: int(n), Body: NewBody(make([]byte, r.IntN(20_000)))}
				m := s.Mark()
				switch r.IntN(12) {
				case 0:
					s.PurgeURL(url, Mode(r.IntN(2)), noon)
				case 1:
					s.PurgeGroup(fmt.Sprint(n%7), Mode(r.IntN(2)), noon)
				case 2:
					e.Policy = int(n) + 1000*r.IntN(6)
					_ = s.PutVariant(k, m, equals(e.Policy), nil, l, e, noon)
				case 3:
					s.MarkUncacheable(k, noon, 0)
				case 4:
					take(s, k, nil)
				case 5:
					if r.IntN(50) == 0 {
						s.PurgeAll(Mode(r.IntN(2)), noon)
						s.PurgePrefix("http://a/1", Hard, noon)
					}
				case 6, 7:
					if got, ok := s.Get(k, nil); ok && got.Policy%1000 != int(n) {
						t.Errorf("key %d has the entry of %d", n, got.Policy)
					}
				default:
					_ = s.Put(k, m, l, e)
				}
			}
		})
	}
	wg.Wait()
	sp := s.space.Load()
	sum, urls, groups := int64(0), map[string]int{}, map[string]int{}
	for e := range sp.index.all() {
		sum += e.Weight()
		if e.url != nil {
			urls[e.url.text]++
		}
		for _, g := range e.groups {
			groups[g.text]++
		}
	}
	if sp.used.Load() != sum || sum > 1<<20 {
		t.Errorf("%d bytes in the books, %d there", sp.used.Load(), sum)
	}
	for index, want := range map[*tags]map[string]int{sp.urls: urls, sp.groups: groups} {
		got := map[string]int{}
		for i := range index.shards {
			for text, tag := range index.shards[i].byText {
				got[text] = tag.refs
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || int(index.count.Load()) != len(want) {
			t.Errorf("tags %v, entries have %v", got, want)
		}
	}
}

// TestMarkedKeysAreRetried: of all who ask for a key that is marked, one in each
// period looks whether it still is, and a clock that jumps changes nothing.
func TestMarkedKeysAreRetried(t *testing.T) {
	s := small(t)
	k, start := testKey(1), time.Now()
	if s.Retry(k, start, time.Second) {
		t.Error("a key without a mark is retried")
	}
	s.MarkUncacheable(k, start, 10*time.Second)
	for _, step := range []struct {
		after time.Duration
		want  bool
	}{
		{0, false},
		{999 * time.Millisecond, false},
		{time.Second, true},
		{time.Second, false},
		{1999 * time.Millisecond, false},
		{5 * time.Second, true},
		{5 * time.Second, false},
		{10 * time.Second, false}, // the mark is over
	} {
		if got := s.Retry(k, start.Add(step.after), time.Second); got != step.want {
			t.Errorf("after %v: %v", step.after, got)
		}
	}
	s.MarkUncacheable(k, start, 10*time.Second)
	if s.Unmark(k); s.Uncacheable(k, start) {
		t.Error("a mark that was taken away is there")
	}
}

// TestSpentVariantsMakeRoom: whoever fills the list with variants that nobody
// asks for again keeps it from others for no longer than they last.
func TestSpentVariantsMakeRoom(t *testing.T) {
	s := newStore(t, Options[int]{Budget: 8 << 20, MaxVariants: 3})
	k := testKey(1)
	spent := func(p *int) bool { return *p%10 == 9 }
	for _, step := range []struct {
		policy int
		want   error
	}{{10, nil}, {29, nil}, {39, nil}, {40, nil}, {50, nil}, {60, ErrVariants}} {
		if err := s.PutVariant(k, s.Mark(), tens(step.policy/10), spent, Labels{URL: "u"}, Entry[int]{Policy: step.policy}, noon); err != step.want {
			t.Errorf("%d: %v", step.policy, err)
		}
	}
	for policy, want := range map[int]bool{1: true, 2: false, 3: false, 4: true, 5: true, 6: false} {
		if _, ok := s.Get(k, tens(policy)); ok != want {
			t.Errorf("variant %d: %v", policy, ok)
		}
	}
}

// TestEachEntryCanHaveAGroup: products have a group each, and there are as many as
// entries. What groups take is counted.
func TestEachEntryCanHaveAGroup(t *testing.T) {
	s := newStore(t, Options[int]{Budget: 32 << 20})
	const n = 5000
	for i := range n {
		l := Labels{URL: fmt.Sprint("/", i), Groups: []string{"all", fmt.Sprint("product-", i)}}
		if err := s.Put(testKey(uint64(i)), s.Mark(), l, Entry[int]{Policy: i}); err != nil {
			t.Fatal(i, err)
		}
	}
	grouped := s.Stats()
	if grouped.Groups != n+1 || grouped.Entries != n {
		t.Errorf("%+v", grouped)
	}
	for i := range n {
		put(t, s, testKey(uint64(i)), fmt.Sprint("/", i), i)
	}
	if more := (grouped.Bytes - s.Stats().Bytes) / n; more < 80 || more > 400 {
		t.Errorf("two groups, of which one is its own, count as %d bytes an entry", more)
	}
}
