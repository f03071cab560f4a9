package storage

import "errors"

// Why an entry was not stored.
var (
	// ErrTooLarge: it costs more than MaxObject.
	ErrTooLarge = errors.New("storage: larger than the cap on one object")
	// ErrPurged: something that covers it was purged after its mark was taken.
	ErrPurged = errors.New("storage: purged while it was fetched")
	// ErrVariants: its key has as many variants as it may; the key is now
	// marked uncacheable for a while.
	ErrVariants = errors.New("storage: too many variants")
	// ErrGroups: it is in too many groups, or there are too many in all. Stored
	// without one of them it would survive that group's purge.
	ErrGroups = errors.New("storage: too many groups")
)
