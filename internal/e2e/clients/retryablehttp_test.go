package clients

import (
	"context"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// goRetryable retries every 429 and 5xx, four times. Its first wait is a
// second by default, which the test shortens: 1, 2, 4 and 8 s change nothing.
var goRetryable = client{
	name:      "go-retryablehttp",
	setup:     "defaults (4 retries), first wait 100 ms",
	module:    "github.com/hashicorp/go-retryablehttp",
	agent:     "Go-http-client/",
	heeds:     []string{"Retry-After"},
	unstopped: "it retries every 429 and 5xx",
	putOff:    true,
	most:      5,
	call: func(ctx context.Context, address string) error {
		c := retryablehttp.NewClient()
		c.Logger = nil
		c.RetryWaitMin = 100 * time.Millisecond
		defer c.HTTPClient.CloseIdleConnections()
		request, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/thing", nil)
		if err != nil {
			return err
		}
		return succeeded(c.Do(request))
	},
}
