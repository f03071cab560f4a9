package proxy

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/connections"
)

// Resolver looks up a host's addresses; [net.Resolver] is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// resolveTimeout bounds one look-up; the resolver's own retries fit in.
const resolveTimeout = 5 * time.Second

// resolveLoop looks the upstream's names up at intervals until ctx ends.
func (u *Upstream) resolveLoop(ctx context.Context) {
	tick := time.NewTicker(time.Duration(u.cfg.ResolveInterval))
	defer tick.Stop()
	for {
		u.resolve(ctx)
		u.resolvedOnce.Do(func() { close(u.resolved) })
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// resolve looks every name up once and takes the new addresses. A name that
// fails to resolve keeps the addresses that it had.
func (u *Upstream) resolve(ctx context.Context) {
	found := map[*connections.Target][]string{}
	var failed error
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, t := range u.targets {
		if !t.Named() {
			continue
		}
		wg.Go(func() {
			lookup, cancel := context.WithTimeout(ctx, resolveTimeout)
			defer cancel()
			addrs, err := u.resolver.LookupNetIP(lookup, "ip", t.Name)
			if err == nil && len(addrs) == 0 {
				err = &net.DNSError{Err: "no address", Name: t.Name, IsNotFound: true}
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
				return
			}
			found[t] = dialAddresses(addrs, t.Port)
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return
	}
	u.setResolved(found, failed)
}

// dialAddresses makes the list that a name stands for: all its IPv4 addresses
// or, where it has none, all its IPv6 ones. A service with both is the same
// service twice, and hosts without IPv6 are told of it nonetheless.
func dialAddresses(addrs []netip.Addr, port string) []string {
	var four, six []string
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() {
			four = append(four, net.JoinHostPort(a.String(), port))
		} else {
			six = append(six, net.JoinHostPort(a.String(), port))
		}
	}
	if len(four) == 0 {
		four = six
	}
	slices.Sort(four)
	return slices.Compact(four)
}
