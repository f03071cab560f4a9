package config

// Listener is one socket on which client traffic is accepted. It speaks
// HTTP/1.1 and HTTP/2: by ALPN over TLS, by prior knowledge (h2c) without.
type Listener struct {
	// host:port, :port or unix:/path/to/socket.
	Address string `yaml:"address" required:"true" format:"address"`

	// TLS for this listener. Default: none.
	TLS *ListenerTLS `yaml:"tls"`

	// The most connections open at once; further ones wait in the kernel's backlog. 0: derived from the file descriptor limit.
	MaxConnections int `yaml:"maxConnections" default:"0" min:"0" max:"10000000"`

	// How fast new connections are accepted; faster ones wait in the kernel's backlog. Default: unlimited.
	ConnectionRate *Rate `yaml:"connectionRate"`

	// Deadlines on the client's side of a connection.
	Timeouts ListenerTimeouts `yaml:"timeouts"`
}

// ListenerTLS is how a listener terminates TLS. The files are read again when they change.
type ListenerTLS struct {
	// Certificates by which the listener proves itself; chosen by the name the client asks for, the first when none fits.
	Certificates []Certificate `yaml:"certificates" required:"true"`

	// PEM file of the authorities whose client certificates are accepted. Set: a client must present one.
	ClientCAFile string `yaml:"clientCAFile" format:"path"`

	// The oldest TLS version accepted.
	MinVersion string `yaml:"minVersion" default:"1.2" enum:"1.2,1.3"`
}

// Certificate is a certificate chain and its private key, each a PEM file.
type Certificate struct {
	// PEM file of the certificate chain, leaf first.
	CertFile string `yaml:"certFile" required:"true" format:"path"`

	// PEM file of the private key.
	KeyFile string `yaml:"keyFile" required:"true" format:"path"`
}

// ListenerTimeouts are the deadlines on a client's connection. Those for
// reading and writing move with progress: a slow transfer lives, a stuck one ends.
type ListenerTimeouts struct {
	// From the first byte of a request, or the opening of the connection, until its header is complete.
	Header Duration `yaml:"header" default:"5s" min:"10ms" max:"10m"`

	// How long a connection is kept without a request.
	Idle Duration `yaml:"idle" default:"60s" min:"100ms" max:"24h"`

	// How long a request's body may stand still.
	Read Duration `yaml:"read" default:"30s" min:"10ms" max:"24h"`

	// How long a client may refuse to take any of the answer.
	Write Duration `yaml:"write" default:"30s" min:"10ms" max:"24h"`
}

// Rate is a token bucket: so many a second, and so many at once after a pause.
type Rate struct {
	// How many a second, averaged.
	PerSecond float64 `yaml:"perSecond" required:"true" min:"0.001" max:"10000000"`

	// How many at once after a pause. 0: as many as perSecond, at least 1.
	Burst int `yaml:"burst" default:"0" min:"0" max:"10000000"`
}

// Limits bounds what a client may send and what Levee holds open.
type Limits struct {
	// The most a request's header may hold; more is answered 431.
	HeaderBytes Size `yaml:"headerBytes" default:"32KiB" min:"4KiB" max:"1MiB"`

	// The most fields a request's header may have; more is answered 431.
	HeaderFields int `yaml:"headerFields" default:"100" min:"10" max:"10000"`

	// The most an upstream's response header may hold; more is answered 502.
	ResponseHeaderBytes Size `yaml:"responseHeaderBytes" default:"64KiB" min:"1KiB" max:"16MiB"`

	// The most connections of clients open at once, over all listeners. 0: derived from the file descriptor limit.
	Connections int `yaml:"connections" default:"0" min:"0" max:"10000000"`
}
