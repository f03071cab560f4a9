package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/levee-proxy/levee/proxy"
)

const (
	// clientTimeout is how long a running Levee may take to tell its status.
	clientTimeout = 2 * time.Second

	// purgeTimeout is how long it may take to purge: it looks at everything cached.
	purgeTimeout = 20 * time.Second

	// maxStatus is the most that is read of an answer, in bytes.
	maxStatus = 16 << 20
)

// Client asks a running Levee on its admin port.
type Client struct {
	address string
	http    *http.Client
}

// NewClient makes a client for the admin port at address, which is written as
// in a configuration: host:port, :port for this machine, or unix:/path. The
// error for off is [ErrOff].
func NewClient(address string) (*Client, error) {
	if address == off {
		return nil, ErrOff
	}
	network, target := "tcp", address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, target, address = "unix", path, "localhost"
	} else {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("admin address %q: want host:port or unix:/path: %w", address, err)
		}
		address = net.JoinHostPort(dialable(host), port)
		target = address
	}
	dialer := &net.Dialer{}
	return &Client{
		address: address,
		http: &http.Client{
			Transport: &http.Transport{ // without a proxy from the environment
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return dialer.DialContext(ctx, network, target)
				},
				DisableKeepAlives: true,
			},
		},
	}, nil
}

// dialable is a host to dial for one to listen on: this machine for all of its
// addresses.
func dialable(host string) string {
	if host == "" {
		return "127.0.0.1"
	}
	if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
		if a.Is4() {
			return "127.0.0.1"
		}
		return "::1"
	}
	return host
}

// Status asks for the status. It takes two seconds at most.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	s := new(Status)
	if err := c.ask(ctx, http.MethodGet, "/status?format=json", nil, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Purge has what is cached forgotten. It takes twenty seconds at most. If Levee
// refuses, the error is a [*Refused].
func (c *Client) Purge(ctx context.Context, what proxy.Purge) (Purged, error) {
	ctx, cancel := context.WithTimeout(ctx, purgeTimeout)
	defer cancel()
	var done Purged
	err := c.ask(ctx, http.MethodPost, "/purge?format=json", purgeForm(what), &done)
	return done, err
}

// ask sends a request and reads its answer, JSON, into v.
func (c *Client) ask(ctx context.Context, method, path string, form url.Values, v any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+c.address+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("no Levee answers on its admin port: %w", err)
	}
	defer resp.Body.Close()
	body := io.LimitReader(resp.Body, maxStatus)
	if resp.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(body, 1024))
		return &Refused{Status: resp.StatusCode, Said: printable(strings.TrimSpace(string(said)), false)}
	}
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("the admin port answers what isn't JSON of Levee's: %w", err)
	}
	return nil
}
