package proxy

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

// certRecheck is how often certificate files are looked at, at most. A look
// is made when a handshake needs a certificate or someone asks for the
// status; it delays neither.
const certRecheck = 2 * time.Second

// certStore holds certificates from files and reads them again when they
// change, a Kubernetes secret's symlink swap included. A new version that can't
// be used is reported, and the old one stays in use.
type certStore struct {
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

// newCertStore reads all certificates; here, any error is final.
func newCertStore(files []config.Certificate) (*certStore, error) {
	s := &certStore{files: files}
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
func (s *certStore) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.maybeReload()
	certs := *s.certs.Load()
	for i := range certs {
		if hello.SupportsCertificate(&certs[i].cert) == nil {
			return &certs[i].cert, nil
		}
	}
	return &certs[0].cert, nil
}

func (s *certStore) first() *tls.Certificate {
	s.maybeReload()
	return &(*s.certs.Load())[0].cert
}

// maybeReload starts a look at the files if the last one is old enough.
func (s *certStore) maybeReload() {
	last, now := s.checked.Load(), int64(clock.Since(time.Now()))
	if now-last >= int64(certRecheck) && s.checked.CompareAndSwap(last, now) {
		go s.reload()
	}
}

// reload reads the files that have changed.
func (s *certStore) reload() {
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

func (s *certStore) status() []CertificateStatus {
	s.maybeReload()
	var out []CertificateStatus
	for i, c := range *s.certs.Load() {
		st := CertificateStatus{File: s.files[i].CertFile, NotAfter: c.cert.Leaf.NotAfter, Names: c.cert.Leaf.DNSNames}
		for _, ip := range c.cert.Leaf.IPAddresses {
			st.Names = append(st.Names[:len(st.Names):len(st.Names)], ip.String())
		}
		if c.err != nil {
			st.Error = c.err.Error()
		}
		out = append(out, st)
	}
	return out
}

// serverTLS builds the server's side of TLS.
func serverTLS(c *config.ListenerTLS) (*tls.Config, *certStore, error) {
	store, err := newCertStore(c.Certificates)
	if err != nil {
		return nil, nil, err
	}
	t := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: store.get,
	}
	if c.MinVersion == "1.3" {
		t.MinVersion = tls.VersionTLS13
	}
	if c.ClientCAFile != "" {
		authorities, err := newAuthorityStore(c.ClientCAFile)
		if err != nil {
			return nil, nil, err
		}
		t.ClientAuth = tls.RequireAndVerifyClientCert
		t.ClientCAs = authorities.current()
		base := t.Clone()
		t.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			now := base.Clone()
			now.ClientCAs = authorities.current()
			return now, nil
		}
	}
	return t, store, nil
}
