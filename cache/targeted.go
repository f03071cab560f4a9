package cache

import (
	"time"

	"github.com/dunglas/httpsfv"
)

// The targeted fields that Levee follows (RFC 9213).
const (
	LeveeCacheControl = "Levee-Cache-Control"
	CDNCacheControl   = "Cdn-Cache-Control" // as net/http spells CDN-Cache-Control
)

// targets is the target list, the most specific first.
var targets = [...]string{LeveeCacheControl, CDNCacheControl}

// readTargeted reads a targeted field: a dictionary, whose members are
// directives (RFC 9213 §2.1). One that is absent, empty or invalid is ignored
// as a whole, and so is one in which a directive that takes seconds has
// something else, such as max-age="60": what its author meant can't be known,
// and the next field may say it. A number below zero is a number, though: it
// counts as invalid freshness, which is none.
func readTargeted(lines []string) (responseControl, bool) {
	rc := responseControl{targeted: true}
	if len(lines) == 0 {
		return rc, false
	}
	dictionary, err := httpsfv.UnmarshalDictionary(lines)
	if err != nil || len(dictionary.Names()) == 0 {
		return rc, false
	}
	for _, name := range dictionary.Names() {
		member, _ := dictionary.Get(name)
		var value any = member // an inner list has the wrong type for every directive
		if item, ok := member.(httpsfv.Item); ok {
			value = item.Value
		}
		if !rc.takeTyped(name, value) {
			return responseControl{}, false
		}
	}
	return rc, true
}

func (rc *responseControl) takeTyped(name string, value any) bool {
	if s := rc.secondsOf(name); s != nil {
		n, ok := value.(int64)
		if ok {
			s.takeParsed(clamp(time.Duration(min(n, maxSeconds))*time.Second), n >= 0)
		}
		return ok
	}
	d := directive{name: name, valued: true}
	switch v := value.(type) {
	case bool:
		// max-age=?1 was refused above; no-store=?0 is no way to permit
		// anything, so that a restriction counts all the same.
		d.valued = !v
	case string:
		d.value = v
	case httpsfv.Token:
		d.value = string(v)
	}
	rc.take(d)
	return true
}

func (rc *responseControl) secondsOf(name string) *seconds {
	switch name {
	case "max-age":
		return &rc.maxAge
	case "s-maxage":
		return &rc.sMaxAge
	case "stale-while-revalidate":
		return &rc.staleWhileRevalidate
	case "stale-if-error":
		return &rc.staleIfError
	case "stale-on-overload":
		return &rc.staleOnOverload
	}
	return nil
}
