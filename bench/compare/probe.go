package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// probe asks a proxy once, in the protocol of the case, and says what is wrong with the answer.
func (r *running) probe() error {
	transport := &http.Transport{
		// Its certificate is a minute old; who it is doesn't matter here.
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
		DisableCompression: true,
		Protocols:          new(http.Protocols),
	}
	defer transport.CloseIdleConnections()
	transport.Protocols.SetHTTP1(r.Streams == 0)
	transport.Protocols.SetHTTP2(r.Streams > 0 && r.TLS)
	transport.Protocols.SetUnencryptedHTTP2(r.Streams > 0 && !r.TLS)
	client := &http.Client{Transport: transport, Timeout: time.Second}

	request, err := http.NewRequest(http.MethodGet, r.url(), nil)
	if err != nil {
		return err
	}
	if r.Body > 0 {
		request.Method, request.ContentLength = http.MethodPost, int64(r.Body)
		request.Body = io.NopCloser(strings.NewReader(r.requestBody()))
	}
	if r.Role == rpc {
		request.Header.Set("Content-Type", "application/grpc")
		request.Header.Set("Te", "trailers")
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err
	case r.Role == refused:
		if answer.StatusCode != http.StatusTooManyRequests && answer.StatusCode != http.StatusServiceUnavailable {
			return fmt.Errorf("it answers %s instead of refusing", answer.Status)
		}
		return nil
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("it answers %s", answer.Status)
	case len(body) != r.Size:
		return fmt.Errorf("its answer has %d bytes, not %d", len(body), r.Size)
	case r.Role == rpc && answer.Trailer.Get("Grpc-Status") != "0":
		return fmt.Errorf("its answer ends with %v", answer.Trailer)
	}
	return nil
}

// requestBody is what is sent: a gRPC message, or any bytes.
func (s *site) requestBody() string {
	if s.Role == rpc {
		return frame
	}
	return s.Fill(s.Body)
}

// hold sends a request and leaves it there, answered or not, until the
// connection is closed: it takes the place, or the token, that the limit
// leaves, so that all others are refused.
func (r *running) hold() (net.Conn, error) {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.Port))
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", r.Path); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}
