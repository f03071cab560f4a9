package config

import (
	"fmt"
	"slices"
	"strings"
)

// validator looks at what only the configuration as a whole can show: names
// that must exist, addresses that can't be shared, loops.
type validator struct {
	*decoder
	cfg *Config
}

func (v *validator) run() {
	v.presence()
	v.listeners()
	v.ports()
	v.upstreams()
	v.routes()
	v.ownHeaders()
	v.idempotency()
	v.cache()
}

// presence asks for what must be there, once flags had their say.
func (v *validator) presence() {
	if len(v.cfg.Routes) == 0 && !v.bad["routes"] {
		v.problem("routes", KindRequired, "routes is missing; list at least one, like: routes: [{upstream: NAME}]")
	}
	if len(v.cfg.Upstreams) == 0 && !v.bad["upstreams"] {
		v.problem("upstreams", KindRequired, "upstreams is missing; list at least one, like: upstreams: [{name: NAME, endpoints: [\"http://127.0.0.1:8080\"]}]")
	}
}

// claims returns the addresses that Levee listens on, those of listeners first.
func (v *validator) claims() (claims []claim) {
	add := func(path, address string) {
		if address != "" && address != Off && !v.bad[path] {
			claims = append(claims, claim{path, address})
		}
	}
	for i, l := range v.cfg.Listeners {
		add(join(index("listeners", i), "address"), l.Address)
	}
	add("health.address", v.cfg.Health.Address)
	add("admin.address", v.cfg.Admin.Address)
	return claims
}

// ports refuses addresses of which only one could be opened.
func (v *validator) ports() {
	book := newAddressBook()
	for _, c := range v.claims() {
		if earlier, taken := book.conflicting(c.address); taken {
			at, other := c, earlier
			// Complain where something was written, not about a default.
			if _, written := v.at[c.path]; !written {
				at, other = earlier, c
			}
			v.problem(at.path, KindConflict, "%s is taken by %s already%s; choose another port", quote(at.address), other.path, v.whose(other))
		}
		book.add(c)
	}
}

// whose says where the other one of two addresses comes from.
func (v *validator) whose(c claim) string {
	at, written := v.at[c.path]
	switch {
	case !written:
		return fmt.Sprintf(" (%s by default)", c.address)
	case at.flag != "":
		return fmt.Sprintf(" (%s by %s)", c.address, at.flag)
	}
	return fmt.Sprintf(" (%s in line %d)", c.address, at.line)
}

func (v *validator) listeners() {
	for i, l := range v.cfg.Listeners {
		path := index("listeners", i)
		if l.TLS == nil {
			continue
		}
		for j, c := range l.TLS.Certificates {
			if c.CertFile != "" && slices.Contains(l.TLS.Certificates[:j], c) {
				v.problem(index(join(path, "tls.certificates"), j), KindConflict, "the certificate %s is listed twice; remove one of the two", quote(c.CertFile))
			}
		}
	}
}

func (v *validator) upstreams() {
	names := map[string]string{}
	listeners, admin := newAddressBook(), newAddressBook()
	for _, c := range v.claims() {
		switch {
		case strings.HasPrefix(c.path, "listeners"):
			listeners.add(c)
		case strings.HasPrefix(c.path, "admin"):
			admin.add(c)
		}
	}
	for i, u := range v.cfg.Upstreams {
		path := index("upstreams", i)
		v.unique(names, join(path, "name"), "upstream", u.Name)
		v.pair(join(path, "tls"), u.TLS)
		v.concurrency(join(path, "concurrency"), &u.Concurrency)
		v.retry(join(path, "retry"), &u.Retry)
		seen := map[string]bool{}
		for j, e := range u.Endpoints {
			at := index(join(path, "endpoints"), j)
			if e == "" || v.bad[at] {
				continue
			}
			if seen[e] {
				v.problem(at, KindConflict, "%s is listed twice; remove one of the two", v.hide(at, e))
			}
			seen[e] = true
			v.loop(listeners, admin, at, e)
		}
	}
}

// unique refuses a name that was given before.
func (v *validator) unique(first map[string]string, path, what, name string) {
	if name == "" || v.bad[path] {
		return
	}
	if earlier, twice := first[name]; twice {
		_, written := v.at[path]
		if _, writtenEarlier := v.at[earlier]; !written && !writtenEarlier {
			return // two routes that match the same, which is reported as that
		}
		v.problem(path, KindConflict, "the %s %s exists already%s; give each its own name", what, v.hide(path, name), v.inLine(earlier))
		return
	}
	first[name] = path
}

