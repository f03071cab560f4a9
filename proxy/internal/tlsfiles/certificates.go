// Package tlsfiles makes both sides of TLS from files, and follows the files:
// certificates and authorities are renewed while Levee runs, and nobody should
// have to tell it.
package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/proxy/internal/clock"
)

// recheck is how often files are looked at, at most. A look is made when a
// handshake needs what is in them or someone asks for the status; it delays
// neither.
const recheck = 2 * time.Second

// Certificates holds certificates from files and reads them again when they
// change, a Kubernetes secret's symlink swap included. A new version that can't
// be used is reported, and the old one stays in use.
type Certificates struct {
	files   []config.Certificate
	certs   atomic.Pointer[[]loadedCert]
	checked atomic.Int64 // when the last look was, as clock.Since
	mu      sync.Mutex   // one look at a time
}

type loadedCert struct {
	cert  tls.Certificate
	stamp [2]fileStamp
	err   error // of the newest version, if it isn't cert
}

// fileStamp tells one version of a file from another without reading it.
type fileStamp struct {
	modified time.Time
	size     int64
}

// newCertificates reads all certificates; here, any error is final.
func newCertificates(files []config.Certificate) (*Certificates, error) {
	s := &Certificates{files: files}
	certs := make([]loadedCert, len(files))
	for i, f := range files {
		certs[i] = loadCert(f)
		if certs[i].err != nil {
			return nil, certs[i].err
		}
	}
	s.certs.Store(&certs)
	s.checked.Store(int64(clock.Since(time.Now())))
	return s, nil
}

func loadCert(f config.Certificate) (c loadedCert) {
	if c.stamp, c.err = stamps(f); c.err != nil {
		return c
	}
	if c.cert, c.err = tls.LoadX509KeyPair(f.CertFile, f.KeyFile); c.err != nil {
		c.err = fmt.Errorf("%s, %s: %w", f.CertFile, f.KeyFile, c.err)
		return c
	}
	if c.cert.Leaf == nil {
		c.cert.Leaf, c.err = x509.ParseCertificate(c.cert.Certificate[0])
	}
	return c
}

func stamps(f config.Certificate) (s [2]fileStamp, err error) {
	for i, name := range [2]string{f.CertFile, f.KeyFile} {
		fi, err := os.Stat(name)
		if err != nil {
			return s, err
		}
		s[i] = fileStamp{fi.ModTime(), fi.Size()}
	}
	return s, nil
}

// get chooses a certificate for a handshake: the first that fits the name
// asked for, or the first of all.
func (s *Certificates) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.maybeReload()
	certs := *s.certs.Load()
	for i := range certs {
		if hello.SupportsCertificate(&certs[i].cert) == nil {
			return &certs[i].cert, nil
		}
	}
	return &certs[0].cert, nil
}

func (s *Certificates) first() *tls.Certificate {
	s.maybeReload()
	return &(*s.certs.Load())[0].cert
}

// maybeReload starts a look at the files if the last one is old enough.
func (s *Certificates) maybeReload() {
	last, now := s.checked.Load(), int64(clock.Since(time.Now()))
	if now-last >= int64(recheck) && s.checked.CompareAndSwap(last, now) {
		go s.Reload()
	}
}

// Reload reads the files that have changed. Of a version that can't be used,
// [Certificates.All] tells.
func (s *Certificates) Reload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := append([]loadedCert(nil), *s.certs.Load()...)
	for i, f := range s.files {
		if st, err := stamps(f); err == nil && st == next[i].stamp && next[i].err == nil {
			continue
		}
		if c := loadCert(f); c.err != nil {
			next[i].err = c.err // and the certificate that works stays
		} else {
			next[i] = c
		}
	}
	s.certs.Store(&next)
}

// Loaded is a certificate in use.
type Loaded struct {
	File string // of the configuration, the certificate's
	Leaf *x509.Certificate
	Err  error // why the newest version of the files could not be taken; nil if it was
}

// All are the certificates in use, in the configuration's order.
func (s *Certificates) All() []Loaded {
	s.maybeReload()
	var all []Loaded
	for i, c := range *s.certs.Load() {
		all = append(all, Loaded{File: s.files[i].CertFile, Leaf: c.cert.Leaf, Err: c.err})
	}
	return all
}
