package config

import "net"

// claim is an address that Levee listens on, and the path of the value that
// says so.
type claim struct {
	path, address string
}

// addressBook knows which addresses are taken. A lookup doesn't grow with
// their number.
type addressBook struct {
	exact    map[string]claim // by address
	wildcard map[string]claim // by port: on all addresses of the machine
	first    map[string]claim // by port: the first on whatever address
}

func newAddressBook() addressBook {
	return addressBook{exact: map[string]claim{}, wildcard: map[string]claim{}, first: map[string]claim{}}
}

// add enters an address.
func (b addressBook) add(c claim) {
	network, address := SplitAddress(c.address)
	if network == "unix" {
		b.exact[c.address] = c
		return
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "0" {
		return // port 0 is another port each time
	}
	b.exact[c.address] = c
	if isWildcard(host) {
		b.wildcard[port] = c
	}
	if _, known := b.first[port]; !known {
		b.first[port] = c
	}
}

// conflicting returns the claim that keeps an address from being listened on.
func (b addressBook) conflicting(address string) (claim, bool) {
	network, hostPort := SplitAddress(address)
	host, port, err := net.SplitHostPort(hostPort)
	if network == "unix" || err != nil {
		c, taken := b.exact[address]
		return c, taken
	}
	if isWildcard(host) {
		c, taken := b.first[port]
		return c, taken
	}
	if c, taken := b.wildcard[port]; taken {
		return c, true
	}
	return b.same(host, port)
}

// reached returns the claim at which connections to an address surely arrive.
// One on all addresses is met through loopback; which others are this
// machine's own isn't known here.
func (b addressBook) reached(address string) (claim, bool) {
	network, hostPort := SplitAddress(address)
	if host, _, err := net.SplitHostPort(hostPort); network == "tcp" && err == nil && !isLoopback(host) && !isWildcard(host) {
		c, taken := b.exact[address]
		return c, taken
	}
	return b.conflicting(address)
}

// same returns the claim on a host and port, by one of the host's names.
func (b addressBook) same(host, port string) (claim, bool) {
	names := []string{host}
	switch host {
	case "localhost": // which stands for both, whichever answers
		names = append(names, "127.0.0.1", "::1")
	case "127.0.0.1", "::1":
		names = append(names, "localhost")
	}
	for _, name := range names {
		if c, taken := b.exact[net.JoinHostPort(name, port)]; taken {
			return c, true
		}
	}
	return claim{}, false
}
