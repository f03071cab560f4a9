package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// With its output connected to pipes that nobody reads, levee goes on as if
// nothing were wrong, and counts what it couldn't write.
func TestOutputThatNobodyReads(t *testing.T) {
	_, stdout := pipe(t)
	_, stderr := pipe(t)
	address := origin(t, func(http.ResponseWriter, *http.Request) {})
	l := start(t, setup{build: watched, stdout: stdout, stderr: stderr, config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
routes: [{upstream: origin}]
upstreams: [{name: origin, endpoints: ["http://%s"]}]
log: {level: debug, access: all}
`, address)})

	flow := hammer(http1(), "http://"+l.addresses[0], 8)
	eventually(t, 30*time.Second, "lines of the access log are dropped", func() bool {
		return l.metric("levee_telemetry_dropped_total") > 0
	})
	// It is full now, and stays so. That it makes no difference shows in further answers.
	full := flow.answered.Load()
	eventually(t, 30*time.Second, "requests flow on", func() bool { return flow.answered.Load() > full+1000 })
	flow.stop()
	flow.assertNoneFailed(t)
}

// A reader of the output that goes away takes nothing with it: a write to its
// pipe is an error to be counted, not the signal that ends most programs.
func TestOutputWhoseReaderWentAway(t *testing.T) {
	stdoutReader, stdout := pipe(t)
	stderrReader, stderr := pipe(t)
	address := origin(t, func(http.ResponseWriter, *http.Request) {})
	l := start(t, setup{stdout: stdout, stderr: stderr, config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
routes: [{upstream: origin}]
upstreams: [{name: origin, endpoints: ["http://%s"]}]
log: {level: debug, access: all}
`, address)})
	stdoutReader.Close()
	stderrReader.Close()

	flow := hammer(http1(), "http://"+l.addresses[0], 8)
	eventually(t, 30*time.Second, "failed writes are counted", func() bool {
		return l.metric("levee_telemetry_errors_total") > 0
	})
	lost := flow.answered.Load()
	eventually(t, 30*time.Second, "requests flow on", func() bool { return flow.answered.Load() > lost+1000 })
	flow.stop()
	flow.assertNoneFailed(t)
}

// A certificate that clients refuse is served, since there is no other, and told
// of: in the log, and in a metric by which an alert comes before they do.
func TestExpiredCertificateIsTold(t *testing.T) {
	expired := time.Now().Add(-time.Hour).Truncate(time.Second)
	id := selfSignedUntil(t, expired)
	config := fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0", tls: {certificates: [{certFile: %s, keyFile: %s}]}}]
routes: [{upstream: origin}]
upstreams: [{name: origin, endpoints: ["http://127.0.0.1:1"]}]
`, id.certFile, id.keyFile)
	l := start(t, setup{config: config})
	const said = "clients refuse a certificate"
	eventually(t, 10*time.Second, "the log tells of it", func() bool { return strings.Count(l.log.String(), said) == 1 })
	if at := l.metric("levee_certificate_expiration_timestamp_seconds"); at != float64(expired.Unix()) {
		t.Errorf("the metric says %v, want %v", at, expired.Unix())
	}
	l.write(config + "log: {access: none}\n")
	l.signal(syscall.SIGHUP)
	eventually(t, 10*time.Second, "the log tells of it again", func() bool { return strings.Count(l.log.String(), said) == 2 })
}

// pipe makes a pipe whose ends stay open until the test's end.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	return r, w
}
