package proxy

import (
	"fmt"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/proxy/internal/tlsfiles"
)

// CheckFiles says what is wrong with the certificates, keys and authorities
// that a configuration names, as they are here and now. Those that can't be
// read keep a proxy from starting; a certificate that has expired, or isn't
// valid yet, doesn't.
func CheckFiles(cfg *config.Config, now time.Time) (unusable, useless []error) {
	for _, l := range cfg.Listeners {
		if l.TLS == nil {
			continue
		}
		_, certificates, err := tlsfiles.Server(l.TLS)
		if err != nil {
			unusable = append(unusable, fmt.Errorf("listener %s: %w", l.Address, err))
			continue
		}
		for _, c := range certificates.All() {
			switch {
			case now.After(c.Leaf.NotAfter):
				useless = append(useless, fmt.Errorf("listener %s: the certificate %s has expired, %s", l.Address, c.File, c.Leaf.NotAfter.UTC().Format(time.DateTime+" MST")))
			case now.Before(c.Leaf.NotBefore):
				useless = append(useless, fmt.Errorf("listener %s: the certificate %s isn't valid before %s", l.Address, c.File, c.Leaf.NotBefore.UTC().Format(time.DateTime+" MST")))
			}
		}
	}
	for _, u := range cfg.Upstreams {
		if _, _, err := tlsfiles.Client(&u.TLS); err != nil {
			unusable = append(unusable, fmt.Errorf("upstream %s: %w", u.Name, err))
		}
	}
	return unusable, useless
}
