package server

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestPreface: a connection that begins with HTTP/2's preface is handed over
// with all that was read of it, however it comes; anything else is HTTP/1.1.
func TestPreface(t *testing.T) {
	type given struct {
		nc   net.Conn
		read string
	}
	handed := make(chan given, 1)
	_, address := serve(t, Config{Handler: http.HandlerFunc(behave), HTTP2: func(nc net.Conn, read []byte) { handed <- given{nc, string(read)} }})
	for _, cut := range []int{0, 1, 3, 15, 20, len(preface)} {
		c := dial(t, address)
		c.send(preface[:cut])
		c.send(preface[cut:] + "frames")
		g := <-handed
		c.CloseWrite()
		rest, err := io.ReadAll(g.nc)
		if got := g.read + string(rest); got != preface+"frames" || err != nil {
			t.Errorf("cut at %d: handed over %q, %v", cut, got, err)
		}
		g.nc.Close()
	}
	for request, status := range map[string]int{
		"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n": 505, "PUT /none" + host + "\r\n": 200, "P /none" + host + "\r\n": 200,
		"GET /none" + host + "\r\n" + preface: 200, // too late
	} {
		c := dial(t, address)
		c.send(request)
		if resp, _ := c.answer("GET"); resp.StatusCode != status {
			t.Errorf("%q: %d", request, resp.StatusCode)
		}
	}
	if len(handed) > 0 {
		t.Error("one was handed over that isn't HTTP/2")
	}
}

// TestTLS: HTTP/1.1 over it is served here, HTTP/2 handed over, and who speaks
// neither hears so.
func TestTLS(t *testing.T) {
	handed := make(chan net.Conn, 1)
	_, address := serve(t, Config{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.TLS == nil || !r.TLS.HandshakeComplete {
				panic("no state of TLS")
			}
			behave(w, r)
		}),
		Header: 20 * time.Second, TLS: &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{"h2", "http/1.1"}},
		HTTP2: func(nc net.Conn, _ []byte) { handed <- nc },
	})
	over := func(protocols ...string) *tls.Conn {
		return tls.Client(dial(t, address).TCPConn, &tls.Config{InsecureSkipVerify: true, NextProtos: protocols})
	}
	c := over("http/1.1")
	br := bufio.NewReader(c)
	for _, path := range []string{"/echo", "/large", "/flush", "/none"} {
		io.WriteString(c, "GET "+path+host+"\r\n")
		resp, err := http.ReadResponse(br, nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(path, resp, err)
		}
		if b, err := io.ReadAll(resp.Body); err != nil || path == "/large" && len(b) != 6000 {
			t.Errorf("%s: %d bytes, %v", path, len(b), err)
		}
	}
	io.WriteString(c, "GET /hijack"+host+"\r\nleft over")
	c.CloseWrite()
	if b, _ := io.ReadAll(br); string(b) != `early "left over" rest ""` && string(b) != `early "" rest "left over"` {
		t.Errorf("hijacked: %q", b)
	}
	if err := over("h2").Handshake(); err != nil {
		t.Error(err)
	}
	nc := <-handed
	if state := nc.(*tls.Conn).ConnectionState(); state.NegotiatedProtocol != "h2" {
		t.Errorf("%+v", state)
	}
	nc.Close()
	plain := dial(t, address)
	plain.send("GET /" + host + "\r\n")
	if got := plain.rest(); !strings.HasPrefix(got, "HTTP/1.0 400 Bad Request\r\n") {
		t.Errorf("%q", got)
	}
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}, &x509.Certificate{SerialNumber: big.NewInt(1)}, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// wrapped is a connection around another that notes what goes through it.
type wrapped struct {
	net.Conn
	wrote, read atomic.Int64
}

func (w *wrapped) NetConn() net.Conn { return w.Conn }

func (w *wrapped) Write(p []byte) (int, error) {
	w.wrote.Add(int64(len(p))) // first: who reads it looks at once
	return w.Conn.Write(p)
}

func (w *wrapped) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.read.Add(int64(n))
	return n, err
}

// TestHandedOverStraight: HTTP/1.1 goes round what wraps a connection, below
// TLS, and what is handed over no longer does.
func TestHandedOverStraight(t *testing.T) {
	handed := make(chan net.Conn, 1)
	s := New(Config{
		Handler: http.HandlerFunc(behave), TLS: &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{"h2"}},
		HTTP2: func(nc net.Conn, _ []byte) { handed <- nc },
	})
	t.Cleanup(s.Close)
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close(); there.Close() })
	w := &wrapped{Conn: here}
	go s.Serve(w)
	client := tls.Client(there, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	nc := <-handed
	wrote, read := w.wrote.Load(), w.read.Load()
	go io.WriteString(client, "ask")
	buf := make([]byte, 6)
	if _, err := io.ReadFull(nc, buf[:3]); err != nil {
		t.Fatal(err)
	}
	go io.WriteString(nc, "answer")
	if _, err := io.ReadFull(client, buf); err != nil || string(buf) != "answer" {
		t.Fatalf("%q, %v", buf, err)
	}
	if w.wrote.Load() == wrote || w.read.Load() == read {
		t.Errorf("%d bytes written and %d read through it", w.wrote.Load()-wrote, w.read.Load()-read)
	}
}
