// Package snapshot keeps what a cache holds over a restart: a file of records,
// whose meaning is the caller's.
//
// A snapshot is written beside the old one, flushed to the disk and then renamed,
// so a crash, a kill or a full disk at any moment leaves the old one. Writing and
// reading stream: memory doesn't grow with the file.
//
// A file that is damaged all the same (its disk or file system failed) is used up
// to the first bad byte, and the rest is dropped. Each record has a checksum of
// its own and says everything about itself, so those before the damage are
// exactly what was written: using them is as safe as using a whole file. To drop
// them too would make a cache cold just when it may be all that there is. Nothing
// behind the damage is searched for, as what looks like a record there need
// not be one. A file of another format or schema is left alone.
//
// The file knows nothing of what was purged since it was written. Who purges what
// must not come back writes again, and lets no older one take its place, see [Replace].
//
// Ages go on by the wall clock: a record is as old as when it was written, plus
// the time since. A clock that was set back makes nothing younger.
//
//	format.go    how records are laid out
//	write.go     a file, all of it or none
//	read.go      what of a file is sound
//	leftover.go  what killed writers leave
//	lock_*.go    that one is being written
package snapshot
