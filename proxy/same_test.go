package proxy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/levee-proxy/levee/proxy/internal/fields"
	"golang.org/x/net/http/httpguts"
)

// What TestSameAnswer and TestSameMessage have in common.

// manyPass plays so many generated streams, each from a seed of its own. pass says
// how many messages of one got through; in all it must be share of the streams, or
// the test would say little.
func manyPass(t *testing.T, seeds, kind uint64, share float64, pass func(*rand.Rand) int) {
	t.Helper()
	if raceDetector {
		seeds = 100
	}
	passed := 0
	for seed := range seeds {
		passed += pass(rand.New(rand.NewPCG(seed, kind)))
	}
	if float64(passed) < share*float64(seeds) {
		t.Errorf("only %d messages of %d streams got through", passed, seeds)
	}
}

// endToEndOf is what of a header is for the far end.
func endToEndOf(h http.Header) http.Header {
	header := http.Header{}
	fields.CopyEndToEnd(header, h)
	if slices.Equal(h["Pragma"], []string{"no-cache"}) && slices.Equal(h["Cache-Control"], []string{"no-cache"}) {
		delete(header, "Cache-Control") // net/http says so in other words
	}
	return header
}

// writtenTrailer is what of a trailer is written: net/http reads fields with a space
// in their name, and writes none.
func writtenTrailer(h http.Header) http.Header {
	trailer := maps.Clone(h)
	maps.DeleteFunc(trailer, func(name string, values []string) bool {
		return len(values) == 0 || !httpguts.ValidTrailerHeader(name) || !httpguts.ValidHeaderFieldName(name)
	})
	return trailer
}

// writeFields writes fields as one text, in the order of their names.
func writeFields(b *strings.Builder, h http.Header, as func(value string) string) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		fmt.Fprintf(b, "%s:", name)
		for _, value := range h[name] {
			fmt.Fprintf(b, " %q", as(value))
		}
		b.WriteString("\n")
	}
	b.WriteString("--\n")
}
