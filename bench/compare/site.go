package main

import (
	"embed"
	"fmt"
	"iter"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// templates are the configurations of origin and proxies.
//
//go:embed peers
var templates embed.FS

// site is what a configuration is made of: the case, and where everything is.
type site struct {
	*benchCase
	Folder string // of the proxy, with its certificate
	Memory string // a folder that takes no disk, where there is such a one
	Port   int    // where it takes requests
	Spare  int    // another one for it
	Engine string // Levee's; empty for the default
	Origin string // host:port, as the next two
	GRPC   string
	Hole   string
}

// The addresses in parts, for those who want them so.
func (s *site) OriginHost() string { return host(s.Origin) }
func (s *site) OriginPort() string { return port(s.Origin) }
func (s *site) GRPCHost() string   { return host(s.GRPC) }
func (s *site) GRPCPort() string   { return port(s.GRPC) }

func host(address string) string { h, _, _ := net.SplitHostPort(address); return h }
func port(address string) string { _, p, _ := net.SplitHostPort(address); return p }

// Fill is a text of so many bytes.
func (s *site) Fill(n int) string { return strings.Repeat("x", n) }

// CacheMB is room enough for all keys, and 4 GiB at least.
func (s *site) CacheMB() int { return max(4<<10, 64+s.Keys*(s.Size+2<<10)>>20*9/8) }

// ReservedMB is the same for who sets it aside at once, of HAProxy's 4 GiB at most.
func (s *site) ReservedMB() int { return min(64+s.Keys*(s.Size+1<<10)>>19, 4095) }

// EachRoute yields the path prefixes of a case with many routes.
func (s *site) EachRoute() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range s.Routes {
			if !yield(fmt.Sprint(s.Path, i)) {
				return
			}
		}
	}
}

// url is where the proxy is asked.
func (s *site) url() string {
	scheme := "http"
	if s.TLS {
		scheme = "https"
	}
	path := s.Path
	if s.Keys > 0 || s.Routes > 0 {
		path += "0"
	}
	return fmt.Sprintf("%s://127.0.0.1:%d%s", scheme, s.Port, path)
}

// writeFiles makes a proxy's files from its templates, in its folder.
func (s *site) writeFiles(names ...string) error {
	for _, name := range names {
		t, err := template.ParseFS(templates, "peers/"+name)
		if err != nil {
			return err
		}
		file, err := os.Create(filepath.Join(s.Folder, name))
		if err != nil {
			return err
		}
		err = t.Execute(file, s)
		if closed := file.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
	}
	return nil
}
