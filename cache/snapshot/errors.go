package snapshot

import "errors"

var (
	// ErrForeign: the file is none of ours, or of another version or schema.
	ErrForeign = errors.New("snapshot: of another format or schema")
	// ErrDamaged: what follows the records that were read is torn or changed.
	ErrDamaged = errors.New("snapshot: damaged")
)
