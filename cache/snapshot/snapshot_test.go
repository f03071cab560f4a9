package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var noon = time.Date(2026, 2, 26, 12, 0, 0, 0, time.UTC)

func samples(n int) []Record {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	random := func(most int) []byte {
		b := make([]byte, r.IntN(most))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	records := make([]Record, n)
	for i := range records {
		records[i] = Record{random(40), random(60), [][]byte{random(50), nil, random(30)}, time.Duration(i) * time.Second}
	}
	return records
}

// same compares records, whatever their chunks.
func same(a, b Record) bool {
	return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Meta, b.Meta) && a.Age == b.Age &&
		bytes.Equal(bytes.Join(a.Body, nil), bytes.Join(b.Body, nil))
}

func encoded(t testing.TB, records []Record) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := encode(context.Background(), &b, "schema", noon, slices.Values(records))
	if err != nil || w.Records != len(records) || w.Bytes != int64(b.Len()) {
		t.Fatalf("%+v, %v", w, err)
	}
	return b.Bytes()
}

func decoded(data []byte) (records []Record, l Loaded, err error) {
	l, err = decode(context.Background(), bytes.NewReader(data), "schema", noon, 1<<20, func(r Record) error {
		records = append(records, r)
		return nil
	})
	return records, l, err
}

// prefix says how many of want were got, or -1 if others were.
func prefix(got, want []Record) int {
	if len(got) > len(want) {
		return -1
	}
	for i := range got {
		if !same(got[i], want[i]) {
			return -1
		}
	}
	return len(got)
}

func TestWriteAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.snapshot")
	for _, n := range []int{0, 1, 500} {
		want := append(samples(n), Record{}, Record{Key: []byte("large"), Body: [][]byte{make([]byte, 200_000)}})
		w, err := Write(t.Context(), path, "v1", noon, slices.Values(want))
		if err != nil || w.Records != n+2 {
			t.Fatalf("%+v, %v", w, err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Size() != w.Bytes || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v, %+v", info, err, w)
		}
		var got []Record
		l, err := Read(t.Context(), path, "v1", noon, 1<<20, func(r Record) error { got = append(got, r); return nil })
		if err != nil || prefix(got, want) != n+2 || l.Records != n+2 || !l.Saved.Equal(noon) {
			t.Errorf("%d of %d, %+v, %v", prefix(got, want), n, l, err)
		}
	}
	only(t, path)
}

// only says that a path's folder holds nothing else.
func only(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Errorf("the folder has %v, %v", entries, err)
	}
}

func TestAgesGoOnAndNeverBelowZero(t *testing.T) {
	data := encoded(t, []Record{{Age: time.Minute}, {Age: -time.Minute}, {Age: math.MaxInt64}})
	for _, c := range []struct {
		now  time.Time
		want [3]time.Duration
	}{
		{noon, [3]time.Duration{time.Minute, 0, math.MaxInt64}},
		{noon.Add(time.Hour), [3]time.Duration{61 * time.Minute, time.Hour, math.MaxInt64}},
		{noon.Add(-time.Hour), [3]time.Duration{time.Minute, 0, math.MaxInt64}}, // the clock was set back
		{time.Time{}, [3]time.Duration{time.Minute, 0, math.MaxInt64}},
	} {
		i := 0
		_, err := decode(t.Context(), bytes.NewReader(data), "schema", c.now, 0, func(r Record) error {
			if r.Age != c.want[i] {
				t.Errorf("at %v, record %d is %v old, want %v", c.now, i, r.Age, c.want[i])
			}
			i++
			return nil
		})
		if err != nil || i != 3 {
			t.Errorf("%d records, %v", i, err)
		}
	}
}

// TestTorn: whatever is cut off, what is before it is there.
func TestTorn(t *testing.T) {
	want := samples(5)
	data := encoded(t, want)
	most := 0
	for n := range data {
		got, _, err := decoded(data[:n])
		p := prefix(got, want)
		if !errors.Is(err, ErrDamaged) || p < most {
			t.Fatalf("%d bytes of %d: %d records, %v", n, len(data), p, err)
		}
		most = p
	}
	if got, _, err := decoded(data); prefix(got, want) != 5 || most != 5 || err != nil {
		t.Errorf("all: %v, %d records when torn", err, most)
	}
}

