package cache

import (
	"encoding/binary"
	"errors"
	"time"
)

// ErrPolicy is returned for bytes that are no policy.
var ErrPolicy = errors.New("cache: not a policy of this version")

// policyVersion changes whenever what follows it does.
const policyVersion = 1

// AppendBinary writes a policy for a snapshot. Ages go on by the wall clock
// when it is read again.
func (p *Policy) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, policyVersion)
	for _, n := range [...]int64{
		p.received.UnixNano(), int64(p.initialAge), int64(p.lifetime),
		int64(p.staleWhileRevalidate), int64(p.staleIfError), int64(p.staleOnOverload),
		p.date, p.lastModified, int64(p.flags), int64(p.status),
		bit(p.revalidate) | bit(p.query)<<1 | bit(p.etag.weak)<<2,
		int64(len(p.selectors)), int64(len(p.groups)),
	} {
		b = binary.AppendVarint(b, n)
	}
	b = appendText(b, p.etag.opaque)
	for _, s := range p.selectors {
		b = append(appendText(appendText(b, s.name), s.value), byte(bit(s.present)))
	}
	for _, group := range p.groups {
		b = appendText(b, group)
	}
	return b, nil
}

// UnmarshalBinary reads what AppendBinary wrote, all of it. Its error is
// ErrPolicy. The bytes are not kept.
func (p *Policy) UnmarshalBinary(b []byte) error {
	r := policyReader{b: b}
	version := r.byte()
	received := r.int()
	read := Policy{
		received:             time.Unix(0, received),
		initialAge:           r.duration(0),
		lifetime:             r.duration(0),
		staleWhileRevalidate: r.duration(unsaid),
		staleIfError:         r.duration(unsaid),
		staleOnOverload:      r.duration(unsaid),
		date:                 r.int(),
		lastModified:         r.int(),
		flags:                flags(r.int()),
		status:               int16(r.int()),
	}
	bits := r.int()
	read.revalidate, read.query, read.etag.weak = bits&1 != 0, bits&2 != 0, bits&4 != 0
	selectors, groups := r.int(), r.int()
	r.bad = r.bad || version != policyVersion || bits < 0 || bits > 7 || read.status < 200 || read.status > 599 ||
		read.flags&^(noCache|immutable) != 0 || selectors < 0 || selectors > maxVaryFields || groups < 0 || groups > maxGroups
	read.etag.opaque = r.text()
	for i := int64(0); i < selectors && !r.bad; i++ {
		s := selector{name: r.text(), value: r.text()}
		s.raw = s.value
		s.present = r.byte() == 1
		read.selectors = append(read.selectors, s)
	}
	for i := int64(0); i < groups && !r.bad; i++ {
		read.groups = append(read.groups, r.text())
	}
	if r.bad || len(r.b) != 0 {
		return ErrPolicy
	}
	*p = read
	return nil
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// policyReader reads from what may be anything: it never reads beyond the end,
// and allocates no more than is there.
type policyReader struct {
	b   []byte
	bad bool
}

func (r *policyReader) byte() byte {
	if r.bad || len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *policyReader) int() int64 {
	n, size := binary.Varint(r.b)
	if r.bad || size <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[size:]
	return n
}

// duration reads one that isn't below least nor beyond what is reckoned with.
func (r *policyReader) duration(least time.Duration) time.Duration {
	d := time.Duration(r.int())
	r.bad = r.bad || d < least || d > longest
	return d
}

func (r *policyReader) text() string {
	n, size := binary.Uvarint(r.b)
	if r.bad || size <= 0 || n > uint64(len(r.b)-size) {
		r.bad = true
		return ""
	}
	s := string(r.b[size : size+int(n)])
	r.b = r.b[size+int(n):]
	return s
}
