package admin

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/levee-proxy/levee/proxy"
)

func TestPurge(t *testing.T) {
	o, _, _ := newOptions(t)
	if w := do(t, Handler(o), "POST", "/purge?all=true", nil); w.Code != 404 {
		t.Errorf("without a cache: %d", w.Code)
	}
	var log strings.Builder
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	var got proxy.Purge
	o.Purge = func(p proxy.Purge) (int, error) {
		got = p
		switch {
		case p.Route == "x":
			return 0, proxy.ErrUnknown
		case p.Group == "x":
			return 0, proxy.ErrNoCache
		case p == proxy.Purge{}:
			return 0, proxy.ErrPurge
		}
		return len(p.URL), nil
	}
	h := Handler(o)
	for _, tt := range []struct {
		query, form string
		want        proxy.Purge
		status      int
		body        string
	}{
		{"url=http%3A%2F%2Fa%2F%3Fb%3D1", "", proxy.Purge{URL: "http://a/?b=1"}, 200, "13 answers purged.\n"},
		{"", "url=u&soft=true", proxy.Purge{URL: "u", Soft: true}, 200, "1 answer made stale: used no further than stale answers may be, and kept for trouble.\n"},
		{"format=json", "url=u&soft=1", proxy.Purge{URL: "u", Soft: true}, 200, "{\n  \"answers\": 1,\n  \"soft\": true\n}\n"},
		{"prefix=p", "", proxy.Purge{Prefix: "p"}, 200, "Nothing was cached that this names.\n"},
		{"group=g", "origin=o", proxy.Purge{Group: "g", Origin: "o"}, 200, "Nothing was cached that this names.\n"},
		{"upstream=u", "", proxy.Purge{Upstream: "u"}, 200, "Nothing was cached that this names.\n"},
		{"all=true", "", proxy.Purge{All: true}, 200, "Nothing was cached that this names.\n"},
		{"route=x", "", proxy.Purge{Route: "x"}, 404, "Nothing was purged: no such route or upstream\n"},
		{"group=x&origin=o", "", proxy.Purge{Group: "x", Origin: "o"}, 409, "Nothing was purged: no route has a cache\n"},
		{"", "", proxy.Purge{}, 400, "Nothing was purged: exactly one of a URL, a prefix"},
		{"all=false", "", proxy.Purge{}, 400, "Nothing was purged: exactly one of a URL, a prefix"},
		{"all=perhaps", "", proxy.Purge{}, 400, "Nothing was purged: all=perhaps: want true or false\n"},
		{"url=u&sotf=true", "", proxy.Purge{}, 400, "Nothing was purged: there is no parameter sotf; "},
		{"url=u", "url=v", proxy.Purge{}, 400, "Nothing was purged: url is given 2 times\n"},
		{"url=%zz", "", proxy.Purge{}, 400, "Nothing was purged: the parameters can't be read: "},
		{"", "url=" + strings.Repeat("u", maxPurge), proxy.Purge{}, 400, "Nothing was purged: the parameters can't be read: "},
	} {
		got = proxy.Purge{}
		log.Reset()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "http://localhost/purge?"+tt.query, strings.NewReader(tt.form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.status || !strings.HasPrefix(w.Body.String(), tt.body) || got != tt.want {
			t.Errorf("%s %.40s: %d %s\n%+v", tt.query, tt.form, w.Code, w.Body, got)
		}
		if noted := strings.Contains(log.String(), `msg="cache purged on request"`); noted != (tt.status == 200) {
			t.Errorf("%s: the log has %q", tt.query, log.String())
		}
	}
}

// TestPurgeByClient: what a client asks for is what the handler reads.
func TestPurgeByClient(t *testing.T) {
	o, _, _ := newOptions(t)
	var got proxy.Purge
	var refuse error
	o.Purge = func(p proxy.Purge) (int, error) {
		got = p
		return 7, refuse
	}
	s := start(t, "127.0.0.1:0", Handler(o))
	c, err := NewClient(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []proxy.Purge{
		{URL: "http://a/b?c=d&e#f"},
		{Prefix: "http://ä/", Soft: true},
		{Group: "g h", Origin: "https://a"},
		{Route: "/"},
		{Upstream: "u"},
		{All: true, Soft: true},
	} {
		done, err := c.Purge(t.Context(), want)
		if err != nil || got != want || done != (Purged{Answers: 7, Soft: want.Soft}) {
			t.Errorf("%+v became %+v: %+v, %v", want, got, done, err)
		}
	}
	refuse = fmt.Errorf("%w: \x1b[31mred", proxy.ErrUnknown)
	_, err = c.Purge(t.Context(), proxy.Purge{Route: "x"})
	if r, ok := errors.AsType[*Refused](err); !ok || r.Status != http.StatusNotFound || !strings.Contains(r.Said, "no such route") || strings.Contains(r.Said, "\x1b") {
		t.Errorf("%v", err)
	}
}
