package clients

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The programs that make one request with a library of another language:
// "PROGRAM version" prints the library's version, "PROGRAM … URL" asks.
var (
	// Debian's own interpreter, which python3-urllib3 belongs to, whichever else
	// comes first in the path.
	python     = []string{"/usr/bin/python3", "python/client.py"}
	axiosNode  = []string{"node", "node/axios-retry.mjs"}
	gotProgram = []string{"node", "node/got.mjs"}
)

// urllib retries 413, 429 and 503 with a Retry-After, three times; without one
// it doesn't look at the status.
var urllib = client{
	name:     "urllib3",
	setup:    "defaults (3 retries)",
	version:  versionOf(python),
	floating: true,
	agent:    "python-urllib3/",
	heeds:    []string{"Retry-After"},
	most:     4,
	call:     script(python, "default"),
}

// urllibForced is how urllib3, and requests with it, are mostly told to retry.
var urllibForced = client{
	name:      "urllib3, forcelist",
	setup:     "`Retry(total=3, backoff_factor=0.1, status_forcelist=[429, 500, 502, 503, 504])`",
	version:   versionOf(python),
	floating:  true,
	agent:     "python-urllib3/",
	heeds:     []string{"Retry-After"},
	unstopped: "it was set to retry 429 and 503",
	most:      4,
	call:      script(python, "forced"),
}

// axiosRetry retries every 429 and 5xx to an idempotent request three times, by
// default without any wait.
var axiosRetry = client{
	name:      "axios-retry",
	setup:     "defaults (3 retries, no wait)",
	version:   versionOf(axiosNode),
	agent:     "axios/",
	heeds:     []string{"Retry-After"},
	unstopped: "it retries every 429 and 5xx",
	putOff:    true,
	most:      4,
	call:      script(axiosNode),
}

// got retries 413, 429, 500, 502, 503, 504 and some more to an idempotent
// request, twice.
var got = client{
	name:      "got",
	setup:     "defaults (2 retries)",
	version:   versionOf(gotProgram),
	agent:     "got (",
	heeds:     []string{"Retry-After"},
	unstopped: "it retries 429 and 503",
	putOff:    true,
	most:      3,
	call:      script(gotProgram),
}

func script(program []string, arguments ...string) func(ctx context.Context, address string) error {
	return func(ctx context.Context, address string) error {
		_, err := output(ctx, program, append(arguments, "http://"+address+"/thing")...)
		return err
	}
}

// versionOf asks a program for its library's version, and so whether it is there.
func versionOf(program []string) func(t *testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		version, err := output(t.Context(), program, "version")
		if err != nil {
			t.Fatalf("make test-clients installs what is missing: %v", err)
		}
		return version
	}
}

func output(ctx context.Context, program []string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, program[0], append(program[1:len(program):len(program)], arguments...)...)
	command.Env = append(os.Environ(), "no_proxy=*")
	text, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%v: %w: %s", program, err, text)
	}
	return strings.TrimSpace(string(text)), nil
}
