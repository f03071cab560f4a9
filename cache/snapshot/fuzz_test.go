package snapshot

import (
	"bytes"
	"context"
	"errors"
	"math"
	"runtime"
	"testing"
)

// FuzzRead: whatever the file, no panic, no more memory than a small multiple of
// its size, and an error unless it is one that encode could have written.
func FuzzRead(f *testing.F) {
	whole := encoded(f, samples(3))
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		size := 0
		l, err := decode(context.Background(), bytes.NewReader(data), "schema", noon, math.MaxInt64, func(r Record) error {
			size += len(r.Key) + len(r.Meta)
			for _, c := range r.Body {
				size += len(c)
			}
			if r.Age < 0 {
				t.Errorf("a record is %v old", r.Age)
			}
			return nil
		})
		runtime.ReadMemStats(&after)
		if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrForeign) {
			t.Errorf("another error: %v", err)
		}
		if size > len(data) || int64(size) != l.Bytes {
			t.Errorf("%d bytes of records from %d, %+v", size, len(data), l)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20+16*uint64(len(data)) {
			t.Errorf("took %d bytes for a file of %d", took, len(data))
		}
	})
}

// FuzzDamage changes a sound file anywhere: no record comes out that didn't go in.
func FuzzDamage(f *testing.F) {
	f.Add([]byte("key meta and body"), uint16(40), []byte{1})
	f.Add([]byte{}, uint16(0), []byte{0xff, 0xff})
	f.Add(make([]byte, 300), uint16(100), bytes.Repeat([]byte{7}, 40))
	f.Fuzz(func(t *testing.T, content []byte, at uint16, change []byte) {
		third := len(content) / 3
		want := []Record{
			{Key: content[:third], Meta: content[third : 2*third], Body: [][]byte{content[2*third:]}},
			{Key: content, Age: 5},
			{Body: [][]byte{content, content}},
		}
		data := encoded(t, want)
		changed := bytes.Clone(data)
		for i, c := range change {
			changed[(int(at)+i)%len(data)] ^= c
		}
		got, _, err := decoded(changed)
		if prefix(got, want) < 0 {
			t.Errorf("records that weren't written")
		}
		if bytes.Equal(data, changed) != (err == nil) {
			t.Errorf("changed %v, error %v", !bytes.Equal(data, changed), err)
		}
	})
}
