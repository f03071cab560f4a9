package storage

import "crypto/sha256"

// Key names an entry. It is made by [KeyOf], or is as good a hash: whoever finds
// two requests with the same key makes one of them get the other's response,
// so it has to resist collisions that are searched for.
type Key [sha256.Size]byte

// KeyOf hashes what a request is told apart by. The text must be unambiguous:
// parts that follow each other need separators that they can't contain.
func KeyOf(text []byte) Key { return sha256.Sum256(text) }

// Variant is the key of one of k's variants, named by the request's values of
// the fields in Vary, in whatever unambiguous form the caller gives them.
func (k Key) Variant(text []byte) Key {
	var stack [512]byte // so that a hit allocates nothing unless its fields are huge
	return sha256.Sum256(append(append(stack[:0], k[:]...), text...))
}

// marker is where it is kept that k is uncacheable: beside k's response, not
// instead of it.
func (k Key) marker() Key {
	k[0] ^= 0xff
	return k
}
