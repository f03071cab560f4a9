package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Store remembers keyed requests. One that several proxies share can take the
// place of [Local] behind it. All methods may be called at the same time.
type Store interface {
	// Begin asks what to do about a request. Claim.State says so. An error,
	// [ErrFull], [ErrUnavailable] or one that wraps it, means that nobody may
	// rely on the store for this request. Begin returns First only once the
	// claim would outlive the process; ctx bounds the wait for that.
	Begin(ctx context.Context, r Request) (Claim, error)
	// Finish keeps the answer to a request that was First, and returns once it
	// would outlive the process. An error that wraps [ErrUnavailable] means that
	// it would not; the answer is kept in memory all the same.
	Finish(ctx context.Context, now time.Time, k Key, t Ticket, a *Answer) error
	// Release gives a claim back: the request didn't reach the service, and its
	// key is free again, or in doubt again if it was.
	Release(k Key, t Ticket)
	// Doubt gives a claim up: the request may have reached the service, and
	// there is no answer. The key stays taken until its retention is over.
	Doubt(now time.Time, k Key, t Ticket)
}

// Errors of a store.
var (
	// ErrFull says that no further key can be remembered. No key is forgotten
	// before its time to make room (that one could be carried out twice), but
	// the oldest answers are.
	ErrFull = errors.New("idempotency: as many keys are remembered as may be")
	// ErrUnavailable says that the store can't be read or written now.
	ErrUnavailable = errors.New("idempotency: the store can't be read or written")
	// ErrClaim says that the caller doesn't hold the claim that it wants to end.
	ErrClaim = errors.New("idempotency: the claim has ended already")
	// ErrNoDoubt says that a key isn't in doubt.
	ErrNoDoubt = errors.New("idempotency: no such key is in doubt")
)

// Key tells keyed requests apart. It is a hash, so that a store holds neither
// what clients call their requests nor who they are.
type Key [sha256.Size]byte

// String is the key as people pass it on, in hexadecimal.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// ParseKey reads what String has written.
func ParseKey(s string) (k Key, err error) {
	if n, err := hex.Decode(k[:], []byte(s[:min(len(s), 2*len(k))])); err != nil || n != len(k) || len(s) != 2*n {
		return Key{}, fmt.Errorf("idempotency: %.80q is no key: those have %d hexadecimal digits", s, 2*len(k))
	}
	return k, nil
}

// NewKey makes the key of a request from the scope in which clients' keys are
// unique (a route), the client's identity, and the key that it sent. None can
// be made to look like another by moving bytes from one part to the next.
func NewKey(scope, identity, key string) Key { return Key(digest(scope, identity, key)) }

// Fingerprint is a hash of what a request asks for. Two requests with one key
// and different fingerprints are a client's mistake.
type Fingerprint [sha256.Size]byte

// NewFingerprint makes the fingerprint of a request.
func NewFingerprint(method, host, target string, body []byte) Fingerprint {
	sum := sha256.Sum256(body)
	return Fingerprint(digest(method, host, target, string(sum[:])))
}

// digest hashes parts, each behind its length.
func digest(parts ...string) (sum [sha256.Size]byte) {
	h := sha256.New()
	var length [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		h.Write([]byte(p))
	}
	h.Sum(sum[:0])
	return sum
}

// Ticket tells one claim on a key from an earlier one.
type Ticket uint64

// Request is what Begin is asked about.
type Request struct {
	Key         Key
	Fingerprint Fingerprint
	// Now is the time at which it is asked.
	Now time.Time
	// TakeDoubt lets a request have a key that is in doubt: it may then be
	// carried out twice. Default: it gets Doubtful.
	TakeDoubt bool
}

// State is what becomes of a request.
type State uint8

// The states of a claim.
const (
	// First: the request is to be sent. Exactly one of Finish, Release and
	// Doubt must follow, with the claim's ticket.
	First State = iota
	// Running: a twin is under way. When Done closes, ask again.
	Running
	// Answered: Answer is what the service said.
	Answered
	// Doubtful: a twin may have reached the service, and its answer isn't known.
	Doubtful
	// Mismatch: the key was used for a request with another fingerprint.
	Mismatch
)

// Claim is what Begin says about a request.
type Claim struct {
	State  State
	Ticket Ticket          // First
	Done   <-chan struct{} // Running
	Answer *Answer         // Answered; nobody may change it
}

// Answer is what the service said, as it is given to twins.
type Answer struct {
	Status  int
	Header  http.Header
	Trailer http.Header
	Body    []byte
	// BodyLost says that there was more than the status, and that it wasn't
	// kept: it was too large, or there was no room.
	BodyLost bool
}

// withoutBody is what remains of an answer for which there is no room. Without
// its header it isn't whole either: a 303 says nothing without its Location.
func (a *Answer) withoutBody() *Answer {
	return &Answer{Status: a.Status, BodyLost: a.BodyLost || a.size() > 0}
}

// size is about what an answer takes, in bytes, in memory and in the journal alike.
func (a *Answer) size() int64 {
	n := int64(len(a.Body))
	for _, h := range []http.Header{a.Header, a.Trailer} {
		for name, values := range h {
			n += int64(len(name)) + 48
			for _, v := range values {
				n += int64(len(v)) + 16
			}
		}
	}
	return n
}
