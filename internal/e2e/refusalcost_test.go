package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRefusalCost measures what a refusal costs levee, in CPU time, against a
// request that is passed on: 64 kept connections over HTTP/1.1, in turns. It
// prints the figures; LEVEE_REFUSAL_COST=1 makes it measure for long enough to
// rely on them, and hold the target.
//
//	LEVEE_REFUSAL_COST=1 go test ./internal/e2e -run TestRefusalCost -v
func TestRefusalCost(t *testing.T) {
	runs, each := 1, 300*time.Millisecond
	relied := os.Getenv("LEVEE_REFUSAL_COST") != ""
	if relied {
		runs, each = 9, 3*time.Second
	}
	body := strings.Repeat("x", 69)
	entered := make(chan struct{})
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/full/held" {
			close(entered)
			<-r.Context().Done()
			return
		}
		io.WriteString(w, body)
	}))
	defer service.Close()
	l := start(t, setup{config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
routes:
- {upstream: open}
- {match: {pathPrefix: /full}, upstream: full, responseTimeout: 0s}
upstreams:
- {name: open, endpoints: [%q], concurrency: {mode: fixed, limit: 1000}}
- {name: full, endpoints: [%q], concurrency: {mode: fixed, limit: 1, queue: {length: 0}, refuseWith: 503}}
`, service.URL, service.URL)})
	url := "http://" + l.addresses[0]

	held, err := net.Dial("tcp", l.addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	fmt.Fprintf(held, "GET /full/held HTTP/1.1\r\nHost: h\r\n\r\n")
	<-entered

	measure := func(path string, status int) float64 {
		before := l.cpu()
		n := drive(t, url+path, status, each)
		return float64((l.cpu() - before).Microseconds()) / float64(n)
	}
	measure("/", http.StatusOK) // connections are opened, pages faulted in
	var passed, refused, ratios []float64
	for range runs {
		p, r := measure("/", http.StatusOK), measure("/full", http.StatusServiceUnavailable)
		passed, refused, ratios = append(passed, p), append(refused, r), append(ratios, r/p)
	}
	for name, figures := range map[string][]float64{"passed on, µs": passed, "refused, µs": refused, "ratio": ratios} {
		slices.Sort(figures)
		t.Logf("%-14s min %.3g, median %.3g, max %.3g", name, figures[0], figures[len(figures)/2], figures[len(figures)-1])
	}
	if median := ratios[len(ratios)/2]; relied && median > 0.25 {
		t.Errorf("a refusal costs %.3f of a request that is passed on", median)
	}
}

// cpu is the CPU time that the process has used.
func (l *levee) cpu() time.Duration {
	l.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", l.process.Pid))
	if err != nil {
		l.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name before may hold anything
	fields := strings.Fields(rest)
	var ticks int64
	for _, field := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			l.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// drive loads a URL over 64 connections and returns how many answers came, all
// of which must have the status. wrk does it, where there is one: it leaves
// most of the machine to levee.
func drive(t *testing.T, url string, status int, d time.Duration) int {
	t.Helper()
	if wrk, err := exec.LookPath("wrk"); err == nil && d >= time.Second {
		out, err := exec.Command(wrk, "-t1", "-c64", fmt.Sprintf("-d%d", int(d.Seconds())), url).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if bad := regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`).FindSubmatch(out); (bad == nil) != (status == http.StatusOK) {
			t.Fatalf("not all answers were %d:\n%s", status, out)
		}
		n, err := strconv.Atoi(string(regexp.MustCompile(`(\d+) requests in`).FindSubmatch(out)[1]))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := 0
	end := time.Now().Add(d)
	host, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	for range 64 {
		wg.Go(func() {
			n := 0
			defer func() { mu.Lock(); total += n; mu.Unlock() }()
			c, err := net.Dial("tcp", host)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			br := bufio.NewReader(c)
			for ; time.Now().Before(end); n++ {
				fmt.Fprintf(c, "GET /%s HTTP/1.1\r\nHost: h\r\n\r\n", path)
				resp, err := http.ReadResponse(br, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != status {
					t.Errorf("%s: %v", resp.Status, err)
					return
				}
			}
		})
	}
	wg.Wait()
	return total
}
