package tlsfiles

import (
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/clock"
)

// Authorities holds the authorities of a PEM file and reads it again when it
// changes, as [Certificates] does with certificates: authorities are renewed too.
// A new version that can't be used changes nothing.
type Authorities struct {
	file    string
	pool    atomic.Pointer[x509.CertPool]
	checked atomic.Int64 // when the last look was, as clock.Since
	mu      sync.Mutex   // guards stamp, and one look at a time
	stamp   fileStamp
}

func newAuthorities(file string) (*Authorities, error) {
	s := &Authorities{file: file}
	s.checked.Store(int64(clock.Since(time.Now())))
	return s, s.Reload()
}

// Current returns the authorities, and looks at the file if the last look is
// old enough, without waiting for what it finds.
func (s *Authorities) Current() *x509.CertPool {
	last, now := s.checked.Load(), int64(clock.Since(time.Now()))
	if now-last >= int64(recheck) && s.checked.CompareAndSwap(last, now) {
		go func() { _ = s.Reload() }()
	}
	return s.pool.Load()
}

// Reload reads the file if it has changed, and says why that can't be used.
func (s *Authorities) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	fi, err := os.Stat(s.file)
	if err != nil {
		return err
	}
	stamp := fileStamp{fi.ModTime(), fi.Size()}
	if stamp == s.stamp {
		return nil
	}
	pem, err := os.ReadFile(s.file)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s: no PEM certificate in it", s.file)
	}
	s.pool.Store(pool)
	s.stamp = stamp
	return nil
}
