package cache

// Reason says in one word why the cache did what it did: in Cache-Status, in
// metrics and in the access log.
type Reason uint8

// Why a response isn't stored, a stored one isn't used, or a stale one is. A few
// are for those who use the package to say: ReasonWorse, ReasonOnlyIfCached,
// ReasonPrecondition and ReasonValidated.
const (
	ReasonNone Reason = iota

	// The request.
	ReasonMethod        // a method whose answers aren't stored
	ReasonRequestBody   // GET or HEAD with content: nobody knows what it means
	ReasonHead          // the answer to HEAD has no content; it can only update
	ReasonUnlisted      // a header field that isn't listed
	ReasonRequestStore  // the client said no-store
	ReasonAuthorization // an authorized request, and no leave to share the answer

	// The response.
	ReasonStatus        // a status whose rules aren't known, or that is about the request
	ReasonPartial       // 206, or a body that isn't whole
	ReasonMalformed     // Cache-Control can't be read, or Connection names what the rest needs
	ReasonNoStore       // no-store
	ReasonPrivate       // private
	ReasonSetCookie     // Set-Cookie without public
	ReasonVaryAny       // Vary: *
	ReasonVaryTooMuch   // more in Vary than is kept
	ReasonNotExplicit   // neither said to be cacheable nor cacheable by itself
	ReasonNothingToGain // it would never be used
	ReasonWorse         // an error doesn't replace what may still serve

	// Reuse.
	ReasonFresh
	ReasonStale
	ReasonVaryMiss         // stored for other request fields
	ReasonNoCache          // the response says no-cache
	ReasonMustRevalidate   // expired, and must-revalidate, proxy-revalidate or s-maxage
	ReasonInvalidated      // an unsafe request or a purge touched it
	ReasonRequestNoCache   // the client says no-cache
	ReasonRequestMaxAge    // too old for the client's max-age
	ReasonRequestMinFresh  // not fresh for long enough for the client's min-fresh
	ReasonRequestMaxStale  // stale, and the client takes that
	ReasonOnlyIfCached     // nothing usable, and the client wants nothing else
	ReasonPrecondition     // a condition that only the origin can judge
	ReasonStaleWhileUpdate // within stale-while-revalidate
	ReasonStaleIfError
	ReasonStaleOnOverload
	ReasonLastKnownGood
	ReasonTooStale    // no window reaches so far
	ReasonStoredError // a stored error isn't worth serving stale

	// Validation.
	ReasonValidated      // 304
	ReasonOtherValidator // a 304 or an answer to HEAD about something else

	reasons int = iota
)

var reasonNames = [reasons]string{
	ReasonNone:             "none",
	ReasonMethod:           "method",
	ReasonRequestBody:      "request-body",
	ReasonHead:             "head",
	ReasonUnlisted:         "unlisted-header",
	ReasonRequestStore:     "request-no-store",
	ReasonAuthorization:    "authorization",
	ReasonStatus:           "status",
	ReasonPartial:          "partial",
	ReasonMalformed:        "malformed-cache-control",
	ReasonNoStore:          "no-store",
	ReasonPrivate:          "private",
	ReasonSetCookie:        "set-cookie",
	ReasonVaryAny:          "vary-any",
	ReasonVaryTooMuch:      "vary-too-much",
	ReasonNotExplicit:      "not-explicit",
	ReasonNothingToGain:    "nothing-to-gain",
	ReasonWorse:            "worse-than-stored",
	ReasonFresh:            "fresh",
	ReasonStale:            "stale",
	ReasonVaryMiss:         "vary-miss",
	ReasonNoCache:          "no-cache",
	ReasonMustRevalidate:   "must-revalidate",
	ReasonInvalidated:      "invalidated",
	ReasonRequestNoCache:   "request-no-cache",
	ReasonRequestMaxAge:    "request-max-age",
	ReasonRequestMinFresh:  "request-min-fresh",
	ReasonRequestMaxStale:  "request-max-stale",
	ReasonOnlyIfCached:     "only-if-cached",
	ReasonPrecondition:     "precondition",
	ReasonStaleWhileUpdate: "stale-while-revalidate",
	ReasonStaleIfError:     "stale-if-error",
	ReasonStaleOnOverload:  "stale-on-overload",
	ReasonLastKnownGood:    "last-known-good",
	ReasonTooStale:         "too-stale",
	ReasonStoredError:      "stored-error",
	ReasonValidated:        "validated",
	ReasonOtherValidator:   "other-validator",
}

// String is the word: lower-case letters and dashes.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}
