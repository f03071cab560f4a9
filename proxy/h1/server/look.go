package server

// hangups is a connection that isn't the system's and can tell whether its other
// end was closed, for writing.
type hangups interface{ HungUp() bool }

func (w *wire) lookByMethod() (half, gone bool) {
	c, ok := w.bottom.(hangups)
	return ok && c.HungUp(), false
}
