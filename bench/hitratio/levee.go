package main

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/levee-proxy/levee/cache/storage"
)

// store is Levee's, with room for some bytes.
func store(budget int64) (*storage.Store[struct{}], error) {
	return storage.New(storage.Options[struct{}]{Budget: budget, MaxObject: budget / 4})
}

// put stores an answer of so many bytes. What the bytes are makes no
// difference, so all have the same.
func put(s *storage.Store[struct{}], k storage.Key, size int) error {
	return s.Put(k, s.Mark(), storage.Labels{}, storage.Entry[struct{}]{Body: storage.NewBody(zeros[:size:size])})
}

var zeros [32 << 10]byte

// weights is what answers of some sizes take in a store, which counts more than their bytes.
func weights(sizes []int) map[int]int64 {
	all := map[int]int64{}
	for _, size := range sizes {
		s, err := store(16 << 20)
		if err == nil {
			err = put(s, storage.Key{}, size)
		}
		if err != nil {
			panic(err) // an empty store of 16 MiB has room for 32 KiB
		}
		all[size] = s.Stats().Bytes
	}
	return all
}

// levee plays a trace to Levee's own storage.
func levee(t *trace, budget int64) (c count, err error) {
	s, err := store(budget)
	if err != nil {
		return c, err
	}
	for _, key := range t.keys {
		k := storage.Key(sha256.Sum256(binary.BigEndian.AppendUint32(nil, key)))
		_, hit := s.Get(k, nil)
		c.add(t.weight(key), hit)
		if hit {
			continue
		}
		if err := put(s, k, t.size(key)); err != nil {
			return c, err
		}
		// Live, evictions run beside the requests; here they are waited for,
		// so that the trace alone decides.
		s.SetBudget(budget)
	}
	return c, nil
}
