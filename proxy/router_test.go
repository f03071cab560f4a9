package proxy

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unsafe"

	"github.com/levee-proxy/levee/config"
)

func routesOf(specs ...string) []*route {
	var routes []*route
	for _, s := range specs {
		host, path, _ := strings.Cut(s, "/")
		rc := &config.Route{Name: s, Match: config.Match{PathPrefix: "/" + path}}
		if host != "" {
			rc.Match.Hosts = []string{host}
		}
		routes = append(routes, &route{cfg: rc})
	}
	return routes
}

func TestRouting(t *testing.T) {
	r := newRouter(routesOf(
		"/v1", "/v1/features", "/admin", "/",
		"a.example/", "a.example/v1", "*.example/", "*.b.example/x", "only.example/deep/down",
	))
	for _, tc := range []struct{ host, target, want string }{
		{"h", "/", "/"},
		{"h", "/v1", "/v1"},
		{"h", "/v1/", "/v1"},
		{"h", "/v1/x", "/v1"},
		{"h", "/v1x", "/"}, // whole segments
		{"h", "/v1/features/1", "/v1/features"},
		{"h", "/v1//features", "/v1/features"}, // as most services read it
		{"h", "/V1", "/"},
		{"h", "*", "/"},

		// However it is written, the route is that of what the upstream will take it for.
		{"h", "/v1/../admin", "/admin"},
		{"h", "/v1/%2e%2e/admin", "/admin"},
		{"h", "/v1/.%2E/admin/x", "/admin"},
		{"h", "/../../v1", "/v1"},
		{"h", "/v1/./features", "/v1/features"},
		{"h", "/%761/features", "/v1/features"},
		{"h", "/v1%2ffeatures", "/"}, // an encoded slash doesn't separate
		{"h", "/v1/features%2fx", "/v1"},

		{"a.example", "/v1/x", "a.example/v1"},
		{"a.example", "/x", "a.example/"},
		{"A.Example:4480", "/x", "a.example/"},
		{"a.example.", "/x", "a.example/"},
		{"z.example", "/v1", "*.example/"},
		{"y.z.example", "/v1", "*.example/"},
		{"q.b.example", "/x", "*.b.example/x"},
		{"q.b.example", "/y", "*.example/"}, // the next best host is asked
		{"example", "/", "/"},               // a wildcard stands for at least one label
		{"only.example", "/deep/down/x", "only.example/deep/down"},
		{"only.example", "/deep", "*.example/"},
		{"[::1]:80", "/v1", "/v1"},
		{"", "/v1", "/v1"},
	} {
		u, err := url.ParseRequestURI(tc.target)
		if tc.target == "*" {
			u, err = &url.URL{Path: "*"}, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		if rt := r.find(tc.host, u); rt != nil {
			got = rt.cfg.Name
		}
		if got != tc.want {
			t.Errorf("%s %s: route %s, want %s", tc.host, tc.target, got, tc.want)
		}
	}
}

func TestRoutingWithoutCatchAll(t *testing.T) {
	r := newRouter(routesOf("a.example/x"))
	for host, target := range map[string]string{"a.example": "/", "b.example": "/x"} {
		if rt := r.find(host, &url.URL{Path: target}); rt != nil {
			t.Errorf("%s%s got route %s", host, target, rt.cfg.Name)
		}
	}
}

// TestRoutingAgainstNaive compares with the rule written down plainly.
func TestRoutingAgainstNaive(t *testing.T) {
	segments := []string{"", "a", "b", "ab"}
	var specs, paths []string
	for _, x := range segments {
		for _, y := range segments {
			for _, z := range segments {
				p := strings.TrimRight("/"+strings.Join([]string{x, y, z}, "/"), "/")
				p = strings.ReplaceAll(strings.ReplaceAll(p, "///", "/"), "//", "/")
				paths = append(paths, p+"/")
				if (len(x)+len(y)+len(z))%2 == 0 {
					specs = append(specs, p)
				}
			}
		}
	}
	r := newRouter(routesOf(specs...))
	for _, p := range paths {
		want := "none"
		for _, s := range specs {
			if (s == "" || p == s || strings.HasPrefix(p, s+"/")) && (want == "none" || len(s) > len(want)) {
				want = s
			}
		}
		got := "none"
		if rt := r.find("h", &url.URL{Path: p}); rt != nil {
			got = rt.cfg.Name
		}
		if got != want {
			t.Errorf("%s: route %q, want %q", p, got, want)
		}
	}
}

// BenchmarkRoute shows that a look-up doesn't grow with the number of routes.
func BenchmarkRoute(b *testing.B) {
	for _, n := range []int{10, 10_000, 100_000} {
		var specs []string
		for i := range n {
			specs = append(specs, fmt.Sprintf("h%d.example/api/v%d", i%1000, i))
		}
		r := newRouter(routesOf(specs...))
		u, _ := url.Parse(fmt.Sprintf("/api/v%d/users/7", n-1))
		host := fmt.Sprintf("h%d.example:4480", (n-1)%1000)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r.find(host, u) == nil {
					b.Fatal("no route")
				}
			}
		})
	}
}

// TestRouteIsTwoCacheLines, which is what a request among thousands of routes
// waits for.
func TestRouteIsTwoCacheLines(t *testing.T) {
	if size := unsafe.Sizeof(route{}); size != 128 {
		t.Errorf("%d bytes", size)
	}
}
