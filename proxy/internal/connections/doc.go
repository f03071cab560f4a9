// Package connections opens, keeps and shares the connections to endpoints, and
// knows of each whether it may carry another request.
//
//	pool.go           the connections to one endpoint, and who waits for one
//	budget.go         how many there may be to all upstreams
//	dial.go           opening them: addresses, TLS, timeouts
//	conn.go           one of them, on a wire that tells what net/http doesn't
//	receive.go, rest.go, peek_*.go
//	                  whether anything is left over on it
//	errors.go, refused.go
//	                  why there is none, and what a failure says of a request
//
// It sends a request once; whether to send it again is decided elsewhere.
package connections