// TestFlippedBit: any one, anywhere. Records before it are there, and nothing that
// wasn't written ever is.
func TestFlippedBit(t *testing.T) {
	want := samples(5)
	data := encoded(t, want)
	for i := range 8 * len(data) {
		data[i/8] ^= 1 << (i % 8)
		got, _, err := decoded(data)
		if p := prefix(got, want); p < 0 || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrForeign) {
			t.Fatalf("bit %d of byte %d: %d records, %v", i%8, i/8, p, err)
		}
		data[i/8] ^= 1 << (i % 8)
	}
}

// TestBlocksOfAnotherSnapshot aren't taken for this one's, at the same place.
func TestBlocksOfAnotherSnapshot(t *testing.T) {
	records := samples(4)
	a := encoded(t, records)
	var later bytes.Buffer
	if _, err := encode(t.Context(), &later, "schema", noon.Add(time.Minute), slices.Values(records)); err != nil {
		t.Fatal(err)
	}
	mixed := append(slices.Clone(a[:len(a)/2]), later.Bytes()[len(a)/2:]...)
	if got, _, err := decoded(mixed); !errors.Is(err, ErrDamaged) || prefix(got, records) == 4 {
		t.Errorf("%d records, %v", len(got), err)
	}
}

func TestForeign(t *testing.T) {
	ours := encoded(t, samples(1))
	newer := slices.Clone(ours)
	newer[8]++
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"another program's": {bytes.Repeat([]byte("JUNK"), 100), "begins with"},
		"a later version":   {newer, "version 2 instead of 1"},
		"another schema":    {ours, `schema "schema" instead of "other"`},
	} {
		schema := "schema"
		if name == "another schema" {
			schema = "other"
		}
		l, err := decode(t.Context(), bytes.NewReader(c.data), schema, noon, 1<<20, func(Record) error {
			t.Errorf("%s: a record", name)
			return nil
		})
		if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), c.want) || l.Records != 0 {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
	if _, err := Read(t.Context(), filepath.Join(t.TempDir(), "none"), "", noon, 0, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestLimits(t *testing.T) {
	records := []Record{
		{Key: make([]byte, maxKey+1)},
		{Key: []byte("a"), Body: [][]byte{make([]byte, 100)}},
		{Key: []byte("b"), Meta: make([]byte, maxMeta+1)},
		{Key: []byte("c"), Body: [][]byte{make([]byte, 101), make([]byte, 9000)}},
		{Key: []byte("d")},
	}
	var b bytes.Buffer
	w, err := encode(t.Context(), &b, "", noon, slices.Values(records))
	if err != nil || w.Records != 3 || w.Skipped != 2 {
		t.Errorf("written %+v, %v", w, err)
	}
	keys := ""
	l, err := decode(t.Context(), bytes.NewReader(b.Bytes()), "", noon, 100, func(r Record) error { keys += string(r.Key); return nil })
	if err != nil || keys != "ad" || l.Records != 2 || l.Skipped != 1 || l.Bytes != 102 {
		t.Errorf("read %q, %+v, %v", keys, l, err)
	}
	if _, err := encode(t.Context(), &b, strings.Repeat("x", 1<<16), noon, slices.Values(records)); err == nil {
		t.Error("a schema's name of 64 KiB")
	}
}

// TestLyingLengths: a head that promises a lot takes no memory before the bytes
// come.
func TestLyingLengths(t *testing.T) {
	data := encoded(t, nil)
	start := data[:len(data)-head-4]
	seed := sum(0, start[:len(start)-4])
	for _, c := range []struct {
		name      string
		key, meta int
		body      uint64
	}{{"body", 0, 0, 1 << 62}, {"body beyond any", 0, 0, math.MaxUint64}, {"meta", 0, maxMeta, 0}, {"meta beyond any", 0, math.MaxUint32, 0}, {"key", maxKey, 0, 0}} {
		lie := putHead(slices.Clone(start), kindRecord, c.key, c.meta, c.body, 0, seed)
		lie = append(lie, "little"...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := decode(t.Context(), bytes.NewReader(lie), "schema", noon, math.MaxInt64, func(Record) error { return nil })
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, ErrDamaged) || took > 1<<20 {
			t.Errorf("%s: took %d bytes, %v", c.name, took, err)
		}
	}
}

func TestReadingEndsEarly(t *testing.T) {
	data, stop := encoded(t, samples(10)), errors.New("enough")
	n := 0
	l, err := decode(t.Context(), bytes.NewReader(data), "schema", noon, 1<<20, func(Record) error {
		if n++; n == 3 {
			return stop
		}
		return nil
	})
	if err != stop || n != 3 || l.Records != 3 {
		t.Errorf("%d records, %+v, %v", n, l, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n = 0
	_, err = decode(ctx, bytes.NewReader(data), "schema", noon, 1<<20, func(Record) error {
		if n++; n == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || n != 3 {
		t.Errorf("cancelled: %d records, %v", n, err)
	}
}

// full is a disk with room for so many bytes.
type full struct {
	*os.File
	room         int
	sync, closes error
}

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.room {
		n, _ := f.File.Write(p[:f.room])
		f.room = 0
		return n, syscall.ENOSPC
	}
	f.room -= len(p)
	return f.File.Write(p)
}

func (f *full) Sync() error  { return errors.Join(f.sync, f.File.Sync()) }
func (f *full) Close() error { return errors.Join(f.closes, f.File.Close()) }

// TestDiskFull, and other ways in which a write fails: the old snapshot stays,
// and nothing is left beside it.
func TestDiskFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.snapshot")
	old, fresh := samples(3), samples(50_000)
	if _, err := Write(t.Context(), path, "schema", noon, slices.Values(old)); err != nil {
		t.Fatal(err)
	}
	io := errors.New("input/output error")
	at := func(rename func() error) error { return rename() }
	for name, c := range map[string]struct {
		file full
		want error
	}{
		"full at once":     {full{room: 0}, syscall.ENOSPC},
		"full in the file": {full{room: 300_000}, syscall.ENOSPC},
		"flush":            {full{room: math.MaxInt, sync: io}, io},
		"close":            {full{room: math.MaxInt, closes: io}, io},
	} {
		_, err := replace(t.Context(), path, "schema", noon, slices.Values(fresh), at, func(dir, pattern string) (file, error) {
			f, err := os.CreateTemp(dir, pattern)
			c.file.File = f
			return &c.file, err
		})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := replace(t.Context(), path, "schema", noon, slices.Values(fresh), at, func(string, string) (file, error) { return nil, io }); !errors.Is(err, io) {
		t.Errorf("no file: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Write(ctx, path, "schema", noon, func(yield func(Record) bool) {
		for i, r := range fresh {
			if i == 100 {
				cancel()
			}
			if !yield(r) {
				return
			}
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := Write(t.Context(), filepath.Join(path, "under a file"), "", noon, slices.Values(old)); err == nil {
		t.Error("written under a file")
	}
	only(t, path)
	var got []Record
	_, err = Read(t.Context(), path, "schema", noon, 1<<20, func(r Record) error { got = append(got, r); return nil })
	if err != nil || prefix(got, old) != 3 || len(got) != 3 {
		t.Errorf("the old snapshot: %d records, %v", len(got), err)
	}
}

func BenchmarkWrite(b *testing.B) {
	path, records := filepath.Join(b.TempDir(), "s"), samples(1000)
	for i := range records {
		records[i].Body = [][]byte{make([]byte, 8<<10)}
	}
	b.ReportAllocs()
	for b.Loop() {
		w, err := Write(b.Context(), path, "", noon, slices.Values(records))
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(w.Bytes)
	}
}

func BenchmarkRead(b *testing.B) {
	records := samples(1000)
	for i := range records {
		records[i].Body = [][]byte{make([]byte, 8<<10)}
	}
	data := encoded(b, records)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, l, err := decoded(data); err != nil || l.Records != 1000 {
			b.Fatal(l, err)
		}
	}
}

func ExampleWrite() {
	dir, err := os.MkdirTemp("", "levee-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "cache.snapshot")
	stopped := time.Date(2026, 2, 26, 5, 0, 0, 0, time.UTC)
	records := slices.Values([]Record{{Key: []byte("k"), Body: [][]byte{[]byte("hello")}, Age: time.Minute}})
	if _, err := Write(context.Background(), path, "example/1", stopped, records); err != nil {
		panic(err)
	}
	started := stopped.Add(30 * time.Second)
	_, err = Read(context.Background(), path, "example/1", started, 1<<20, func(r Record) error {
		fmt.Printf("%s: %s, %v old\n", r.Key, bytes.Join(r.Body, nil), r.Age)
		return nil
	})
	fmt.Println(err)
	// Output:
	// k: hello, 1m30s old
	// <nil>
}
