package storage

import "crypto/sha256"

// Key names an entry. It is a SHA-256 sum of what its requests are told apart by,
// or as good a hash: whoever finds two requests with the same key makes one of
// them get the other's response, so it has to resist collisions that are
// searched for.
type Key [sha256.Size]byte

// marker is where it is kept that k is uncacheable: beside k's response, not
// instead of it.
func (k Key) marker() Key {
	k[0] ^= 0xff
	return k
}
