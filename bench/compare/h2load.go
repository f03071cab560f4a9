package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// h2load loads a proxy over HTTP/2.
func (r *running) h2load(ctx context.Context, each time.Duration) (load, error) {
	times := filepath.Join(r.Folder, "h2load.log")
	os.Remove(times) // it appends
	arguments := []string{
		"-t1", fmt.Sprintf("-c%d", r.Conns), fmt.Sprintf("-m%d", r.Streams), fmt.Sprintf("-D%d", int(each.Seconds())),
		"--log-file=" + times,
	}
	if r.Body > 0 {
		file := filepath.Join(r.Folder, "body")
		if err := os.WriteFile(file, []byte(r.requestBody()), 0o600); err != nil {
			return load{}, err
		}
		arguments = append(arguments, "-d", file)
	}
	if r.Role == rpc {
		arguments = append(arguments, "-H", "content-type: application/grpc", "-H", "te: trailers")
	}
	command := exec.CommandContext(ctx, "h2load", append(arguments, r.url())...)
	said, err := command.CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("h2load: %w\n%s", err, said)
	}
	file, err := os.Open(times)
	if err != nil {
		return load{}, err
	}
	defer file.Close()
	l, err := parseTimes(file)
	if err != nil {
		return load{}, err
	}
	if m := failedRequests.FindSubmatch(said); m == nil {
		return load{}, fmt.Errorf("h2load says strange things:\n%s", said)
	} else if l.Broken, err = strconv.Atoi(string(m[1])); err != nil {
		return load{}, err
	}
	l.Took = each
	l.CPU = command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	return l, nil
}

// failedRequests are those that got no answer.
var failedRequests = regexp.MustCompile(`requests: .* (\d+) errored`)

// parseTimes reads h2load's log: for each request, when it was sent, its
// status, and how many microseconds it took.
func parseTimes(r io.Reader) (l load, err error) {
	var took []time.Duration
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var start, status, us int64
		if _, err := fmt.Sscan(lines.Text(), &start, &status, &us); err != nil {
			return l, fmt.Errorf("h2load's log has %q: %w", lines.Text(), err)
		}
		if status < 200 || status > 399 {
			l.Bad++
		}
		took = append(took, time.Duration(us)*time.Microsecond)
	}
	if l.Requests = len(took); l.Requests > 0 {
		slices.Sort(took)
		l.P50, l.P99 = took[len(took)/2], took[len(took)*99/100]
	}
	return l, lines.Err()
}
