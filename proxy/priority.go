package proxy

import (
	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/limiter"
)

// setPriority takes the priority from the header that trusted peers may set,
// or from the route.
func (x *exchange) setPriority(trusted bool) {
	x.priorityText, x.priority = x.route.level, x.route.priority
	if x.fetch != nil && x.fetch.background {
		x.priorityText, x.priority = limiter.Background.String(), limiter.Background
		return
	}
	if name := x.gen.priorityHeader; name != "" && trusted {
		if v := x.r.Header[name]; len(v) == 1 {
			if level, ok := config.ParsePriority(v[0]); ok {
				x.priorityText, x.priority = v[0], limiter.Priority(level)
			}
		}
	}
}

// passPriority tells the upstream the priority in force, in place of whatever
// the client said.
func (o *ownFields) passPriority(x *exchange) {
	if name := x.gen.priorityHeader; name != "" {
		o.set(name, x.priorityText)
	}
}
