package clients

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// client is a library that retries, set up as its own documentation shows.
type client struct {
	name string
	// setup is what was configured, in a few words.
	setup string
	// module is the Go module whose version is stated; version asks the others.
	module  string
	version func(t *testing.T) string
	// floating says that the machine decides which version is used.
	floating bool
	// grpc says which language it speaks, and with it how it is refused.
	grpc bool
	// agent is in its User-Agent, and marks are the header fields by which a
	// retry differs from the attempt before: none, for most.
	agent string
	marks []string
	// heeds are the header fields with a time that it waits for.
	heeds []string
	// unstopped says why no answer of Levee's stops its retries; empty where one
	// does. putOff says that it is told a time to wait for instead.
	unstopped string
	putOff    bool
	// most is how many attempts one request makes at most.
	most int
	// call makes one logical request, with all its retries, to an address. It
	// returns an error unless it is answered with success in the end.
	call func(ctx context.Context, address string) error
}

// all are the clients under test.
var all = []client{
	grpcGo, kubernetes, awsSDK, awsNext, urllib, urllibForced, goRetryable, failsafeGo, axiosRetry, got,
}

// stated returns the library's version.
func (c client) stated(t *testing.T) string {
	t.Helper()
	if c.version != nil {
		return c.version(t)
	}
	output, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", c.module).Output()
	if err != nil {
		t.Fatalf("%s: %v", c.module, err)
	}
	return strings.TrimSpace(string(output))
}

// patience bounds one logical request: the longest here takes ten waits of a second.
const patience = 50 * time.Second

// try makes one logical request, and fails the test only if that doesn't end.
func (c client) try(t *testing.T, address string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := c.call(ctx, address)
	if ctx.Err() != nil {
		t.Fatalf("%s was still trying after %v: %v", c.name, patience, err)
	}
	return err
}

// heedsAny says whether an answer with these header fields makes it wait.
func (c client) heedsAny(told map[string]time.Duration) (time.Duration, bool) {
	for field, wait := range told {
		if slices.Contains(c.heeds, field) {
			return wait, true
		}
	}
	return 0, false
}
