package proxy

import "sync"

// room is a bounded amount of something that clients hold for a while, shared so
// that none of them can hold it all: a client gets more only as long as it has
// less than is left for the others. One that comes first has half at most,
// whoever comes next half of the rest. (These are the dynamic thresholds by
// which switches share a buffer: Choudhury and Hahne, 1998.) A client's first
// piece may be as large as all that is left.
type room struct {
	mu   sync.Mutex
	most int64
	used int64
	held map[uint64]int64 // by client, those that hold something
}

// piece is what is held for one request. It is a [bodyRoom].
type piece struct {
	room   *room
	client uint64
	amount int64
}

func newRoom(most int64) *room { return &room{most: most, held: map[uint64]int64{}} }

// resize changes how much there is. What is held stays.
func (r *room) resize(most int64) {
	r.mu.Lock()
	r.most = most
	r.mu.Unlock()
}

// piece begins one for a client.
func (r *room) piece(client uint64) *piece { return &piece{room: r, client: client} }

// hold takes so much more, if there is room for it.
func (p *piece) hold(n int64) bool {
	r := p.room
	r.mu.Lock()
	defer r.mu.Unlock()
	has, left := r.held[p.client], r.most-r.used-n
	if left < 0 || has > p.amount && has+n > left {
		return false
	}
	if n > 0 {
		r.held[p.client] = has + n
		p.amount, r.used = p.amount+n, r.used+n
	}
	return true
}

// free gives so much back.
func (p *piece) free(n int64) {
	r := p.room
	r.mu.Lock()
	defer r.mu.Unlock()
	p.amount, r.used = p.amount-n, r.used-n
	if r.held[p.client] -= n; r.held[p.client] == 0 {
		delete(r.held, p.client)
	}
}

// taken is how much is held.
func (r *room) taken() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}
