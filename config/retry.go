package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a retry may follow, beside an answer's status, as Retry.On has it.
const (
	OnConnectFailure = "connect-failure"
	OnReset          = "reset-before-headers"
	OnRefusedStream  = "refused-stream"
)

// autoAttempts is how many retries there may be of a request to another host.
// On this one there is nothing between Levee and the service that could lose
// a request, and no other endpoint that would be better off.
const autoAttempts = 2

var (
	defaultRetryOn = []string{OnConnectFailure, OnReset, OnRefusedStream, "502", "503", "504"}

	// The idempotent methods (RFC 9110, section 9.2.2; RFC 10008) that are passed on at all.
	defaultRetryMethods = []string{"GET", "HEAD", "OPTIONS", "QUERY", "PUT", "DELETE"}
)

// RetryAttempts is how many attempts may follow a request's first.
func (u *Upstream) RetryAttempts() int {
	if n, err := strconv.Atoi(u.Retry.Attempts); err == nil {
		return n
	}
	if slices.ContainsFunc(u.Endpoints, elsewhere) {
		return autoAttempts
	}
	return 0
}

// elsewhere says whether an endpoint is on another host, as far as it can be seen.
func elsewhere(endpoint string) bool {
	e, err := ParseEndpoint(endpoint)
	if err != nil || e.Network == "unix" {
		return false
	}
	host, _, err := splitHostPort(e.Address)
	return err == nil && !isLoopback(strings.Trim(host, "[]"))
}

// Conditions are what a retry may follow: On, or its default.
func (r *Retry) Conditions() []string {
	if len(r.On) == 0 {
		return defaultRetryOn
	}
	return r.On
}

// SafeMethods are those that may be sent once more whatever became of the
// first attempt: Methods, or its default.
func (r *Retry) SafeMethods() []string {
	if len(r.Methods) == 0 {
		return defaultRetryMethods
	}
	return r.Methods
}

// Delay is how long the first attempt is waited for before a hedge. Not on:
// there are no hedges. 0: the 95th percentile of the latency of its class.
func (h *Hedge) Delay() (after time.Duration, p95, on bool) {
	switch h.After {
	case "off", "":
		return 0, false, false
	case "p95":
		return 0, true, true
	}
	d, err := ParseDuration(h.After)
	return time.Duration(d), false, err == nil && d > 0
}

// retry looks at an upstream's retries together.
func (v *validator) retry(path string, r *Retry) {
	base, most := join(path, "backoff.base"), join(path, "backoff.max")
	if !v.bad[base] && !v.bad[most] && r.Backoff.Base > r.Backoff.Max {
		v.problem(base, KindConflict, "base is %s and max is %s; base can't be above max", r.Backoff.Base, r.Backoff.Max)
	}
	for key, list := range map[string][]string{"on": r.On, "methods": r.Methods} {
		for i, value := range list {
			if at := index(join(path, key), i); value != "" && !v.bad[at] && slices.Contains(list[:i], value) {
				v.problem(at, KindConflict, "%s is listed twice; remove one of the two", v.hide(at, value))
			}
		}
	}
}

// severalAddresses says whether an endpoint may stand for more than one.
func severalAddresses(endpoint string) bool {
	e, err := ParseEndpoint(endpoint)
	if err != nil || e.Network == "unix" {
		return false
	}
	host, _, err := splitHostPort(e.Address)
	if err != nil {
		return false
	}
	_, err = netip.ParseAddr(strings.Trim(host, "[]"))
	return err != nil && host != "localhost"
}

func checkMethod(text string) (string, error) {
	switch upper := strings.ToUpper(text); {
	case upper == "CONNECT" || upper == "TRACE":
		return "", errors.New("is never passed on, so there is nothing to retry; remove it")
	case upper != text:
		return "", fmt.Errorf("has small letters, and methods are told apart by case; write %s", upper)
	}
	return text, nil
}

func checkHedgeAfter(text string) (string, error) {
	if text == "off" || text == "p95" {
		return text, nil
	}
	d, err := ParseDuration(text)
	switch {
	case err != nil:
		return "", err
	case d <= 0:
		return "", errors.New("would send everything twice; write off for none, p95, or a duration above 0")
	case d > Duration(time.Hour):
		return "", errors.New("is longer than an hour; write off for none")
	}
	return d.String(), nil
}
