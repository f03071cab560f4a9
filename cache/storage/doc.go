// Package storage holds cached responses in memory, within a budget of bytes
// that counts everything: bodies, headers, keys, and the bookkeeping of this
// package.
//
// It decides nothing about HTTP. What is stored is a body, a header and a
// Policy that the caller defines; the key is a hash that the caller makes. Where
// a key has several responses (Vary), the caller says which policy matches.
//
// Entries are immutable and shared: a hit copies no byte and allocates nothing.
// Nor does it wait for anybody, or for more memory than it must: of a million
// entries none is in the processor's caches, and each place in memory that is
// found by way of another costs as much as some hundred instructions. A hit finds
// all it needs in two such steps, and leaves its trace in the entry alone.
//
// Which entries stay is decided by how often they are asked for, as in W-TinyLFU
// (Einziger, Friedman, Manes: TinyLFU, ACM TOS 2017), because a burst of keys that
// are asked for once must not push out those that are asked for always. No call
// does I/O or reads a clock.
//
// The budget bounds what is alive. The garbage collector lets the process grow
// beyond that until it runs: whoever gives a store its budget also gives the
// runtime a limit, see [MemoryLimit].
//
//	key.go       names of entries
//	entry.go     what is stored
//	header.go    header fields, packed
//	body.go      body bytes, in chunks
//	weight.go    what an entry costs
//	joined.go    an entry in two pieces of memory
//	index.go     where entries are found
//	frequency.go how often they are asked for
//	eviction.go  which stay
//	space.go     all of these together
//	store.go     get and put
//	variants.go  several responses for one key
//	restore.go   what a snapshot held
//	marker.go    keys known to be uncacheable
//	tags.go      what a purge can name: URLs and groups
//	purge.go     purges
//	past.go      what they were, for the fills that they overtake
package storage
