package idempotency

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// some is a journal with three frames at least, and where they end.
func some(t *testing.T) (text []byte, ends []int) {
	t.Helper()
	o := options(journalPath(t))
	l := open(t, o)
	for _, k := range []string{"a", "b", "c"} {
		finish(t, l, k, wantState(t, l, ask(k), First))
	}
	text, err := os.ReadFile(o.File)
	if err != nil {
		t.Fatal(err)
	}
	for end := len(journalMark); end < len(text); {
		end += frameHeader + int(binary.BigEndian.Uint32(text[end:]))
		ends = append(ends, end)
	}
	if len(ends) < 3 || ends[len(ends)-1] != len(text) {
		t.Fatalf("frames end at %v of %d", ends, len(text))
	}
	return text, ends
}

// A frame that was never written whole was relied on by nobody. It is cut off,
// and what comes after the start is written where it was.
func TestTornTail(t *testing.T) {
	text, ends := some(t)
	last := ends[len(ends)-2]
	for cut := last + 1; cut < len(text); cut++ {
		for _, zeros := range []int{0, 5000} {
			if zeros > 0 && cut != last+1 {
				continue // zeros in the place of a frame's rest aren't told from a changed one
			}
			torn := text[:cut]
			if zeros > 0 {
				torn = append(bytes.Clone(text[:last]), make([]byte, zeros)...)
			}
			var log bytes.Buffer
			o := options(written(t, torn))
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			l := Open(o, testTime)
			if s := l.Status(testTime); !s.Journal.Readable || s.Journal.Torn != int64(len(torn)-last) || s.Keys != 3 {
				t.Fatalf("cut at %d: %+v %+v", cut, s, s.Journal)
			}
			if !strings.Contains(log.String(), "never written whole") {
				t.Errorf("the log says only %s", &log)
			}
			wantState(t, l, ask("a"), Answered)
			wantState(t, l, ask("c"), Doubtful) // its answer was in the frame
			finish(t, l, "d", wantState(t, l, ask("d"), First))
			l.Close()
			l = Open(o, testTime)
			wantState(t, l, ask("d"), Answered)
			l.Close()
		}
	}
	for cut := range len(journalMark) + 1 { // killed before there was anything
		l := Open(options(written(t, text[:cut])), testTime)
		finish(t, l, "d", wantState(t, l, ask("d"), First))
		l.Close()
	}
}

// A journal with a bit that changed is not to be relied on, wherever that is:
// nobody knows which keys were lost with it.
func TestFlippedBit(t *testing.T) {
	text, _ := some(t)
	for i := range text {
		for _, bit := range []byte{1, 0x80} {
			rotten := bytes.Clone(text)
			rotten[i] ^= bit
			if c, err := readJournal(bytes.NewReader(rotten), int64(len(rotten))); err == nil {
				t.Fatalf("byte %d: read %d keys, cut %d", i, len(c.entries), c.torn)
			}
		}
	}
	rotten := bytes.Clone(text)
	rotten[len(rotten)/2] ^= 1
	o := options(written(t, rotten))
	l := Open(o, testTime)
	defer l.Close()
	_, err := l.Begin(t.Context(), ask("new"))
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("a rotten journal: %v", err)
	}
	if s := l.Status(testTime); s.Journal.Readable || s.Journal.Error == "" || !s.Journal.FailingSince.Equal(testTime) {
		t.Errorf("status %+v", s.Journal)
	}
	if now, err := os.ReadFile(o.File); err != nil || !bytes.Equal(now, rotten) {
		t.Error("a rotten journal was changed")
	}
}

// A frame that was lost from the middle is no torn end.
func TestNoJournal(t *testing.T) {
	text, ends := some(t)
	for name, bad := range map[string][]byte{
		"zeros in the middle": append(append(bytes.Clone(text[:ends[0]]), make([]byte, ends[1]-ends[0])...), text[ends[1]:]...),
		"something else":      []byte("these are not the bytes you are looking for"),
		"something short":     []byte("x"),
		"another version":     append([]byte("LEVEEIJ2"), text[8:]...),
	} {
		if c, err := readJournal(bytes.NewReader(bad), int64(len(bad))); err == nil {
			t.Errorf("%s: read %d keys, cut %d", name, len(c.entries), c.torn)
		}
	}
}

