package proxy

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/levee-proxy/levee/proxy/internal/fields"
)

// TestWhatWasGivenOutStays: exchanges, and the room for their texts, are used
// again and again, while somebody may still look at the headers of answers
// that were given long ago, as a handler around Levee's does for its log.
func TestWhatWasGivenOutStays(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", r.URL.Query().Get("cache"))
		_, _ = w.Write([]byte(r.URL.Path + r.Header.Get("X-Request-Id")))
	}))
	defer up.Close()
	text := strings.Replace(steady(simple), "upstream: service}]", "upstream: service, cache: {mode: on, key: {headers: [X-Request-Id]}}}]", 1)
	p, err := New(parse(t, text, up.URL), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	type kept struct {
		header, clone http.Header
	}
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			var answers []kept
			for i := range 400 {
				control := "max-age=" + strconv.Itoa(1000+i%13)
				if i%13 < 2 {
					control = "no-store"
				}
				path, id := "/"+strconv.Itoa(g)+"/"+strconv.Itoa(i%13), strings.Repeat(strconv.Itoa(g), 20+i%13)
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path+"?cache="+control, nil)
				r.Header.Set("X-Request-Id", id)
				if i%3 == 0 {
					r.Header.Set("Range", "bytes=1-2")
				}
				w := httptest.NewRecorder()
				p.ServeHTTP(w, r)
				want := path + id
				if w.Code == http.StatusPartialContent {
					want = want[1:3]
				}
				if got := w.Body.String(); got != want {
					t.Errorf("%d, %q, want %q", w.Code, got, want)
				}
				answers = append(answers, kept{w.Header(), w.Header().Clone()})
			}
			for _, a := range answers {
				if !maps.EqualFunc(a.header, a.clone, slices.Equal[[]string]) {
					t.Errorf("%v has become %v", a.clone, a.header)
				}
			}
		})
	}
	all.Wait()
	if hits := p.Status().Cache.Routes[0].Results[0]; hits.Result != "hit" || hits.Count < 1000 {
		t.Errorf("%+v", hits)
	}
}

// TestFieldValues: what is given out is what was asked for, however much of it.
func TestFieldValues(t *testing.T) {
	for name, v := range map[string]*fields.Values{"shared": {}, "each by itself": nil} {
		t.Run(name, func(t *testing.T) {
			var got, want []string
			for i := range 5000 {
				n := int64(i * i)
				long := strings.Repeat("x", i%1500)
				got = append(got, v.Number(n), v.Join("a", long, "b"), v.List(long)[0], v.Bytes([]byte(long)))
				want = append(want, strconv.FormatInt(n, 10), "a"+long+"b", long, long)
			}
			if !slices.Equal(got, want) {
				t.Error("texts have changed")
			}
			one := v.List("a")
			_ = append(one, "b")
			if two := v.List("c"); one[0] != "a" || two[0] != "c" || len(one) != 1 || cap(one) != 1 {
				t.Errorf("%q, %q", one, two)
			}
		})
	}
}

// TestPutForgets: of what only some exchanges have, too, nothing is left for the
// next one.
func TestPutForgets(t *testing.T) {
	for name, have := range map[string]func(x *exchange){
		"nothing":           func(*exchange) {},
		"fields of its own": func(x *exchange) { x.first.own.begin(&x.fields, nil); x.first.own.set("A", "b") },
		"more fields than there is room for": func(x *exchange) {
			x.first.own.begin(&x.fields, nil)
			for i := range mostOwnFields + 1 {
				x.first.own.set(strconv.Itoa(i), "b")
			}
		},
		"a part of the cache": func(x *exchange) { x.turn = cacheTurn{route: &routeCache{}, variants: 1} },
		"a fallback":          func(x *exchange) { x.turn.result = cacheFallback },
		"several attempts":    func(x *exchange) { x.again.first = 1; x.retrying = &x.again },
	} {
		t.Run(name, func(t *testing.T) {
			var e exchanges
			x := &exchange{}
			have(x)
			e.put(x)
			if !reflect.ValueOf(x).Elem().IsZero() {
				t.Errorf("left: %+v", x)
			}
		})
	}
}
