package proxy

import (
	"net/url"
	"strings"

	"github.com/levee-proxy/levee/config"
)

// router finds the route of a request: an exact host wins over a wildcard, a
// longer wildcard over a shorter one, any of them over no host at all; within
// a host the longest path prefix wins, by whole segments. Where the paths of
// the best host don't match, the next best host is asked.
//
// A look-up walks the host's labels and the path's segments through tables, so
// its cost depends on the request and not on the number of routes.
type router struct {
	exact    map[string]*pathNode // by host
	wildcard map[string]*pathNode // by ".example.com"
	any      *pathNode
	routes   []*route
}

func newRouter(routes []*route) *router {
	r := &router{exact: map[string]*pathNode{}, wildcard: map[string]*pathNode{}, any: &pathNode{}, routes: routes}
	for _, rt := range routes {
		for _, root := range r.roots(&rt.cfg.Match) {
			root.insert(rt.cfg.Match.PathPrefix, rt)
		}
	}
	return r
}

// roots gives the trees that a route belongs to, one for each of its hosts.
func (r *router) roots(m *config.Match) []*pathNode {
	if len(m.Hosts) == 0 {
		return []*pathNode{r.any}
	}
	var roots []*pathNode
	for _, h := range m.Hosts {
		tree, key := r.exact, strings.ToLower(h)
		if rest, ok := strings.CutPrefix(key, "*"); ok {
			tree, key = r.wildcard, rest
		}
		if tree[key] == nil {
			tree[key] = &pathNode{}
		}
		roots = append(roots, tree[key])
	}
	return roots
}

func (n *pathNode) insert(prefix string, rt *route) {
	for seg := range strings.FieldsFuncSeq(prefix, func(c rune) bool { return c == '/' }) {
		if n.children == nil {
			n.children = &segments{}
		}
		next := n.children.find(seg)
		if next == nil {
			next = n.children.add(seg)
		}
		n = next
	}
	if n.route == nil { // the first of two equal matches wins; config refuses them anyway
		n.route, n.metrics = rt, rt.metrics
	}
}

// find returns the route for a request's host and URL, or nil.
func (r *router) find(host string, u *url.URL) *route {
	path := routingPath(u)
	host = normalHost(host)
	if n, ok := r.exact[host]; ok {
		if n = n.longest(path); n.route != nil {
			return n.expect()
		}
	}
	if len(r.wildcard) > 0 {
		// From the longest suffix to the shortest: a.b.c asks .b.c, then .c.
		for rest := host; ; {
			i := strings.IndexByte(rest, '.')
			if i < 0 {
				break
			}
			rest = rest[i:]
			if n, ok := r.wildcard[rest]; ok {
				if n = n.longest(path); n.route != nil {
					return n.expect()
				}
			}
			rest = rest[1:]
		}
	}
	return r.any.longest(path).expect()
}

// longest walks path's segments down from n and returns the deepest node met that
// has a route; n itself where none has.
func (n *pathNode) longest(path string) *pathNode {
	best := n
	for n.children != nil {
		path = strings.TrimLeft(path, "/")
		if path == "" {
			break
		}
		seg := path
		if i := strings.IndexByte(path, '/'); i >= 0 {
			seg, path = path[:i], path[i:]
		} else {
			path = ""
		}
		next := n.children.find(seg)
		if next == nil {
			break
		}
		n = next
		if n.route != nil {
			best = n
		}
	}
	return best
}

// routingPath is the path by which a request is routed: without dot segments
// (RFC 3986, section 5.2.4), so that /public/../admin, however it is encoded,
// gets the route of /admin, which is what the upstream will take it for. The
// path that is sent on stays as the client wrote it. An encoded slash (%2F)
// doesn't separate segments here: whether it does upstream isn't known, and
// such a path gets the route of its unambiguous part.
func routingPath(u *url.URL) string {
	path := u.Path
	if u.RawPath != "" && strings.Contains(path, "/") {
		path = segmentsDecoded(u.RawPath)
	}
	if !strings.Contains(path, "/.") {
		return path
	}
	var out []string
	for seg := range strings.SplitSeq(path, "/") {
		switch seg {
		case "", ".":
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
		default:
			out = append(out, seg)
		}
	}
	return "/" + strings.Join(out, "/")
}

// segmentsDecoded decodes a raw path segment by segment; a segment that holds
// an encoded slash stays encoded.
func segmentsDecoded(raw string) string {
	segs := strings.Split(raw, "/")
	for i, s := range segs {
		if !strings.Contains(s, "%") {
			continue
		}
		if d, err := url.PathUnescape(s); err == nil && !strings.Contains(d, "/") {
			segs[i] = d
		}
	}
	return strings.Join(segs, "/")
}

// normalHost cuts the port and a final dot off a Host and lower-cases it.
func normalHost(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	host = strings.TrimSuffix(host, ".")
	for i := range len(host) {
		if c := host[i]; 'A' <= c && c <= 'Z' {
			return strings.ToLower(host)
		}
	}
	return host
}
