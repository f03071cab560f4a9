package main

import "net"

// freePorts asks the kernel for ports that nobody listens on. Between this and
// their use somebody else may take one; then a proxy doesn't start, and says so.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // all together, or one is handed out twice
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
