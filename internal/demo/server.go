package demo

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// Server is a running demo service.
type Server struct {
	// URL is where it answers: http://127.0.0.1 and a port of the kernel's choice.
	URL string

	http *http.Server
}

// Start serves the demo on a free loopback port. It fails only where no
// loopback port can be bound.
func Start() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo service: %w", err)
	}
	s := &Server{
		URL: "http://" + listener.Addr().String(),
		http: &http.Server{
			Handler:           Handler(),
			ReadHeaderTimeout: 5 * time.Second,
			// Longer than Levee keeps an unused connection, so that Levee is the one to close it.
			IdleTimeout: time.Minute,
		},
	}
	go s.http.Serve(listener) // until Close
	return s, nil
}

// Close ends the service and whatever it is still answering.
func (s *Server) Close() error {
	return s.http.Close()
}
