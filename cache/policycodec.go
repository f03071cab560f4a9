package cache

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/levee-proxy/levee/cache/packed"
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
	b = packed.AppendText(b, p.etag.opaque)
	for _, s := range p.selectors {
		b = append(packed.AppendText(packed.AppendText(b, s.name), s.value), byte(bit(s.present)))
	}
	for _, group := range p.groups {
		b = packed.AppendText(b, group)
	}
	return b, nil
}

// UnmarshalBinary reads what AppendBinary wrote, all of it. Its error is
// ErrPolicy. The bytes are not kept.
func (p *Policy) UnmarshalBinary(b []byte) error {
	r := packed.Reader{Rest: b}
	version := r.Byte()
	received := r.Int()
	read := Policy{
		received:             time.Unix(0, received),
		initialAge:           readDuration(&r, 0),
		lifetime:             readDuration(&r, 0),
		staleWhileRevalidate: readDuration(&r, unsaid),
		staleIfError:         readDuration(&r, unsaid),
		staleOnOverload:      readDuration(&r, unsaid),
		date:                 r.Int(),
		lastModified:         r.Int(),
		flags:                flags(r.Int()),
		status:               int16(r.Int()),
	}
	bits := r.Int()
	read.revalidate, read.query, read.etag.weak = bits&1 != 0, bits&2 != 0, bits&4 != 0
	selectors, groups := r.Int(), r.Int()
	r.Bad = r.Bad || version != policyVersion || bits < 0 || bits > 7 || read.status < 200 || read.status > 599 ||
		read.flags&^(noCache|immutable) != 0 || selectors < 0 || selectors > maxVaryFields || groups < 0 || groups > maxGroups
	read.etag.opaque = r.Text()
	for i := int64(0); i < selectors && !r.Bad; i++ {
		s := selector{name: r.Text(), value: r.Text()}
		s.raw = s.value
		s.present = r.Byte() == 1
		read.selectors = append(read.selectors, s)
	}
	for i := int64(0); i < groups && !r.Bad; i++ {
		read.groups = append(read.groups, r.Text())
	}
	if !r.Whole() {
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

// readDuration reads one that isn't below least nor beyond what is reckoned with.
func readDuration(r *packed.Reader, least time.Duration) time.Duration {
	d := time.Duration(r.Int())
	r.Bad = r.Bad || d < least || d > longest
	return d
}
