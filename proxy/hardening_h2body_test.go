package proxy

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestInputBodyNotAsDeclaredHTTP2: over HTTP/2, where frames and not the declared
// length tell where a body ends, the two may differ. Nothing of it may look whole
// to the upstream, and it isn't to blame.
func TestInputBodyNotAsDeclaredHTTP2(t *testing.T) {
	for name, sent := range map[string]int{"shorter": 5, "longer": 20} {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, 1)
			up := rawUpstream(t, func(c net.Conn, _ int) {
				b, _ := io.ReadAll(bufio.NewReader(c)) // until Levee drops it
				_, body, _ := strings.Cut(string(b), "\r\n\r\n")
				got <- body
			})
			p := start(t, simple, up, Options{})
			c := dialRaw(t, p)
			io.WriteString(c, http2.ClientPreface)
			fr := http2.NewFramer(c, c)
			fr.WriteSettings()
			var block strings.Builder
			enc := hpack.NewEncoder(&block)
			for _, f := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}, {"content-length", strconv.Itoa(10)}} {
				enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
			}
			fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(block.String()), EndHeaders: true})
			fr.WriteData(1, true, make([]byte, sent))
			fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
			for ended := false; !ended; {
				f, err := fr.ReadFrame()
				if err != nil {
					t.Fatal(err)
				}
				switch f := f.(type) {
				case *http2.RSTStreamFrame:
					ended = true
				case *http2.MetaHeadersFrame:
					if status := f.PseudoValue("status"); status != "400" {
						t.Errorf("answered %s", status)
					}
					ended = true
				}
			}
			e := func() EndpointStatus { return p.Status().Upstreams[0].Endpoints[0] }
			eventually(t, "the upstream's connection is dropped", func() bool { return e().Connections == 0 })
			select {
			case body := <-got:
				if len(body) >= 10 {
					t.Errorf("the upstream saw a whole body, %q", body)
				}
			default: // the request went nowhere
			}
			if e().Failures != 0 {
				t.Errorf("the upstream was blamed: %s", e().LastError)
			}
		})
	}
}
