// Package proxy is the way of a request through Levee: it accepts
// connections, routes, classifies, forwards to an endpoint of the upstream,
// and answers.
//
// The client's side is an [net/http.Handler]. On the upstream's side, what sends
// a request sends it exactly once: net/http's own transport would send some
// again by itself, outside every budget. Retries are decided in one place, and
// paid for (see [Upstream]).
//
// A request's way, and the files that hold each step:
//
//	listener.go, engine.go, sharedwrite.go, stack.go
//	                                     accept, and who reads the requests: net/http's server
//	                                     or our own (packages h1 and h1/server)
//	validate.go                          what is refused before anything else
//	router.go, segments.go               host and path prefix to a route
//	exchange.go, handler.go, reuse.go    the request's facts, and the order of the steps
//	deadline.go, bound.go, progress.go   how long the client waits; what stands still
//	outgoing.go, ownfields.go, forwarding.go, forwarded.go, requestid.go, requestbody.go
//	                                     the request as the upstream sees it
//	upstream.go, resolve.go, balancer.go which endpoint takes it
//	fingerprint.go, inbound.go, stormlog.go
//	                                     whether it is a retry, and of whom there are too many
//	caching.go, cachingroute.go, cachingmemory.go
//	                                     the cache's memory, and what a route's settings make of it
//	cachinglook.go, cachingserve.go, expresshit.go
//	                                     what is stored for a request, and answering from it
//	cachingquery.go                      a QUERY's content, which is part of its key
//	cachingjoin.go, cachingfetch.go, cachingfill.go
//	                                     waiting for a fetch that all share, the fetch, and what is kept of it
//	cachingladder.go, cachingrefresh.go, cachinghead.go, cachinginvalidate.go, cachingchanges.go, cachingpurge.go, cachingpurges.go
//	                                     what is stale or a fallback, refreshing, and what changes make worthless
//	cachingsnapshot.go, cachingowner.go, cachingrestore.go, cachingrecord.go, cachingramp.go, refreshbudget.go
//	                                     what of it outlives a restart, and what refreshes may take
//	idempotency.go, guardbody.go, guard.go
//	                                     whether a request with a key may go on, or has been before
//	guardrun.go, recorder.go, guardanswers.go, guardchain.go
//	                                     its way apart from its client, and what its twins get
//	admission.go, permit.go, priority.go
//	                                     its place there: now, after a wait, or never
//	shed.go, dialect.go, express.go      the answer to those that get none
//	endpoint.go, healthcheck.go, ejection.go
//	                                     what is known of an endpoint
//	attempt.go                           sending it once, on a connection of package connections
//	                                     (by net/http, or by h1/client where the engine is lean)
//	retry.go, retrypolicy.go, backoff.go, setaside.go, ahead.go, trytime.go
//	                                     when it is sent once more, and what that takes
//	hedge.go                             a second attempt beside a slow first one
//	relay.go, upgrade.go                 the answer's way back
//	answer.go, failure.go                what Levee says when it answers itself
//
// Around it: proxy.go starts, reloads and stops; generation.go is one
// configuration turned into working parts; state.go says what is kept over a
// restart; status.go, cachingstatus.go, cachingsnapshotstatus.go, guardstatus.go,
// admissionstatus.go, stormstatus.go and retrystats.go are what people see.
//
// In packages of their own, below internal, is what needs to know nothing of the
// rest:
//
//	classes                              what of requests costs alike, by number
//	clients                              who asks, how often he may, and how much he may hold
//	clock                                moments that fit an atomic
//	connections                          those to endpoints: opened, kept and shared
//	fields                               of headers: which end at a hop, and room for their values
//	latency                              how long answers take: of an endpoint, and of a class
//	learned                              what limiters have learned, over a restart
//	listening                            how many connections may be open, and what of them the system tells
//	memory                               whether there is enough of it
//	replay                               a body that can be sent again
//	signals                              what messages say of attempts, keys, deadlines and trying again
//	tlsfiles                             both sides of TLS, from files that are followed
package proxy