// pair asks for a certificate's two halves together.
func (v *validator) pair(path string, tls UpstreamTLS) {
	cert, key := join(path, "certFile"), join(path, "keyFile")
	switch {
	case v.bad[cert] || v.bad[key]:
	case tls.CertFile != "" && tls.KeyFile == "":
		v.problem(cert, KindConflict, "certFile needs its keyFile; write keyFile: …")
	case tls.KeyFile != "" && tls.CertFile == "":
		v.problem(key, KindConflict, "keyFile needs its certFile; write certFile: …")
	}
}

// loop refuses an endpoint that leads back to a listener: each request would
// go round until something breaks. Nor may one lead to the admin port, where
// whoever comes from this machine is taken for the operator.
func (v *validator) loop(listeners, admin addressBook, path, endpoint string) {
	e, err := ParseEndpoint(endpoint)
	if err != nil {
		return
	}
	address := e.Address
	if e.Network == "unix" {
		address = "unix:" + address
	}
	if listener, reached := listeners.reached(address); reached {
		v.problem(path, KindConflict, "%s is Levee's own listener%s, so requests would go round forever; write where the service itself listens",
			v.hide(path, endpoint), v.inLine(listener.path))
	}
	if port, reached := admin.reached(address); reached {
		v.problem(path, KindConflict, "%s is Levee's own admin port%s, so every client could stop Levee and read its configuration; write where the service itself listens",
			v.hide(path, endpoint), v.inLine(port.path))
	}
}

func (v *validator) routes() {
	names, matches := map[string]string{}, map[string]string{}
	upstreams, sure := v.upstreamNames()
	for i, r := range v.cfg.Routes {
		path := index("routes", i)
		v.unique(names, join(path, "name"), "route", r.Name)
		v.routeCache(path, &v.cfg.Routes[i])
		if sure {
			v.known(upstreams, join(path, "upstream"), r.Upstream)
		}
		if v.bad[join(path, "match.pathPrefix")] {
			continue
		}
		hosts := r.Match.Hosts
		if len(hosts) == 0 && !v.bad[join(path, "match.hosts")] {
			hosts = []string{""}
		}
		for j, host := range hosts {
			at := index(join(path, "match.hosts"), j)
			if host == "" && len(r.Match.Hosts) > 0 {
				continue // refused already
			}
			if earlier, twice := matches[host+r.Match.PathPrefix]; twice {
				v.problem(at, KindConflict, "%s is matched by another route already%s; the two can't be told apart, change the host or the path prefix of one",
					v.hideMatch(path, host, r.Match.PathPrefix), v.inLine(earlier))
				continue
			}
			matches[host+r.Match.PathPrefix] = at
		}
	}
}

// upstreamNames returns the names that a route can refer to. Not sure: a name
// was refused, and may be the one that is meant; or there are no upstreams,
// which is reported by itself.
func (v *validator) upstreamNames() (names []string, sure bool) {
	for i, u := range v.cfg.Upstreams {
		if path := index("upstreams", i); u.Name == "" || v.bad[path] || v.bad[join(path, "name")] {
			return nil, false
		}
		names = append(names, u.Name)
	}
	slices.Sort(names)
	return names, len(names) > 0
}

// known refuses a route to an upstream that isn't there. The names are sorted.
func (v *validator) known(names []string, path, upstream string) {
	if _, found := slices.BinarySearch(names, upstream); found || upstream == "" || v.bad[path] {
		return
	}
	if len(v.variables[path]) > 0 {
		v.problem(path, KindReference, "there is no upstream with %s for its name", v.hide(path, upstream))
		return
	}
	more := ""
	if !v.full() {
		if more = didYouMean(upstream, names); more == "" {
			more = "; there are " + listed(names[:min(len(names), 10)])
		}
	}
	v.problem(path, KindReference, "there is no upstream %s%s", quote(upstream), more)
}

// hide quotes a value, or names the variables that it was made from.
func (v *validator) hide(path, value string) string {
	return text{value: value, variables: v.variables[path]}.shown()
}

func (v *validator) hideMatch(path, host, prefix string) string {
	for p := range v.variables {
		if strings.HasPrefix(p, join(path, "match")) {
			return "what this route matches"
		}
	}
	if host == "" {
		return fmt.Sprintf("the path prefix %s on every host", quote(prefix))
	}
	return quote(host + prefix)
}

// inLine says where an earlier value was written.
func (v *validator) inLine(path string) string {
	for ; path != ""; path = parent(path) {
		switch at, written := v.at[path]; {
		case !written:
		case at.flag != "":
			return " by " + at.flag
		default:
			return fmt.Sprintf(" in line %d", at.line)
		}
	}
	return " by default"
}