// disk is a disk that can be made full, broken or slow.
type disk struct {
	mu    sync.Mutex
	room  int // bytes that can still be written; negative: any number
	bad   error
	hangs chan struct{} // a sync waits for its end, if there is one
	syncs int
}

func (d *disk) wrap(f file) file { return &diskFile{d, f} }

func (d *disk) set(room int, bad error, hangs chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room, d.bad, d.hangs = room, bad, hangs
}

type diskFile struct {
	*disk
	file
}

func (f *diskFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.room >= 0 && len(p) > f.room {
		n, _ := f.file.Write(p[:f.room]) // what fits is written
		f.room = 0
		return n, syscall.ENOSPC
	}
	if f.room >= 0 {
		f.room -= len(p)
	}
	return f.file.Write(p)
}

func (f *diskFile) Sync() error {
	f.mu.Lock()
	hangs, bad := f.hangs, f.bad
	f.syncs++
	f.mu.Unlock()
	if hangs != nil {
		<-hangs
	}
	if bad != nil {
		return bad
	}
	return f.file.Sync()
}

// A full disk refuses what is new and goes on giving what is known. When there
// is room again all is written anew, and nothing was lost.
func TestDiskFull(t *testing.T) {
	for name, bad := range map[string]error{"full": nil, "failing": syscall.EIO} {
		d := &disk{room: -1}
		o := options(journalPath(t))
		o.wrap, o.retry = d.wrap, 50*time.Millisecond
		l := open(t, o)
		finish(t, l, "before", wantState(t, l, ask("before"), First))
		during := wantState(t, l, ask("during"), First)
		if bad != nil {
			d.set(-1, bad, nil)
		} else {
			d.set(10, nil, nil)
		}
		// What was sent has been carried out: its answer is kept, and told.
		if err := l.Finish(t.Context(), testTime, key("during"), during.Ticket, answer("during")); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("%s: an answer was stored: %v", name, err)
		}
		if _, err := l.Begin(t.Context(), ask("new")); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("%s: a claim was stored: %v", name, err)
		}
		wantState(t, l, ask("before"), Answered)
		wantState(t, l, ask("during"), Answered)
		if s := l.Status(testTime); s.Keys != 2 || s.Journal.Error == "" || !s.Journal.Readable {
			t.Errorf("%s: status %+v %+v", name, s, s.Journal)
		}
		// Killed now, it leaves a torn end at most.
		dead := Open(options(copyOf(t, o.File)), testTime)
		wantState(t, dead, ask("before"), Answered)
		if bad == nil {
			wantState(t, dead, ask("during"), Doubtful)
		}
		dead.Close()

		d.set(-1, nil, nil)
		eventually(t, "it is written again", func() bool { return l.Status(testTime).Journal.Error == "" })
		wantState(t, l, ask("new"), First)
		dead = Open(options(copyOf(t, o.File)), testTime)
		wantState(t, dead, ask("before"), Answered)
		wantState(t, dead, ask("during"), Answered)
		wantState(t, dead, ask("new"), Doubtful)
		dead.Close()
	}
}

// eventually waits for what the journal's writer does by itself.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	over := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("not in 20 s: %s", what)
		}
	}
}

// While the disk is slow to take one batch, all others wait together for the
// next: how many there are doesn't matter.
func TestGroupCommit(t *testing.T) { synctest.Test(t, groupCommit) }

