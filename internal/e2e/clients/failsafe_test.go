package clients

import (
	"context"
	"net/http"

	"github.com/failsafe-go/failsafe-go/failsafehttp"
)

// failsafeGo retries every 429 and 5xx twice, by default without any wait.
var failsafeGo = client{
	name:      "failsafehttp",
	setup:     "defaults (2 retries, no wait)",
	module:    "github.com/failsafe-go/failsafe-go",
	agent:     "Go-http-client/",
	heeds:     []string{"Retry-After"},
	unstopped: "it retries every 429 and 5xx",
	putOff:    true,
	most:      3,
	call: func(ctx context.Context, address string) error {
		inner := &http.Transport{}
		defer inner.CloseIdleConnections()
		c := &http.Client{Transport: failsafehttp.NewRoundTripper(inner, failsafehttp.NewRetryPolicyBuilder().Build())}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/thing", nil)
		if err != nil {
			return err
		}
		return succeeded(c.Do(request))
	},
}
