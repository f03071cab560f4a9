// Package idempotency remembers which keyed requests were sent to a service,
// and what it answered, so that none of them is sent a second time.
//
// A client that gets no answer can't know whether its request was carried out.
// It sends it again, under the same key, and whoever holds a [Store] can tell
// what to do about it: wait for the twin that is under way, give the answer
// that there was, or refuse where nobody knows. The package knows keys,
// fingerprints and answers; it knows nothing of proxying.
//
// [Local] is the store of one process: a bounded table in memory, and a
// journal file by which it outlives the process, also one that is killed.
//
// Everything here fails towards refusing. A key that may have reached the
// service is never free again before its retention is over: not when memory is
// full, not when the disk is, not when the journal can't be read.
//
//	store.go              what a store is: keys, claims, answers, errors
//	local.go, table.go    the store of one process, and its bounded table
//	journal.go, batch.go  the file, and what is written to it for many requests at once
//	open.go, writer.go    reading it at the start, and who writes it
//	failure.go            what it means that it can't be written
//	rewrite.go            writing it anew: smaller, or after a failure
//	load.go, frame.go, record.go
//	                      what is read of it, and its format
//	tail.go               what a power cut leaves at its end
//	lock_*.go             that no other process writes it
package idempotency
