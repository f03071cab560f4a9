package tlsfiles

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/levee-proxy/levee/config"
)

// selfSigned writes a certificate of a name, and its key.
func selfSigned(t *testing.T, file config.Certificate, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file.CertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	write(t, file.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

var written time.Duration

// write writes a file a second later than the one before: two in the same moment
// can't be told apart.
func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	written += time.Second
	at := time.Unix(0, 0).Add(written)
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
}

func pair(t *testing.T) config.Certificate {
	folder := t.TempDir()
	return config.Certificate{CertFile: filepath.Join(folder, "cert.pem"), KeyFile: filepath.Join(folder, "key.pem")}
}

// TestCertificatesFollowTheirFiles: a renewed one is taken, a broken one is told of
// while the one before stays, and a mended one is taken again.
func TestCertificatesFollowTheirFiles(t *testing.T) {
	file := pair(t)
	selfSigned(t, file, "first.example")
	side, certs, err := Server(&config.ListenerTLS{Certificates: []config.Certificate{file}})
	if err != nil {
		t.Fatal(err)
	}
	uses := func() string {
		c, err := side.GetCertificate(&tls.ClientHelloInfo{ServerName: "any.example"})
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.Subject.CommonName
	}
	for i, step := range []struct {
		change func()
		want   string
		broken bool
	}{
		{func() {}, "first.example", false},
		{func() { selfSigned(t, file, "second.example") }, "second.example", false},
		{func() { write(t, file.KeyFile, []byte("torn")) }, "second.example", true},
		{func() { os.Remove(file.CertFile) }, "second.example", true},
		{func() { selfSigned(t, file, "third.example") }, "third.example", false},
	} {
		step.change()
		certs.Reload()
		all := certs.All()
		if got := uses(); got != step.want || len(all) != 1 || all[0].Leaf.Subject.CommonName != step.want || all[0].File != file.CertFile || (all[0].Err != nil) != step.broken {
			t.Errorf("step %d: %s is used, want %s; told %+v", i, got, step.want, all)
		}
	}
}

// TestAuthoritiesFollowTheirFile: a file that can't be used changes nothing, and says
// why.
func TestAuthoritiesFollowTheirFile(t *testing.T) {
	file := pair(t)
	selfSigned(t, file, "first.example")
	_, authorities, err := Client(&config.UpstreamTLS{CAFile: file.CertFile})
	if err != nil {
		t.Fatal(err)
	}
	first := authorities.Current()
	write(t, file.CertFile, []byte("torn"))
	if err := authorities.Reload(); err == nil || !strings.Contains(err.Error(), "no PEM certificate") || !authorities.Current().Equal(first) {
		t.Errorf("a torn file: %v", err)
	}
	selfSigned(t, file, "a second one, of another length.example")
	if err := authorities.Reload(); err != nil || authorities.Current().Equal(first) {
		t.Errorf("a renewed file: %v, and the pool is the same: %v", err, authorities.Current().Equal(first))
	}
}

// TestFilesThatAreMissing are an error at the start.
func TestFilesThatAreMissing(t *testing.T) {
	missing := pair(t)
	sound := pair(t)
	selfSigned(t, sound, "sound.example")
	for name, side := range map[string]func() error{
		"a certificate": func() error {
			_, _, err := Server(&config.ListenerTLS{Certificates: []config.Certificate{missing}})
			return err
		},
		"clients' authorities": func() error {
			_, _, err := Server(&config.ListenerTLS{Certificates: []config.Certificate{sound}, ClientCAFile: missing.CertFile})
			return err
		},
		"an upstream's authorities": func() error {
			_, _, err := Client(&config.UpstreamTLS{CAFile: missing.CertFile})
			return err
		},
		"a client's certificate": func() error {
			_, _, err := Client(&config.UpstreamTLS{CertFile: missing.CertFile, KeyFile: missing.KeyFile})
			return err
		},
	} {
		if err := side(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
