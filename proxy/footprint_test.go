package proxy

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestManyUpstreams: a thousand upstreams that nobody asks for anything fit into
// a small machine's memory many times over.
func TestManyUpstreams(t *testing.T) {
	const n, most = 1000, 64 << 10 // bytes each
	var yaml strings.Builder
	yaml.WriteString("apiVersion: levee/v1\nlisteners: [{address: \"127.0.0.1:0\"}]\nroutes:\n")
	for i := range n {
		fmt.Fprintf(&yaml, "- {name: r%d, match: {pathPrefix: /%d/}, upstream: u%d}\n", i, i, i)
	}
	yaml.WriteString("upstreams:\n")
	for i := range n {
		fmt.Fprintf(&yaml, "- {name: u%d, endpoints: [\"http://127.0.0.1:9\"]}\n", i)
	}
	cfg := parse(t, yaml.String(), "")
	before := heapInUse()
	p, err := New(cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.Status()
	each := (heapInUse() - before) / n
	t.Logf("an idle upstream takes %d KiB", each>>10)
	if each > most {
		t.Errorf("an idle upstream takes %d KiB, %d at most", each>>10, most>>10)
	}
	runtime.KeepAlive(p)
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
