package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestPurge: levee purge makes a running Levee forget what it names, and nothing
// else; softly, it is still there when the service is gone.
func TestPurge(t *testing.T) {
	var gone atomic.Bool
	var asked atomic.Int64
	address := origin(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if gone.Load() {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Cache-Control", "max-age=600")
		if strings.HasPrefix(r.URL.Path, "/g") {
			w.Header().Set("Cache-Groups", `"g"`)
		}
		io.WriteString(w, r.URL.Path)
	})
	l := start(t, setup{config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
routes: [{name: shop, upstream: origin, cache: {mode: on, staleIfError: 1h}}]
upstreams: [{name: origin, endpoints: ["http://%s"], ejection: {consecutiveFailures: 0}}]
`, address)})
	client, site := http1(), "http://"+l.addresses[0]
	env := []string{"LEVEE_ADMIN=unix:" + filepath.Join(filepath.Dir(l.file), "admin")}
	paths := []string{"/a/1", "/a/2", "/g/1", "/x"}
	// warm asks until everything is cached: storing comes a moment after answering.
	warm := func() {
		t.Helper()
		eventually(t, 10*time.Second, "all is cached", func() bool {
			before := asked.Load()
			for _, path := range paths {
				if resp, err := client.Get(site + path); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}
			return asked.Load() == before
		})
	}
	for _, test := range []struct {
		arguments []string
		code      int
		says      string
		gone      string // what is asked for anew
	}{
		{[]string{site + "/a/1"}, 0, "1 answer purged.", "/a/1"},
		{[]string{site + "/a"}, 0, "Nothing was cached that this names.", ""},
		{[]string{"--prefix", site + "/a"}, 0, "2 answers purged.", "/a/1 /a/2"},
		{[]string{"--group", "g", "--origin", site}, 0, "1 answer purged.", "/g/1"},
		{[]string{"--group", "g", "--origin", "http://elsewhere"}, 0, "Nothing was cached that this names.", ""},
		{[]string{"--route", "shop"}, 0, "4 answers purged.", "/a/1 /a/2 /g/1 /x"},
		{[]string{"--upstream", "origin"}, 0, "4 answers purged.", "/a/1 /a/2 /g/1 /x"},
		{[]string{"--all"}, 0, "4 answers purged.", "/a/1 /a/2 /g/1 /x"},
		{[]string{"--soft", "--all"}, 0, "4 answers made stale", "/a/1 /a/2 /g/1 /x"},
		{[]string{"--route", "shops"}, 1, `no route has the name "shops"; those with a cache are: shop`, ""},
		{[]string{"/a/1"}, 2, "has to begin with http://", ""},
		{nil, 2, "--all for everything", ""},
	} {
		warm()
		code, stdout, stderr := command(t, env, append([]string{"purge"}, test.arguments...)...)
		if code != test.code || !strings.Contains(stdout+stderr, test.says) || (code == 0) != (stderr == "") {
			t.Errorf("%v: %d %q %q", test.arguments, code, stdout, stderr)
		}
		var anew []string
		for _, path := range paths {
			before := asked.Load()
			if _, body, err := getFrom(client, site+path); err != nil || body != path {
				t.Errorf("%s: %q, %v", path, body, err)
			}
			if asked.Load() > before {
				anew = append(anew, path)
			}
		}
		if got := strings.Join(anew, " "); got != test.gone {
			t.Errorf("%v: asked anew for %q, want %q", test.arguments, got, test.gone)
		}
	}

	warm()
	gone.Store(true)
	code, stdout, _ := command(t, env, "purge", "--soft", "--json", site+"/x")
	var done struct {
		Answers int  `json:"answers"`
		Soft    bool `json:"soft"`
	}
	if err := json.Unmarshal([]byte(stdout), &done); code != 0 || err != nil || done.Answers != 1 || !done.Soft {
		t.Errorf("%d %q: %v", code, stdout, err)
	}
	if status, body, err := getFrom(client, site+"/x"); status != 200 || body != "/x" || err != nil {
		t.Errorf("after a soft purge, without the service: %d %q %v", status, body, err)
	}
	if code, _, _ := command(t, env, "purge", site+"/x"); code != 0 {
		t.Errorf("ended with %d", code)
	}
	if status, _, err := getFrom(client, site+"/x"); status != http.StatusBadGateway || err != nil {
		t.Errorf("after a hard purge, without the service: %d %v", status, err)
	}

	purged := l.status().Proxy.Cache.Purges
	if purged.Times != 11 || purged.LastAnswers != 1 {
		t.Errorf("%+v", purged)
	}
	for metric, want := range map[string]float64{
		`levee_cache_purges_total{by="operator"}`: 11,
		`levee_cache_purged_answers_total`:        float64(purged.Answers),
	} {
		if got := l.metric(metric); got != want {
			t.Errorf("%s is %v, want %v", metric, got, want)
		}
	}
	if !strings.Contains(l.log.String(), `"msg":"cache purged on request"`) {
		t.Error("the log doesn't tell of it")
	}
}

// getFrom asks for a URL and reads its answer whole.
func getFrom(client *http.Client, url string) (status int, body string, err error) {
	resp, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}