func groupCommit(t *testing.T) {
	d := &disk{room: -1}
	o := options(journalPath(t))
	o.wrap = d.wrap
	l := open(t, o)
	defer l.Close()
	hangs := make(chan struct{})
	d.set(-1, nil, hangs)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			r := ask(fmt.Sprint(i))
			r.Now = time.Now()
			if c, err := l.Begin(t.Context(), r); err != nil || c.State != First {
				t.Errorf("%+v %v", c, err)
			}
		})
	}
	synctest.Wait() // all have asked
	d.mu.Lock()
	before := d.syncs
	d.mu.Unlock()
	close(hangs)
	wg.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.syncs - before; n > 2 {
		t.Errorf("100 claims took %d further syncs", n)
	}
}

// A disk that hangs holds nobody up for ever, and whoever comes while it does
// isn't held up at all.
func TestDiskHangs(t *testing.T) { synctest.Test(t, diskHangs) }

func diskHangs(t *testing.T) {
	const patience = 200 * time.Millisecond
	d := &disk{room: -1}
	o := options(journalPath(t))
	o.wrap, o.patience, o.retry = d.wrap, patience, time.Millisecond
	l := open(t, o)
	defer l.Close()
	hangs := make(chan struct{})
	d.set(-1, nil, hangs)
	begun := time.Now()
	r := ask("a")
	r.Now = begun
	if _, err := l.Begin(t.Context(), r); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("a disk that hangs stored something: %v", err)
	}
	if took := time.Since(begun); took < patience {
		t.Errorf("waited for %v", took)
	}
	r = ask("b")
	r.Now = begun.Add(2 * patience)
	if keys := l.Status(begun).Keys; keys != 0 {
		t.Errorf("%d keys are left of it", keys)
	}
	if err := l.journal.usable(r.Now); !errors.Is(err, errSlow) { // at once: nothing is added, and nothing waited for
		t.Errorf("the next one: %v", err)
	}
	d.set(-1, nil, nil)
	close(hangs)
	eventually(t, "it works again", func() bool {
		r.Now = time.Now()
		c, err := l.Begin(t.Context(), r)
		return err == nil && c.State == First
	})
}

// The journal grows with what it has to hold, not with what it ever held.
func TestJournalShrinks(t *testing.T) {
	o := options(journalPath(t))
	o.Bytes = 1 << 20
	l := open(t, o)
	large := &Answer{Status: 200, Body: make([]byte, 100<<10)}
	var most int64
	for i := range 200 { // 20 MB altogether, each forgotten with the next
		r := ask(fmt.Sprint(i))
		r.Now = testTime.Add(time.Duration(i) * time.Hour)
		c := wantState(t, l, r, First)
		if err := l.Finish(t.Context(), r.Now, r.Key, c.Ticket, large); err != nil {
			t.Fatal(err)
		}
		most = max(most, l.Status(r.Now).Journal.Bytes)
	}
	if most < rewriteAt || most > 3*rewriteAt {
		t.Errorf("grew to %d bytes", most)
	}
	last := ask("199")
	last.Now = testTime.Add(199 * time.Hour)
	wantState(t, l, last, Answered)
	o.File = copyOf(t, o.File)
	l = Open(o, last.Now)
	defer l.Close()
	wantState(t, l, last, Answered)
}

