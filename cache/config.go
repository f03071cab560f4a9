package cache

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Config is what a route sets about caching. The zero value follows the origin
// alone: nothing is stored that its response doesn't allow and make useful, and
// nothing stale is used that it doesn't permit.
//
// It is read-only once it is in use.
type Config struct {
	// DefaultTTL is the lifetime of responses with a status below 400 that say
	// nothing of their freshness and may be cached by their status (RFC 9111
	// §4.2.2). Default: 0, a tenth of the time since Last-Modified.
	DefaultTTL time.Duration

	// NegativeTTL is the lifetime of responses with one of NegativeStatuses that
	// say nothing of their freshness. Default: 0, the same tenth.
	NegativeTTL time.Duration

	// NegativeStatuses are those to which NegativeTTL applies: of 404, 405, 410,
	// 414 and 501, because others may only be stored when the response says so.
	// Default: none.
	NegativeStatuses []int

	// HeuristicMax is the longest lifetime reckoned from Last-Modified.
	// Default: 0, which means 24 hours.
	HeuristicMax time.Duration

	// StaleWhileRevalidate, StaleIfError and StaleOnOverload are how long after
	// expiry a response may be used while it is being refreshed, when the
	// upstream fails, and when Levee would refuse the request. They hold for
	// responses that don't say it themselves, and never for those that forbid
	// stale answers. Default: 0, not at all.
	StaleWhileRevalidate, StaleIfError, StaleOnOverload time.Duration

	// LastKnownGood is the greatest age at which a response may be used when the
	// upstream fails or Levee would refuse, whatever its windows say, unless it
	// forbids stale answers. Default: 0, never.
	LastKnownGood time.Duration

	// IgnoreClients: Cache-Control and Pragma of requests count for nothing, for
	// services whose clients shall not get past the cache. Default: they count.
	IgnoreClients bool

	// KeyHeaders and KeyCookies are request header fields and cookies that take
	// part in the key. Default: none; Vary tells responses apart as well.
	KeyHeaders, KeyCookies []string

	// KeyForwarded: of the field Forwarded (RFC 7239) what isn't about addresses
	// takes part in the key, as services make links of its host and proto.
	// Default: no, for it isn't sent upstream.
	KeyForwarded bool

	// DropQuery are query parameters that take no part in the key; a star at the
	// end stands for any ending. They are sent upstream all the same, so they
	// must not change the response. Default: none.
	DropQuery []string

	// AllowHeaders are request header fields that are listed beside those of the
	// key and those that are known anyway (see [Config.Listed]). Default: none.
	AllowHeaders []string

	// Unlisted says what becomes of a request with a field that isn't listed.
	// Default: UnlistedPass.
	Unlisted Unlisted
}

// Unlisted is what becomes of a request with a header field by which an origin
// may choose its answer without saying so in Vary: then one client would choose
// what all others get.
type Unlisted uint8

// What becomes of it.
const (
	UnlistedPass   Unlisted = iota // it takes part like others: the origin is trusted to know of Vary
	UnlistedBypass                 // the cache takes no part in it
	UnlistedDrop                   // the field is not sent upstream
)

// Validate checks a route's settings and puts the names of fields into
// canonical form. Its error names every setting that can't be, with the reason.
func (c *Config) Validate() error {
	var errs []error
	for name, d := range map[string]time.Duration{
		"DefaultTTL": c.DefaultTTL, "NegativeTTL": c.NegativeTTL, "HeuristicMax": c.HeuristicMax,
		"StaleWhileRevalidate": c.StaleWhileRevalidate, "StaleIfError": c.StaleIfError,
		"StaleOnOverload": c.StaleOnOverload, "LastKnownGood": c.LastKnownGood,
	} {
		if d < 0 || d > longest {
			errs = append(errs, fmt.Errorf("%s: %v is not between 0 and 68 years", name, d))
		}
	}
	for _, status := range c.NegativeStatuses {
		if status < 400 || !heuristicallyCacheable(status) {
			errs = append(errs, fmt.Errorf("NegativeStatuses: %d may be stored only when the response says so; possible are 404, 405, 410, 414 and 501", status))
		}
	}
	for name, fields := range map[string][]string{"KeyHeaders": c.KeyHeaders, "AllowHeaders": c.AllowHeaders, "KeyCookies": c.KeyCookies} {
		for i, field := range fields {
			if field == "" || tokenLength(field) != len(field) {
				errs = append(errs, fmt.Errorf("%s: %q is not a name", name, field))
			} else if name != "KeyCookies" {
				fields[i] = http.CanonicalHeaderKey(field)
			}
		}
	}
	for _, parameter := range c.DropQuery {
		if parameter == "" || strings.ContainsAny(parameter, "&=#") || strings.Contains(strings.TrimSuffix(parameter, "*"), "*") {
			errs = append(errs, fmt.Errorf("DropQuery: %q is not the name of a parameter, or the beginning of one and a star", parameter))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func (c *Config) heuristicMax() time.Duration {
	if c.HeuristicMax > 0 {
		return c.HeuristicMax
	}
	return 24 * time.Hour
}
