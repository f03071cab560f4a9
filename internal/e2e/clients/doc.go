// Package clients holds the tests that put real client libraries, each with
// its own idea of a retry, in front of a Levee that sheds. It is a module of
// its own, so that none of those libraries is ever a dependency of Levee.
//
// The public test-suite of HTTP caches runs here too (cachesuite_test.go): what
// fails in it has its reason in docs/cache-tests.md.
//
// It has no code outside its tests. A file for each library says how it is set
// up (aws, failsafe, grpc, kubernetes, retryablehttp, and script for those of
// other languages). answers_test.go asks what each does with every answer that
// could be given, and clients_test.go what remains of its retries behind a real
// Levee. A tap in front of what is asked keeps the attempts. What was measured
// is written in docs/retry-signals.md, and must stay true.
package clients
