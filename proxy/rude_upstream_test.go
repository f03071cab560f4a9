package proxy

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestRudeUpstream puts clients in front of an upstream that ends connections
// wherever it likes, answers before it has read, and sends answers that nobody
// asked for. Whatever a client takes for a whole answer must be its own; each of
// its requests arrives at most once; and nothing is left of it all.
func TestRudeUpstream(t *testing.T) {
	for _, engine := range []string{"lean", "standard"} {
		t.Run(engine, func(t *testing.T) {
			requests, clients := 150, 8
			if testing.Short() {
				requests = 30
			}
			var arrived sync.Map
			up := rawUpstream(t, func(c net.Conn, n int) { rude(c, rand.New(rand.NewPCG(1, uint64(n))), &arrived) })
			p := start(t, steady(unlimited(simple))+"engine: "+engine+"\n", up, Options{})
			tr := &http.Transport{}
			client := &http.Client{Transport: tr}
			var whole, failed atomic.Int64
			var wg sync.WaitGroup
			for c := range clients {
				wg.Go(func() {
					for n := range requests {
						path := fmt.Sprintf("/%d/%d", c, n)
						var body io.Reader
						method := "GET"
						switch n % 3 {
						case 1:
							method, body = "POST", strings.NewReader(strings.Repeat("b", 10))
						case 2:
							method, body = "POST", io.MultiReader(strings.NewReader(strings.Repeat("b", 100<<10)))
						}
						req, _ := http.NewRequest(method, p.url+path, body)
						resp, err := client.Do(req)
						if err != nil {
							failed.Add(1)
							continue
						}
						got, err := io.ReadAll(resp.Body)
						resp.Body.Close()
						switch {
						case err != nil || resp.StatusCode == http.StatusBadGateway:
							failed.Add(1)
						case resp.StatusCode != http.StatusOK || string(got) != bodyFor(path):
							t.Errorf("%s was answered %d %.60q", path, resp.StatusCode, got)
						default:
							whole.Add(1)
						}
					}
				})
			}
			wg.Wait()
			tr.CloseIdleConnections()
			arrived.Range(func(path, times any) bool {
				if n := times.(*atomic.Int64).Load(); n > 1 {
					t.Errorf("%s arrived %d times", path, n)
				}
				return true
			})
			if whole.Load() == 0 || failed.Load() == 0 {
				t.Errorf("%d answers came whole and %d didn't: the test shows nothing", whole.Load(), failed.Load())
			}
			t.Logf("%d answers came whole, %d didn't", whole.Load(), failed.Load())
			e := p.gen.Load().upstreams["service"].endpoints[0]
			e.pool.Retire()
			eventually(t, "all connections are closed", func() bool { return e.pool.Count() == 0 && e.inflight.Load() == 0 })
		})
	}
}

func bodyFor(path string) string { return strings.Repeat("for "+path+";", 20+len(path)*300) }

// rude serves one connection.
func rude(c net.Conn, chance *rand.Rand, arrived *sync.Map) {
	br := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		times, _ := arrived.LoadOrStore(r.URL.Path, new(atomic.Int64))
		times.(*atomic.Int64).Add(1)
		body := bodyFor(r.URL.Path)
		early := chance.IntN(8) == 0
		if !early {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
		}
		answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		if chance.IntN(2) == 0 {
			half := chance.IntN(len(body)-1) + 1
			answer = fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x;odd=1\r\n%s\r\n0\r\nX-T: 1\r\n\r\n", half, body[:half], len(body)-half, body[half:])
		}
		if chance.IntN(4) == 0 {
			answer = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer
		}
		what := chance.IntN(12)
		if what == 2 { // a part
			answer = answer[:chance.IntN(len(answer))]
		}
		for len(answer) > 0 {
			n := min(len(answer), 1+chance.IntN(20_000))
			switch {
			case n < len(answer) || what != 1:
			case n > 40: // its end by itself: of a long piece, the system may send a part
				n -= 40
			default:
				// An answer to nobody. It comes with the end of the other: of one that
				// comes later, nobody could tell that it isn't the next request's.
				answer += "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
				n = len(answer)
			}
			if _, err := io.WriteString(c, answer[:n]); err != nil {
				return
			}
			answer = answer[n:]
		}
		switch what {
		case 2, 3: // the end, without a word
			return
		case 4:
			c.(*net.TCPConn).SetLinger(0)
			return
		}
		if early {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
		}
	}
}