// What is written to the old journal while a smaller one is being written is
// in both.
func TestShrinkingLosesNothing(t *testing.T) {
	o := options(journalPath(t))
	o.Entries, o.Bytes = 100_000, 1<<30
	l := open(t, o)
	l.journal.mu.Lock()
	l.journal.rewriteAt = 0 // always, as soon as there is twice as much as needed
	l.journal.mu.Unlock()
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 200 {
				k := fmt.Sprint(worker, i)
				c, err := l.Begin(t.Context(), ask(k))
				if err != nil || c.State != First {
					t.Errorf("%s: %+v %v", k, c, err)
					return
				}
				switch i % 4 {
				case 0:
					l.Release(key(k), c.Ticket)
				case 1:
					l.Doubt(testTime, key(k), c.Ticket)
				default:
					if err := l.Finish(t.Context(), testTime, key(k), c.Ticket, answer(k)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	l.Close()
	l = open(t, o)
	for worker := range 8 {
		for i := range 200 {
			want := []State{First, Doubtful, Answered, Answered}[i%4]
			wantState(t, l, ask(fmt.Sprint(worker, i)), want)
		}
	}
}

// A journal that somebody removes while it is in use is there again with the
// next claim, whole.
func TestJournalRemoved(t *testing.T) {
	o := options(journalPath(t))
	l := open(t, o)
	finish(t, l, "a", wantState(t, l, ask("a"), First))
	if err := os.Remove(o.File); err != nil {
		t.Fatal(err)
	}
	finish(t, l, "b", wantState(t, l, ask("b"), First))
	l = Open(options(copyOf(t, o.File)), testTime)
	defer l.Close()
	wantState(t, l, ask("a"), Answered)
	wantState(t, l, ask("b"), Answered)
}

// Of two processes with one journal only one serves; when it has ended, the
// other one does, and knows all.
func TestJournalOfAnother(t *testing.T) {
	o := options(journalPath(t))
	o.Retention = 100 * 365 * 24 * time.Hour // it is read by the real clock
	l := open(t, o)
	finish(t, l, "a", wantState(t, l, ask("a"), First))
	o.retry = 10 * time.Millisecond
	second := open(t, o)
	if _, err := second.Begin(t.Context(), ask("a")); !errors.Is(err, ErrUnavailable) || !errors.Is(err, errLocked) {
		t.Fatalf("two write one journal: %v", err)
	}
	l.Close()
	if _, err := l.Begin(t.Context(), ask("new")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a closed store: %v", err)
	}
	eventually(t, "the second one serves", func() bool { return second.Status(testTime).Journal.Readable })
	wantState(t, second, ask("a"), Answered)
}

// Whatever stands where the journal should be, the store refuses and says why.
func TestJournalCantBeOpened(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"no folder": filepath.Join(folder, "none", "journal"), "a folder": folder, "a pipe": pipe} {
		l := Open(options(path), testTime)
		if _, err := l.Begin(t.Context(), ask("a")); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
		l.Close()
	}
}

// Not forced to the disk at once, it is still written before it counts, and
// forced in the end.
func TestSyncModes(t *testing.T) {
	for mode, counts := range map[Sync]func(int) bool{
		SyncAlways:   func(n int) bool { return n >= 21 },
		SyncInterval: func(n int) bool { return n < 21 }, // when opened, when closed, and as time passes
		SyncNever:    func(n int) bool { return n == 2 },
	} {
		d := &disk{room: -1}
		o := options(journalPath(t))
		o.Sync, o.wrap = mode, d.wrap
		l := Open(o, testTime)
		for i := range 10 {
			finish(t, l, fmt.Sprint(i), wantState(t, l, ask(fmt.Sprint(i)), First))
		}
		dead := Open(options(copyOf(t, o.File)), testTime)
		wantState(t, dead, ask("9"), Answered)
		dead.Close()
		l.Close()
		if !counts(d.syncs) {
			t.Errorf("%s: %d syncs", mode, d.syncs)
		}
	}
}

// A power cut may leave a last frame that has its length, and blocks of zeros
// where its data was to come. Nobody relied on it. With a sound frame behind
// it, or without zeros, it was changed later.
func TestUnwrittenBlocks(t *testing.T) {
	text := []byte(journalMark)
	frame := func(k string) []byte {
		f := appendBegin(make([]byte, frameHeader), 1, testTime, key(k), print(k))
		f = appendAnswer(f, 1, testTime, key(k), answer(strings.Repeat("body", 4900)))
		seal(f)
		return f
	}
	text = append(text, frame("a")...)
	good := len(text)
	text = append(text, frame("b")...)
	whole := len(text)
	zeroed := func(from, to int) []byte {
		b := bytes.Clone(text)
		clear(b[from:to])
		return b
	}
	block := func(i int) int { return (good/fileBlock + i) * fileBlock }
	for name, c := range map[string]struct {
		text []byte
		torn bool
	}{
		"the last block":           {zeroed(block(5), whole), true},
		"all but the first":        {zeroed(block(1), whole), true},
		"one in the middle":        {zeroed(block(2), block(3)), true},
		"the first":                {zeroed(good, block(1)), true},
		"one, and a frame follows": {append(zeroed(block(2), block(3)), frame("c")...), false},
		"the first, and a frame":   {append(zeroed(good, block(1)), frame("c")...), false},
		"half of one":              {zeroed(block(2), block(2)+fileBlock/2), false},
		"of an earlier frame":      {zeroed(block(-2), block(-1)), false},
	} {
		read, err := readJournal(bytes.NewReader(c.text), int64(len(c.text)))
		switch {
		case !c.torn && err == nil:
			t.Errorf("%s: read %d keys, cut %d", name, len(read.entries), read.torn)
		case c.torn && (err != nil || read.good != int64(good) || read.torn != int64(whole-good) || len(read.entries) != 1):
			t.Errorf("%s: %+v %v", name, read, err)
		}
	}
}

// A journal that is truncated or overwritten in place, as by a shell's > or by
// what rotates logs, is written anew: with the next claim, and within a second
// though nothing is asked.
func TestJournalChangedInPlace(t *testing.T) {
	for name, change := range map[string]func(file string) error{
		"truncated":   func(file string) error { return os.Truncate(file, 0) },
		"overwritten": func(file string) error { return os.WriteFile(file, []byte("garbage"), 0o600) },
		"appended to": func(file string) error {
			f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteString("garbage")
			return err
		},
	} {
		for _, next := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				o := options(journalPath(t))
				l := open(t, o)
				defer l.Close()
				finish(t, l, "a", wantState(t, l, ask("a"), First))
				if err := change(o.File); err != nil {
					t.Fatal(err)
				}
				want := First
				if next {
					finish(t, l, "b", wantState(t, l, ask("b"), First))
					want = Answered
				} else {
					time.Sleep(2 * syncEvery)
					synctest.Wait()
				}
				dead := Open(options(copyOf(t, o.File)), testTime) // killed now
				defer dead.Close()
				if s := dead.Status(testTime).Journal; !s.Readable || s.Torn != 0 {
					t.Fatalf("%s: %+v", name, s)
				}
				wantState(t, dead, ask("a"), Answered)
				wantState(t, dead, ask("b"), want)
			})
		}
	}
}

