package admin

import (
	"container/list"
	"net"
	"sync"
)

// maxConnections is how many connections a side port holds at once.
const maxConnections = 32

// evictOldest makes a listener that holds at most so many connections: one
// more ends the oldest.
//
// The health port may be reached by many. Without a cap, whoever opens
// connections there takes the descriptors away from the traffic; with one that
// makes new connections wait, whoever holds the connections makes the probes
// of the orchestrator fail, and Levee be killed. A probe takes milliseconds,
// so the connection to give up is the oldest one.
func evictOldest(l net.Listener, most int) net.Listener {
	return &evicting{Listener: l, most: most, open: list.New()}
}

type evicting struct {
	net.Listener
	most int

	mu   sync.Mutex
	open *list.List // of *evictable, the oldest first
}

// Accept implements net.Listener.
func (e *evicting) Accept() (net.Conn, error) {
	c, err := e.Listener.Accept()
	if err != nil {
		return nil, err
	}
	held := &evictable{Conn: c, from: e}
	if oldest := e.add(held); oldest != nil {
		oldest.Close()
	}
	return held, nil
}

// add enters c and returns the connection that has to go for it, if any.
func (e *evicting) add(c *evictable) *evictable {
	e.mu.Lock()
	defer e.mu.Unlock()
	c.place = e.open.PushBack(c)
	if e.open.Len() <= e.most {
		return nil
	}
	return e.open.Front().Value.(*evictable)
}

func (e *evicting) remove(c *evictable) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open.Remove(c.place) // does nothing if it was removed already
}

// evictable leaves the list when it is closed.
type evictable struct {
	net.Conn
	from  *evicting
	place *list.Element
}

// Close implements net.Conn.
func (c *evictable) Close() error {
	c.from.remove(c)
	return c.Conn.Close()
}
