package h1

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestHeadsAreReadAnew: what a head says is the same whatever was read into it
// before, and whatever those who had its header did with that.
func TestHeadsAreReadAnew(t *testing.T) {
	names := []string{"Host", "A", "B", "Content-Type", "Accept", "Connection"}
	changes := []func(h http.Header, name, other string){
		func(http.Header, string, string) {},
		func(h http.Header, name, _ string) { delete(h, name) },
		func(h http.Header, name, _ string) { h[name] = []string{"changed"} },
		func(h http.Header, name, _ string) { h["Added-"+name] = nil },
		func(h http.Header, name, _ string) { h[name] = append(h[name], "added") },
		func(h http.Header, name, other string) { h[name], h[other] = h[other], h[name] },
		func(h http.Header, name, other string) { h[name] = h[other] },
		func(h http.Header, name, other string) { delete(h, name); h["X"] = h[other] },
		func(h http.Header, name, _ string) {
			for i := range h[name] {
				h[name][i] = "overwritten"
			}
		},
		func(h http.Header, _, _ string) { clear(h) },
	}
	random := rand.New(rand.NewPCG(1, 1))
	text := func(kind, n int) string {
		b := strings.Builder{}
		b.WriteString("GET / HTTP/1.1\r\nHost: h\r\n")
		for i, name := range names[1 : 1+kind%len(names)] {
			fmt.Fprintf(&b, "%s: %d\r\n", name, n+i)
		}
		if kind >= len(names) {
			fmt.Fprintf(&b, "B: again %d\r\n", n)
		}
		return b.String() + "\r\n"
	}
	var head RequestHead
	kind := 0
	for n := range 20_000 {
		if random.IntN(3) == 0 { // else the same names come again
			kind = random.IntN(2*len(names) - 1)
		}
		message := text(kind, n)
		if err := NewReader(strings.NewReader(message)).ReadRequest(&head, wide); err != nil {
			t.Fatal(err)
		}
		fresh, _ := readRequest(strings.NewReader(message))
		if head.Header == nil || !reflect.DeepEqual(head.Header, fresh.head.Header) {
			t.Fatalf("%q is read as %v, want %v", message, head.Header, fresh.head.Header)
		}
		had := slices.Sorted(maps.Keys(head.Header))
		if len(had) > 0 {
			changes[random.IntN(len(changes))](head.Header, had[random.IntN(len(had))], had[random.IntN(len(had))])
		}
	}
}

// TestTheSameNamesAgain cost nothing but the text that they and their values are
// parts of.
func TestTheSameNamesAgain(t *testing.T) {
	message := lines("GET / HTTP/1.1", "Host: h", "A: 1", "B: 2", "C: 3", "D: 4", "E: 5", "F: 6", "G: 7", "H: 8", "I: 9")
	src := strings.NewReader(message)
	r := NewReader(src)
	var head RequestHead
	allocations := testing.AllocsPerRun(100, func() {
		src.Reset(message)
		if err := r.ReadRequest(&head, wide); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 1 {
		t.Errorf("%v allocations", allocations)
	}
}