// When the journal is forced to the disk can change while it is in use: what
// was written until then is forced too.
func TestSyncChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{room: -1}
		o := options(journalPath(t))
		o.Sync, o.wrap = SyncNever, d.wrap
		l := open(t, o)
		defer l.Close()
		syncs := func() int {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.syncs
		}
		opened := syncs()
		finish(t, l, "a", wantState(t, l, ask("a"), First))
		time.Sleep(2 * syncEvery)
		if n := syncs(); n != opened {
			t.Fatalf("never: %d syncs", n-opened)
		}
		o.Sync = SyncAlways
		l.Configure(o)
		time.Sleep(2 * syncEvery)
		if n := syncs(); n != opened+1 {
			t.Errorf("what was written before: %d syncs", n-opened)
		}
		finish(t, l, "b", wantState(t, l, ask("b"), First))
		if n := syncs(); n != opened+3 {
			t.Errorf("always: %d syncs", n-opened)
		}
	})
}

// Who waits for another process to end takes over within a second of that,
// however long it has waited.
func TestJournalIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(journalPath(t))
		o.Retention = 100 * 365 * 24 * time.Hour
		old := open(t, o)
		next := open(t, o)
		defer next.Close()
		time.Sleep(45 * time.Second) // the old one drains
		if next.Status(testTime).Journal.Readable {
			t.Fatal("two have one journal")
		}
		old.Close()
		time.Sleep(retryFirst + time.Millisecond)
		synctest.Wait()
		if s := next.Status(testTime).Journal; !s.Readable {
			t.Errorf("%+v", s)
		}
	})
}
