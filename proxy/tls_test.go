package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var discardLog = log.New(io.Discard, "", 0)

// authority issues certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // PEM
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, _ = x509.ParseCertificate(der)
	a.file = filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return a
}

func (a *authority) issue(t *testing.T, name string, notAfter time.Time) tls.Certificate {
	t.Helper()
	certPEM, keyPEM := a.issuePEM(t, name, notAfter)
	c, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (a *authority) issuePEM(t *testing.T, name string, notAfter time.Time) (certPEM, keyPEM []byte) {
	t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: notAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		tmpl.IPAddresses = []net.IP{ip}
	} else {
		tmpl.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, _ := x509.MarshalECPrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
}

func writeFile(t *testing.T, name string, data []byte) {
	t.Helper()
	// Written beside and renamed, as tools that renew certificates do.
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// tlsListener is a configuration with TLS in front.
func tlsListener(dir, more string) string {
	return strings.Replace(simple, `{address: "127.0.0.1:0"}`,
		`{address: "127.0.0.1:0", tls: {certificates: [{certFile: "`+dir+`/cert.pem", keyFile: "`+dir+`/key.pem"}]`+more+`}}`, 1)
}

func (a *authority) client(t *testing.T, certs ...tls.Certificate) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certs}, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// TestListenerTLS: HTTP/2 by ALPN, and a renewed certificate is used for new
// connections without a reload; a broken renewal changes nothing and is told.
func TestListenerTLS(t *testing.T) {
	ca := newAuthority(t)
	dir := t.TempDir()
	renew := func(until time.Time) {
		certPEM, keyPEM := ca.issuePEM(t, "127.0.0.1", until)
		writeFile(t, dir+"/cert.pem", certPEM)
		writeFile(t, dir+"/key.pem", keyPEM)
	}
	first := time.Now().Add(time.Hour).Truncate(time.Second)
	renew(first)
	up := newCounting(t)
	p := start(t, tlsListener(dir, ""), up.url, Options{})
	url := strings.Replace(p.url, "http://", "https://", 1)
	expiry := func() time.Time {
		resp, err := ca.client(t).Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.ProtoMajor != 2 || up.last.Load().Header.Get("X-Forwarded-Proto") != "https" {
			t.Fatalf("%s, X-Forwarded-Proto %s", resp.Proto, up.last.Load().Header.Get("X-Forwarded-Proto"))
		}
		return resp.TLS.PeerCertificates[0].NotAfter
	}
	if got := expiry(); !got.Equal(first) {
		t.Fatalf("certificate until %v, want %v", got, first)
	}
	second := first.Add(time.Hour)
	renew(second)
	for _, l := range p.sockets { // what a handshake does once in a while
		l.engine.Load().certs.Reload()
	}
	if got := expiry(); !got.Equal(second) {
		t.Fatalf("certificate until %v after renewal, want %v", got, second)
	}
	writeFile(t, dir+"/key.pem", []byte("broken"))
	for _, l := range p.sockets {
		l.engine.Load().certs.Reload()
	}
	if got := expiry(); !got.Equal(second) {
		t.Fatalf("certificate until %v after a broken renewal, want %v", got, second)
	}
	if c := p.Status().Listeners[0].Certificates[0]; c.Error == "" || !c.NotAfter.Equal(second) {
		t.Errorf("status says %+v", c)
	}
}

// TestListenerClientCertificates: with an authority configured, a client must
// prove itself, and can be told apart by its subject.
func TestListenerClientCertificates(t *testing.T) {
	ca := newAuthority(t)
	dir := t.TempDir()
	certPEM, keyPEM := ca.issuePEM(t, "127.0.0.1", time.Now().Add(time.Hour))
	writeFile(t, dir+"/cert.pem", certPEM)
	writeFile(t, dir+"/key.pem", keyPEM)
	yaml := tlsListener(dir, `, clientCAFile: "`+ca.file+`"`) + "clients: {identity: tls}\n"
	yaml = strings.Replace(yaml, "{name: all,", "{name: all, rateLimit: {perClient: {perSecond: 0.01, burst: 1}},", 1)
	p := start(t, yaml, newCounting(t).url, Options{ErrorLog: discardLog})
	url := strings.Replace(p.url, "http://", "https://", 1)
	if _, err := ca.client(t).Get(url); err == nil {
		t.Error("served without a client certificate")
	}
	status := func(c *http.Client) int {
		resp, err := c.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	alice := ca.client(t, ca.issue(t, "alice", time.Now().Add(time.Hour)))
	bob := ca.client(t, ca.issue(t, "bob", time.Now().Add(time.Hour)))
	if a, a2, b := status(alice), status(alice), status(bob); a != 200 || a2 != 429 || b != 200 {
		t.Errorf("alice %d, alice again %d, bob %d; want 200, 429, 200", a, a2, b)
	}
}
