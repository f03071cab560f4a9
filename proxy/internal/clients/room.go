package clients

import "sync"

// Room is a bounded amount of something that clients hold for a while, shared so
// that none of them can hold it all: a client gets more only as long as it has
// less than is left for the others. One that comes first has half at most,
// whoever comes next half of the rest. (These are the dynamic thresholds by
// which switches share a buffer: Choudhury and Hahne, 1998.) A client's first
// piece may be as large as all that is left.
type Room struct {
	mu   sync.Mutex
	most int64
	used int64
	held map[uint64]int64 // by client, those that hold something
}

// Piece is what is held for one request.
type Piece struct {
	room   *Room
	client uint64
	amount int64
}

// NewRoom returns a room of so much.
func NewRoom(most int64) *Room { return &Room{most: most, held: map[uint64]int64{}} }

// Resize changes how much there is. What is held stays.
func (r *Room) Resize(most int64) {
	r.mu.Lock()
	r.most = most
	r.mu.Unlock()
}

// Piece begins one for a client.
func (r *Room) Piece(client uint64) *Piece { return &Piece{room: r, client: client} }

// Hold takes so much more, if there is room for it.
func (p *Piece) Hold(n int64) bool {
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

// Free gives so much back.
func (p *Piece) Free(n int64) {
	r := p.room
	r.mu.Lock()
	defer r.mu.Unlock()
	p.amount, r.used = p.amount-n, r.used-n
	if r.held[p.client] -= n; r.held[p.client] == 0 {
		delete(r.held, p.client)
	}
}

// Taken is how much is held.
func (r *Room) Taken() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}
