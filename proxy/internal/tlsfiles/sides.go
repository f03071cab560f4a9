package tlsfiles

import (
	"crypto/tls"

	"github.com/levee-proxy/levee/config"
)

// Server builds the server's side of TLS, from TLS 1.2 on, with HTTP/2 where the
// client speaks it. Files are read here, where any error is final, and again
// whenever they have changed.
func Server(c *config.ListenerTLS) (*tls.Config, *Certificates, error) {
	store, err := newCertificates(c.Certificates)
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
		authorities, err := newAuthorities(c.ClientCAFile)
		if err != nil {
			return nil, nil, err
		}
		t.ClientAuth = tls.RequireAndVerifyClientCert
		t.ClientCAs = authorities.Current()
		base := t.Clone()
		t.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			now := base.Clone()
			now.ClientCAs = authorities.Current()
			return now, nil
		}
	}
	return t, store, nil
}

// Client builds the client's side of TLS, as [Server] does the other. Whoever
// connects takes the authorities as they are then; nil: the system's.
func Client(c *config.UpstreamTLS) (*tls.Config, *Authorities, error) {
	t := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         c.ServerName,
		InsecureSkipVerify: c.InsecureSkipVerify,
		ClientSessionCache: tls.NewLRUClientSessionCache(64),
	}
	var authorities *Authorities
	if c.CAFile != "" {
		var err error
		if authorities, err = newAuthorities(c.CAFile); err != nil {
			return nil, nil, err
		}
	}
	if c.CertFile != "" {
		store, err := newCertificates([]config.Certificate{{CertFile: c.CertFile, KeyFile: c.KeyFile}})
		if err != nil {
			return nil, nil, err
		}
		t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return store.first(), nil
		}
	}
	return t, authorities, nil
}
