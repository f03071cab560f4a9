package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// peer is a proxy: how it is found, configured and started on one worker.
type peer struct {
	name    string
	program string // as looked for
	ask     string // the argument by which it tells its version
	files   []string
	command func(s *site) (arguments, environment []string)
	cannot  func(c *benchCase) string // why it takes no part in a case; empty if it does

	// make makes its program, with what was found, in a folder; nil: it was found itself.
	make func(ctx context.Context, found, folder string) (path string, err error)
	// floor says what a program is that is no proxy, but what no proxy can be
	// below; empty: it is one.
	floor string

	engine  string // Levee's
	path    string // where the program was found
	version string
}

// levee is the name of our own.
const levee = "levee"

// peers are all that are known.
func peers() []peer {
	able := func(*benchCase) string { return "" }
	return []peer{
		{
			name: levee, program: "levee", files: []string{"levee.yaml"},
			command: func(s *site) (arguments, environment []string) {
				// One worker: as many threads run Go code at once, the garbage collector's included.
				return []string{"run", "--config", filepath.Join(s.Folder, "levee.yaml")}, []string{"GOMAXPROCS=1"}
			},
			cannot: able,
		},
		{
			name: "nginx", program: "nginx", ask: "-v", files: []string{"nginx.conf"},
			command: func(s *site) (arguments, environment []string) {
				return []string{"-e", "stderr", "-p", s.Folder, "-c", filepath.Join(s.Folder, "nginx.conf")}, nil
			},
			cannot: able,
		},
		{
			name: "haproxy", program: "haproxy", ask: "-v", files: []string{"haproxy.cfg", "haproxy.map"},
			command: func(s *site) (arguments, environment []string) {
				return []string{"-db", "-q", "-f", filepath.Join(s.Folder, "haproxy.cfg")}, nil
			},
			cannot: func(c *benchCase) string {
				if c.Role == cached && c.Keys*c.Size > 4<<30 {
					return "its cache holds 4 GiB at most"
				}
				return ""
			},
		},
		{
			name: "envoy", program: "envoy", ask: "--version", files: []string{"envoy.yaml"},
			command: func(s *site) (arguments, environment []string) {
				return []string{"-c", filepath.Join(s.Folder, "envoy.yaml"), "--concurrency", "1", "--disable-hot-restart", "-l", "error"}, nil
			},
			cannot: func(c *benchCase) string {
				if c.Role == cached {
					return "no cache for production"
				}
				return ""
			},
		},
		{
			name: "varnish", program: "varnishd", ask: "-V", files: []string{"varnish.vcl"},
			command: func(s *site) (arguments, environment []string) {
				return []string{
					"-F", "-j", "none", "-n", filepath.Join(s.Folder, "varnish"), "-T", "none",
					"-f", filepath.Join(s.Folder, "varnish.vcl"), "-a", fmt.Sprintf("127.0.0.1:%d", s.Port),
					"-s", fmt.Sprintf("default,%dm", s.CacheMB()), "-p", "thread_pools=1", "-p", "thread_pool_min=100", "-p", "thread_pool_max=5000",
					"-p", "timeout_idle=3600", "-p", "feature=+http2", "-p", "h2_max_concurrent_streams=1000",
				}, nil
			},
			cannot: func(c *benchCase) string {
				switch {
				case c.TLS:
					return "speaks no TLS"
				case c.Role == rpc:
					return "speaks no HTTP/2 to the origin"
				case c.Routes > 0:
					return "routes by code"
				case c.Log:
					return "logs by another process"
				}
				return ""
			},
		},
		{
			name: "caddy", program: "caddy", ask: "version", files: []string{"Caddyfile"},
			command: func(s *site) (arguments, environment []string) {
				return []string{"run", "--adapter", "caddyfile", "--config", filepath.Join(s.Folder, "Caddyfile")},
					[]string{"GOMAXPROCS=1", "HOME=" + s.Folder, "XDG_DATA_HOME=" + s.Folder, "XDG_CONFIG_HOME=" + s.Folder}
			},
			cannot: func(c *benchCase) string {
				switch {
				case c.Role == cached:
					return "no cache in it"
				case c.Routes > 0:
					return "not configured for it"
				}
				return ""
			},
		},
		{
			name: "bare", program: "cc", ask: "--version", make: compileBare, floor: "bare, C: reads and writes, nothing else",
			command: func(s *site) (arguments, environment []string) { return s.bareArguments(), nil },
			cannot:  able,
		},
		{
			name: bareGoArgument, program: bareGoArgument, floor: "bare, Go: reads and writes, nothing else",
			command: func(s *site) (arguments, environment []string) {
				return append([]string{bareGoArgument}, s.bareArguments()...), []string{"GOMAXPROCS=1"}
			},
			cannot: able,
		},
	}
}

// chosenPeers are those that a flag names, or all that are here. Each engine
// of Levee's that is named is a proxy of its own.
func chosenPeers(names, engines []string) (chosen []peer, absent []string, err error) {
	known := peers()
	var there []string
	for _, p := range known {
		there = append(there, p.name)
	}
	for _, name := range names {
		if !slices.Contains(there, name) {
			return nil, nil, fmt.Errorf("no proxy %q: there are %s", name, strings.Join(there, ", "))
		}
	}
	for _, p := range known {
		if len(names) > 0 && !slices.Contains(names, p.name) {
			continue
		}
		if err := p.find(); err != nil {
			if slices.Contains(names, p.name) {
				return nil, nil, err
			}
			absent = append(absent, fmt.Sprintf("without %s: %v", p.name, err))
			continue
		}
		if p.name != levee || len(engines) == 0 {
			chosen = append(chosen, p)
			continue
		}
		for _, engine := range engines {
			q := p
			q.name, q.engine = strings.Join([]string{levee, engine}, "-"), engine
			chosen = append(chosen, q)
		}
	}
	return chosen, absent, nil
}

// expected says whether anybody would look for a peer in a case.
func (p *peer) expected(c *benchCase) bool {
	return (c.Only == "" || c.Only == p.program) && (p.floor == "" || c.Floor)
}

// takesPart says whether a peer is measured in a case, and if not, why.
func (p *peer) takesPart(c *benchCase) (why string, ok bool) {
	if !p.expected(c) {
		return "not a case for it", false
	}
	why = p.cannot(c)
	return why, why == ""
}
