// Package cache decides what HTTP caching allows: what may be stored, whether
// a stored response may answer a request, how stale it may be, how it is
// validated and updated, and what a change invalidates.
//
// It is a shared cache in the sense of RFC 9111. Every decision is a pure
// function of a request, a response, a route's [Config] and a time: nothing
// here reads a clock, a file or a network, starts a goroutine or holds a lock.
// Where the standards leave a choice between caution and reach, caution wins;
// where an origin's words can't be read, nothing is stored.
//
// A request's way: fill a [Request] and call [Config.Prepare]; [Request.Bypass]
// says whether the cache takes part, [Config.Key] where to look. What is found
// there is asked by [Policy.Reuse], once in calm and again when trouble comes,
// and [Policy.Answer] says in which form it is sent. What comes from upstream
// goes through [Config.Store], or [Config.Freshen] when it validated something;
// [Config.Invalidates] names what a change made worthless.
//
// A [Policy] holds everything that later decisions need, parsed once when a
// response is stored, so that a hit parses nothing of it and allocates nothing.
// A stored header and a Policy are never changed after they were made, and may
// be shared by any number of requests.
//
//	config.go       what a route sets
//	request.go      a client's request as the cache sees it
//	key.go          under which key it is looked up, and the URL for purging
//	requestheader.go which request fields could change others' answers
//	store.go        may this response be stored, and why not
//	understood.go   what is known of status codes and methods
//	storedheader.go which header fields are stored
//	policy.go       what is remembered of a stored response
//	policycodec.go  a policy as bytes, for snapshots
//	restored.go     a policy that was in a snapshot
//	freshness.go    age and lifetime
//	early.go        refreshing before expiry, by chance
//	reuse.go        may a stored response answer, and on which rung of the ladder
//	answer.go       conditions and ranges, answered from a stored response
//	answerheader.go the header of such an answer
//	multipart.go    several ranges in one answer
//	validate.go     asking the upstream whether a stored response still holds
//	freshen.go      what 304 and HEAD change in a stored response
//	invalidate.go   what an unsafe request makes worthless
//	cachestatus.go  saying in Cache-Status what happened
//	reason.go       why, in one word
//
// And the fields that are parsed:
//
//	scan.go            lists, tokens and quoted strings
//	seconds.go         delta-seconds, and arithmetic that can't overflow
//	httpdate.go        dates in their three forms
//	responsecontrol.go Cache-Control of responses
//	targeted.go        Levee-Cache-Control and CDN-Cache-Control
//	requestcontrol.go  Cache-Control and Pragma of requests
//	vary.go            Vary, and whether a request matches
//	etag.go            entity tags and lists of them
//	ranges.go          Range
//	groups.go          Cache-Groups and Cache-Group-Invalidation
package cache
