// Package benchclient loads servers in benchmarks: clients that cost little, and
// what all of it costs the process.
package benchclient

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// Run asks b.N times over kept connections, 32 for each processor, and waits for
// each answer's end, which is end: answers are short and come in one or two
// pieces. It reports the process's CPU time as cpu-µs/op.
func Run(b *testing.B, address, request, end string) {
	asks := []byte(request)
	RunEach(b, address, func() []byte { return asks }, end)
}

// RunEach is [Run] with a request of its own each time. Many ask for one at once.
func RunEach(b *testing.B, address string, request func() []byte, end string) {
	b.SetParallelism(32)
	b.ReportAllocs()
	cpu := CPU()
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		buf := make([]byte, 4096)
		for pb.Next() {
			c.Write(request())
			for n := 0; ; {
				m, err := c.Read(buf[n:])
				if n += m; err != nil {
					b.Error(err)
					return
				}
				if n > len(end) && string(buf[n-len(end):n]) == end {
					break
				}
			}
		}
	})
	b.ReportMetric(float64((CPU()-cpu).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
}

// CPU is the process's user and system time.
func CPU() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
