package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// floorsHere are the programs that only read and write, those that can be made here.
func floorsHere(t *testing.T) []peer {
	t.Helper()
	chosen, absent, err := chosenPeers(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	chosen = slices.DeleteFunc(chosen, func(p peer) bool { return p.floor == "" })
	o := options{peers: chosen, absent: absent}
	if err := o.makePrograms(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("cc"); err == nil && len(o.peers) != 2 {
		t.Fatalf("%d of two are here: %q", len(o.peers), o.absent)
	}
	return o.peers
}

// TestFloors: the programs that only read and write answer as proxies do in the
// cases that they are measured in, again and again over one connection; they ask
// the origin each time, or never; they let go of what a client let go of; and they
// end when they are told to.
func TestFloors(t *testing.T) {
	var asked, open atomic.Int64
	closed := make(chan struct{}, 1)
	origin := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		io.WriteString(w, strings.Repeat("x", 69))
	}))
	origin.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
			select {
			case closed <- struct{}{}:
			default: // who waits looks again anyway
			}
		}
	}
	origin.Start()
	defer origin.Close()
	folder := t.TempDir()
	for _, p := range floorsHere(t) {
		for _, c := range cases() {
			if !c.Floor {
				continue
			}
			t.Run(p.name+"/"+c.Name, func(t *testing.T) {
				before := asked.Load()
				r, err := startPeer(t.Context(), p, site{benchCase: &c, Folder: folder, Memory: folder, Origin: origin.Listener.Addr().String()})
				if err != nil {
					t.Fatal(err)
				}
				defer r.close()
				const times = 3
				if err := askAgain(r, times); err != nil {
					t.Error(err)
				}
				want := int64(0)
				if c.Role == proxied {
					want = times + 1 // the probe's
					for patience := time.After(time.Minute); open.Load() > 0; {
						select {
						case <-closed:
						case <-patience:
							t.Fatalf("%d connections to the origin stay open", open.Load())
						}
					}
				}
				if got := asked.Load() - before; got != want {
					t.Errorf("the origin was asked %d times, want %d", got, want)
				}
				if err := r.Stop(time.Minute); err != nil && !strings.Contains(err.Error(), "terminated") {
					t.Error(err)
				}
			})
		}
	}
}

// askAgain asks so many times over one connection.
func askAgain(r *running, times int) error {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.Port))
	if err != nil {
		return err
	}
	defer c.Close()
	answers := bufio.NewReader(c)
	for range times {
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", r.Path); err != nil {
			return err
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, answer.Body)
		if err != nil {
			return err
		}
		switch ok := answer.StatusCode == http.StatusOK; {
		case ok == (r.Role == refused):
			return fmt.Errorf("it answers %s", answer.Status)
		case ok && n != int64(r.Size):
			return fmt.Errorf("its answer has %d bytes, not %d", n, r.Size)
		}
	}
	return nil
}

// TestBareAnswer: a refusal is of the size of Levee's, whatever its length needs to be written.
func TestBareAnswer(t *testing.T) {
	s := site{benchCase: &benchCase{Role: refused}}
	if got := len(s.bareAnswer()); got != refusalSize {
		t.Errorf("%d bytes, want %d", got, refusalSize)
	}
}

// TestBareGoArguments: what it wasn't made for it doesn't do.
func TestBareGoArguments(t *testing.T) {
	for _, arguments := range [][]string{{}, {"relay", "1"}, {"listen", "1", "2"}} {
		var said strings.Builder
		if code := serveBare(arguments, &said); code != exitUsage || said.Len() == 0 {
			t.Errorf("%q: ended with %d, saying %q", arguments, code, said.String())
		}
	}
	if _, ok := serveFor([]string{"-case", "69b"}); ok {
		t.Error("flags are taken for a program to serve as")
	}
}

// TestWithoutCompiler: where the one in C can't be made, the others are measured.
func TestWithoutCompiler(t *testing.T) {
	o := options{peers: []peer{{name: "bare", path: "/no/such/compiler", make: compileBare}, {name: "other"}}}
	if err := o.makePrograms(t.Context(), t.TempDir()); err != nil || len(o.peers) != 1 || o.peers[0].name != "other" {
		t.Errorf("%+v, %v", o.peers, err)
	}
	if len(o.absent) != 1 || !strings.Contains(o.absent[0], "bare") {
		t.Errorf("it says %q", o.absent)
	}
}

// TestFloorsEndWithTheirStarter: one whose starter is gone is nobody's business
// any more, and ends.
func TestFloorsEndWithTheirStarter(t *testing.T) {
	for _, p := range floorsHere(t) {
		t.Run(p.name, func(t *testing.T) {
			ports, err := freePorts(1)
			if err != nil {
				t.Fatal(err)
			}
			arguments, _ := p.command(&site{benchCase: &benchCase{Role: refused}, Port: ports[0]})
			starter := exec.Command("sh", append([]string{"-c", `"$0" "$@" & read line`, p.path}, arguments...)...)
			lives, err := starter.StdoutPipe() // until both have ended
			if err != nil {
				t.Fatal(err)
			}
			stop, err := starter.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := starter.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				_, err := io.Copy(io.Discard, lives)
				ended <- err
			}()
			for deadline := time.Now().Add(time.Minute); ; {
				c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ports[0]))
				if err == nil {
					c.Close()
					break
				}
				if time.Now().After(deadline) {
					t.Fatal(err)
				}
			}
			stop.Close()
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(time.Minute):
				t.Error("it runs still")
			}
			_ = starter.Wait() // it reads no line, and says so
		})
	}
}
