package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
)

// grpcArgument makes this program the gRPC service. It is a process of its own,
// so that its work isn't the load generator's.
const grpcArgument = "serve-grpc"

// frame is a gRPC message: a byte that says that it isn't compressed, its
// length, and 64 bytes.
var frame = "\x00\x00\x00\x00\x40" + strings.Repeat("x", 64)

// serveGRPC answers every call with one message, until its standard input ends.
func serveGRPC(stdin io.Reader, stdout, stderr io.Writer) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(stderr, "compare:", err)
		return exitMissed
	}
	server := &http.Server{Handler: http.HandlerFunc(answerCall), Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 10_000}}
	server.Protocols.SetUnencryptedHTTP2(true)
	fmt.Fprintln(stdout, l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		server.Close()
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(stderr, "compare:", err)
		return exitMissed
	}
	return exitMeasured
}

// answerCall answers as a gRPC server does.
func answerCall(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Trailer", "Grpc-Status")
	_, _ = io.WriteString(w, frame)
	h.Set("Grpc-Status", "0")
}

// startGRPC starts the service and returns where it listens, and its process.
func startGRPC() (address string, pid int, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", 0, nil, err
	}
	command := exec.Command(self, grpcArgument)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		return "", 0, nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return "", 0, nil, err
	}
	if err := command.Start(); err != nil {
		return "", 0, nil, err
	}
	stop = func() {
		stdin.Close()
		_ = command.Wait()
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		stop()
		return "", 0, nil, fmt.Errorf("starting the gRPC service: %w", err)
	}
	return strings.TrimSpace(line), command.Process.Pid, stop, nil
}
