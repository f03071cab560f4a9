package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// serveArgument makes this program the service, in a process of its own: its
// CPU is counted apart, and a burst in the clients doesn't hold up the workers.
const serveArgument = "-serve"

// order is what the clients' process tells the service, a line of JSON each:
// the first one starts it, each further one changes its condition. The end of
// input ends it, so that it can't outlive who started it.
type order struct {
	Seed uint64   `json:"seed"`
	Time sim.Dist `json:"time"`
	condition
}

// served is what the service says: its address first, the rest at its end.
type served struct {
	Address string `json:"address,omitempty"`
	// Jobs counts attempts worked on, wanted or not; Longest is its longest queue.
	Jobs, Longest int
	// Phases are the stretches between the changes of its condition.
	Phases []phase
	// Late is the p99 of how late its timers were.
	Late time.Duration
}

// serve is the service's process.
func serve(orders io.Reader, answers, complaints io.Writer) int {
	if err := serveOn(orders, answers); err != nil {
		fmt.Fprintln(complaints, "storm's service:", err)
		return 1
	}
	return 0
}

func serveOn(orders io.Reader, answers io.Writer) error {
	in, out := json.NewDecoder(orders), json.NewEncoder(answers)
	var o order
	if err := in.Decode(&o); err != nil {
		return fmt.Errorf("the first order: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w := newWorkers(o.condition)
	server := &http.Server{Handler: handler(w, o.Time, o.Seed), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	if err := out.Encode(served{Address: listener.Addr().String()}); err != nil {
		return err
	}
	for {
		if err := in.Decode(&o); err != nil {
			if !errors.Is(err, io.EOF) {
				return err
			}
			break
		}
		w.set(o.condition)
	}
	_ = server.Close() // whoever is still waiting was given up long ago
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return out.Encode(served{Jobs: len(w.late), Longest: w.most, Late: quantile(w.late, 0.99), Phases: w.phases(time.Now())})
}

// What an attempt says of itself, for the service's draw alone: which request
// it is of, and which attempt. Levee knows neither header. The query names what
// is asked for, as in "GET /work?17".
const (
	requestHeader = "Storm-Request"
	attemptHeader = "Storm-Attempt"
)

// handler answers when a worker is done with the request. The connection of a
// client that leaves is closed, or a storm without a limit would run out of
// file descriptors; its request stays where it is, and is worked on.
func handler(w *workers, d sim.Dist, seed uint64) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /work", func(answer http.ResponseWriter, r *http.Request) {
		request, err := strconv.ParseUint(r.Header.Get(requestHeader), 10, 64)
		if err != nil {
			http.Error(answer, "which request?", http.StatusBadRequest)
			return
		}
		attempt, _ := strconv.Atoi(r.Header.Get(attemptHeader)) // the first one where nothing is said
		select {
		case <-w.submit(demand(d, seed, request, attempt)):
			_, _ = io.WriteString(answer, "done\n") // to whoever is still there
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("GET /load", func(answer http.ResponseWriter, _ *http.Request) {
		busy, waiting := w.load()
		fmt.Fprintln(answer, busy, waiting)
	})
	return mux
}

// service is the process, as seen by who started it.
type service struct {
	url     string
	pid     int
	command *exec.Cmd
	orders  io.WriteCloser
	encoder *json.Encoder
	answers *json.Decoder
	first   order
}

// startService starts the service of a scenario.
func startService(ctx context.Context, s *scenario) (*service, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	v := &service{command: exec.CommandContext(ctx, self, serveArgument)}
	v.command.Stderr = os.Stderr
	if v.orders, err = v.command.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := v.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := v.command.Start(); err != nil {
		return nil, err
	}
	v.pid = v.command.Process.Pid
	v.encoder, v.answers = json.NewEncoder(v.orders), json.NewDecoder(bufio.NewReader(stdout))
	v.first = order{Seed: s.Seed, Time: s.Service.Classes[0].Time, condition: s.at(0)}
	var hello served
	if err := errors.Join(v.encoder.Encode(v.first), v.answers.Decode(&hello)); err != nil {
		v.kill()
		return nil, fmt.Errorf("starting the service: %w", err)
	}
	v.url = "http://" + hello.Address
	return v, nil
}

// set changes the service's condition.
func (v *service) set(c condition) error {
	next := v.first
	next.condition = c
	return v.encoder.Encode(next)
}

// load asks how many attempts are worked on and how many wait.
func (v *service) load(ctx context.Context) (busy, waiting int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url+"/load", nil)
	if err != nil {
		return 0, 0, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	_, err = fmt.Fscan(answer.Body, &busy, &waiting)
	return busy, waiting, err
}

// stop ends the service and returns its own account.
func (v *service) stop() (served, error) {
	var account served
	err := errors.Join(v.orders.Close(), v.answers.Decode(&account))
	if err != nil {
		v.kill()
		return account, fmt.Errorf("the service's end: %w", err)
	}
	return account, v.command.Wait()
}

// kill ends it without ceremony.
func (v *service) kill() {
	_ = v.command.Process.Kill()
	_ = v.command.Wait()
}
