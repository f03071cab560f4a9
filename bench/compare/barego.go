package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/levee-proxy/levee/proxy/h1/socket"
)

// bareGoArgument makes this program do what peers/bare.c does, as a program in Go
// does it that has a goroutine wait for each connection: what it takes more than
// the one in C is the price of that, and of what Levee takes more than it, Levee
// is the reason. The arguments after it are those of bare.c.
const bareGoArgument = "bare-go"

// How much is read at once, and how often it is looked whether who started this is still there.
const (
	bareBuffer = 16 << 10
	bareLook   = time.Second
)

// serveBare serves until whoever started this process has ended.
func serveBare(arguments []string, stderr io.Writer) int {
	if len(arguments) != 3 || arguments[0] != "answer" && arguments[0] != "relay" {
		fmt.Fprintln(stderr, "usage:", bareGoArgument, "answer PORT TEXT | relay PORT ORIGIN")
		return exitUsage
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+arguments[1])
	if err != nil {
		fmt.Fprintln(stderr, "compare:", err)
		return exitMissed
	}
	go endWithStarter(l)
	for {
		c, err := l.Accept()
		if err != nil {
			return exitMeasured
		}
		if arguments[0] == "answer" {
			go answerAll(c, []byte(arguments[2]))
		} else {
			go relay(c, "127.0.0.1:"+arguments[2])
		}
	}
}

// endWithStarter stops listening when this process's parent is another one.
func endWithStarter(l net.Listener) {
	starter := os.Getppid()
	look := time.NewTicker(bareLook)
	defer look.Stop()
	for range look.C {
		if os.Getppid() != starter {
			l.Close()
			return
		}
	}
}

// answerAll answers whatever comes with the same.
func answerAll(c net.Conn, answer []byte) {
	defer c.Close()
	s := socket.Of(c)
	eachRead(s, func([]byte) error {
		_, err := s.Write(answer)
		return err
	})
}

// relay passes on what comes over a connection and over another one to the
// origin, until one of them ends.
func relay(client net.Conn, origin string) {
	defer client.Close()
	server, err := net.Dial("tcp", origin)
	if err != nil {
		return
	}
	defer server.Close()
	here, there := socket.Of(client), socket.Of(server)
	go func() {
		defer client.Close()
		eachRead(there, func(p []byte) error { _, err := here.Write(p); return err })
	}()
	eachRead(here, func(p []byte) error { _, err := there.Write(p); return err })
}

// eachRead hands over all that comes, until an end or an error. It waits in one
// call, without a try at what can't be there yet: the poller notes what comes
// meanwhile. So each message takes one read, as in C.
func eachRead(from *socket.Socket, handle func([]byte) error) {
	p := make([]byte, bareBuffer)
	_ = from.Wait(func(fd uintptr) (done bool) {
		for {
			n, err := socket.Receive(fd, p)
			if err == socket.ErrAgain {
				return false
			}
			if err != nil || handle(p[:n]) != nil {
				return true
			}
			if n < len(p) {
				return false
			}
		}
	})
}
