package admin

import (
	"errors"
	"fmt"
	"net/http"
)

// Refused is an answer of the admin port that isn't 200.
type Refused struct {
	Status int
	Said   string // why, in a line
}

// Error implements error.
func (r *Refused) Error() string {
	return fmt.Sprintf("the admin port answers %d %s: %s", r.Status, http.StatusText(r.Status), r.Said)
}

var (
	// ErrInUse says that another process already listens on a unix socket.
	ErrInUse = errors.New("admin: the socket is in use by another process")

	// ErrNotSocket says that the path for a unix socket holds something else,
	// which is left alone.
	ErrNotSocket = errors.New("admin: the path exists and is not a socket")

	// ErrOff says that a port can't be asked because it is switched off.
	ErrOff = errors.New("admin: the admin port is off")
)
