package cache_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/levee-proxy/levee/cache"
)

// A response is stored, answers while it is fresh, and once more when the
// upstream is in trouble.
func Example() {
	config := cache.Config{StaleOnOverload: time.Minute}
	if err := config.Validate(); err != nil {
		panic(err)
	}
	request := cache.Request{Method: "GET", Scheme: "https", Host: "example.com", Target: "/features", Header: http.Header{}}
	config.Prepare(&request)
	fmt.Println("takes part:", request.Bypass() == cache.ReasonNone)

	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	stored := config.Store(&request, &cache.Response{
		Status:    200,
		Header:    http.Header{"Cache-Control": {"max-age=10"}, "Etag": {`"v1"`}},
		Requested: now,
		Received:  now,
	})
	fmt.Println("stored:", stored.Store)

	for _, at := range []cache.Moment{
		{Now: now.Add(5 * time.Second)},
		{Now: now.Add(20 * time.Second)},
		{Now: now.Add(20 * time.Second), Trouble: cache.Overloaded},
		{Now: now.Add(2 * time.Minute), Trouble: cache.Overloaded},
	} {
		verdict := stored.Policy.Reuse(&request, &config, at)
		status := cache.Status{Cache: "levee", Hit: verdict.Use.Answers(), TTL: verdict.TTL, HasTTL: true, Detail: verdict.Reason}
		if !status.Hit {
			status.Forward = cache.ForwardFor(verdict)
		}
		fmt.Println(string(status.Append(nil)))
	}
	// Output:
	// takes part: true
	// stored: true
	// levee; hit; ttl=5
	// levee; fwd=stale; ttl=-10; detail=stale
	// levee; hit; ttl=-10; detail=stale-on-overload
	// levee; fwd=stale; ttl=-110; detail=too-stale
}
