package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// longIdle is where keeping an unused upstream connection is more likely a
// mistake than a choice: most servers have closed it by then.
const longIdle = Duration(60 * time.Second)

// warnings lists what is allowed and probably not meant.
func (v *validator) warnings() []Problem {
	var found []Problem
	warn := func(path, format string, args ...any) {
		found = append(found, v.report.problem(v.position(path), KindWarning, fmt.Sprintf(format, args...)))
	}
	used := map[string]bool{}
	for i, r := range v.cfg.Routes {
		used[r.Upstream] = true
		if r.RateLimit != nil && r.RateLimit.Total == nil && r.RateLimit.PerClient == nil {
			warn(join(index("routes", i), "rateLimit"), "caps nothing; write total or perClient below it")
		}
		if path := join(index("routes", i), "match.pathPrefix"); strings.Contains(r.Match.PathPrefix, "*") {
			warn(path, "%s has a *, which is taken as it stands; a prefix takes all that is below it without one", v.hide(path, r.Match.PathPrefix))
		}
	}
	for i, u := range v.cfg.Upstreams {
		path := index("upstreams", i)
		if !used[u.Name] {
			warn(join(path, "name"), "no route uses the upstream %s", v.hide(join(path, "name"), u.Name))
		}
		if u.TLS.InsecureSkipVerify {
			warn(join(path, "tls.insecureSkipVerify"), "certificates are not verified: whoever is in between can read and change everything")
		}
		if u.TLS != (UpstreamTLS{}) && !hasHTTPS(u.Endpoints) {
			warn(join(path, "tls"), "has no effect: no endpoint begins with https://")
		}
		if _, _, on := u.Retry.Hedge.Delay(); on && len(u.Endpoints) == 1 && !severalAddresses(u.Endpoints[0]) {
			warn(join(path, "retry.hedge.after"), "has no effect: there is one endpoint, and a second attempt goes to another one")
		}
		if u.Storm.Mode != StormBound && u.Storm.Answer != AnswerAuto {
			warn(join(path, "storm.answer"), "has no effect: with mode %s, refused clients are told nothing", u.Storm.Mode)
		}
		if u.Timeouts.Idle >= longIdle {
			warn(join(path, "timeouts.idle"), "keeps unused connections for %s; if the upstream closes them earlier, requests meet connections that are being closed", u.Timeouts.Idle)
		}
	}
	for i, network := range v.cfg.Forwarding.Trusted {
		if strings.HasSuffix(network, "/0") {
			warn(index("forwarding.trusted", i), "everybody is believed about who they are; list only your own proxies")
		}
	}
	if v.cfg.Clients.Identity == "tls" && !v.asksForCertificates() {
		warn("clients.identity", "no listener asks clients for a certificate (tls.clientCAFile), so all are told apart by ip")
	}
	v.idempotencyWarnings(warn)
	v.cacheWarnings(warn)
	slices.SortStableFunc(found, byPlace)
	return found
}

func (v *validator) asksForCertificates() bool {
	for _, l := range v.cfg.Listeners {
		if l.TLS != nil && l.TLS.ClientCAFile != "" {
			return true
		}
	}
	return false
}

func hasHTTPS(endpoints []string) bool {
	for _, e := range endpoints {
		if strings.HasPrefix(e, "https://") {
			return true
		}
	}
	return false
}
