package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestInterimToResetStreams: net/http may still be writing an interim answer when
// its stream is reset and the call that gave it has returned. A map that is changed
// then takes the process down; the race detector sees it without that luck.
func TestInterimToResetStreams(t *testing.T) {
	t.Run("passed on", func(t *testing.T) { interimToResetStreams(t, steady(simple)) })
	t.Run("fetched for the cache", func(t *testing.T) {
		interimToResetStreams(t, strings.Replace(steady(simple), "routes: [{", "routes: [{cache: {mode: on}, ", 1))
	})
}

func interimToResetStreams(t *testing.T, yaml string) {
	streams := 1000
	if raceDetector {
		streams = 300
	}
	var hints strings.Builder
	for i := range 40 { // a while to write
		fmt.Fprintf(&hints, "X-Hint-%d: %d\r\n", i, i)
	}
	up := rawUpstream(t, func(c net.Conn, _ int) {
		br := bufio.NewReader(c)
		for {
			if _, err := readRequest(br); err != nil {
				return
			}
			_, _ = io.WriteString(c, strings.Repeat("HTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n"+hints.String()+"\r\n", 8)+"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	p := start(t, yaml, up, Options{})
	c := dialRaw(t, p)
	_, _ = io.WriteString(c, http2.ClientPreface)
	fr := http2.NewFramer(c, c)
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = fr.WriteSettings()
	var block strings.Builder
	enc := hpack.NewEncoder(&block)
	ask := func(stream uint32) {
		block.Reset()
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", fmt.Sprint("/", stream)}} {
			_ = enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: []byte(block.String()), EndHeaders: true, EndStream: true})
	}
	hinted := 0
	// next reads up to a stream's next header.
	next := func(stream uint32) *http2.MetaHeadersFrame {
		for {
			f, err := fr.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			switch f := f.(type) {
			case *http2.SettingsFrame:
				if !f.IsAck() {
					_ = fr.WriteSettingsAck()
				}
			case *http2.MetaHeadersFrame:
				if f.StreamID == stream {
					return f
				}
			}
		}
	}
	for i := range streams {
		stream := uint32(2*i + 1)
		ask(stream)
		if f := next(stream); f.PseudoValue("status") == "103" {
			hinted++
		}
		_ = fr.WriteRSTStream(stream, http2.ErrCodeCancel)
	}
	if hinted != streams {
		t.Errorf("%d of %d began with an interim answer", hinted, streams)
	}
	last := uint32(2*streams + 1)
	ask(last)
	for hints := 0; ; hints++ {
		f := next(last)
		status, fields := f.PseudoValue("status"), f.RegularFields()
		for _, h := range fields {
			if status == "103" && h.Name == "content-length" || status == "200" && strings.HasPrefix(h.Name, "x-hint") {
				t.Errorf("%s came with %s", status, h.Name)
			}
		}
		if status == "103" && len(fields) == 40 {
			continue
		}
		if status != "200" || hints != 8 {
			t.Errorf("answered %s with %d fields behind %d interim answers", status, len(fields), hints)
		}
		break
	}
	eventually(t, "nothing is inflight", func() bool { return p.Status().Inflight == 0 })
}
