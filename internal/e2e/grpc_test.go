package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// interopCases are those of gRPC's own interoperability client that its server
// answers without an account in a cloud.
//
// Left out: the *_creds and google_* cases, which need one, and
// pick_first_unary, which asks for a server id that this server doesn't send.
var interopCases = []struct {
	name      string
	arguments []string
}{
	{"empty_unary", nil},
	{"large_unary", nil},
	{"client_streaming", nil},
	{"server_streaming", nil},
	{"ping_pong", nil},
	{"empty_stream", nil},
	{"timeout_on_sleeping_server", nil},
	{"cancel_after_begin", nil},
	{"cancel_after_first_response", nil},
	{"custom_metadata", nil},
	{"status_code_and_message", nil},
	{"special_status_message", nil},
	{"unimplemented_method", nil},
	{"unimplemented_service", nil},
	{"orca_per_rpc", []string{"--service_config_json", orca}},
	{"orca_oob", []string{"--service_config_json", orca}},
	{"rpc_soak", soak},
	{"channel_soak", soak},
}

// orca has the client collect the load reports that the server sends along.
const orca = `{"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}`

// soak is a thousand large calls in a row, each on time.
var soak = []string{"--soak_iterations", "1000", "--soak_overall_timeout_seconds", "120", "--soak_per_iteration_max_acceptable_latency_ms", "5000"}

// gRPC's own client and server talk through Levee as if it weren't there.
func TestGRPCInterop(t *testing.T) {
	client, server := tool(t, "grpc-interop-client"), tool(t, "grpc-interop-server")
	at := freePort(t)
	ctx, cancel := context.WithCancel(context.Background())
	serving := exec.CommandContext(ctx, server, "--port", strconv.Itoa(at))
	if err := serving.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		serving.Wait()
	})
	eventually(t, 10*time.Second, "the interop server listens", func() bool { return accepts(at) })

	id := selfSigned(t)
	for _, front := range []struct {
		name, listener string
		arguments      []string
	}{
		{"h2c", "", nil},
		{"TLS", fmt.Sprintf("tls: {certificates: [{certFile: %s, keyFile: %s}]}", id.certFile, id.keyFile), []string{"--use_tls", "--use_test_ca", "--ca_file", id.certFile, "--server_host_override", "localhost"}},
	} {
		t.Run(front.name, func(t *testing.T) {
			l := start(t, setup{config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0", %s}]
routes: [{upstream: grpc}]
upstreams: [{name: grpc, endpoints: ["h2c://127.0.0.1:%d"]}]
log: {access: none}
`, front.listener, at)})
			for _, c := range interopCases {
				t.Run(c.name, func(t *testing.T) {
					if testing.Short() && len(c.arguments) == len(soak) {
						t.Skip("a soak is long")
					}
					arguments := append([]string{"--server_host", "127.0.0.1", "--server_port", port(t, l.addresses[0]), "--test_case", c.name}, front.arguments...)
					ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
					defer cancel()
					if output, err := exec.CommandContext(ctx, client, append(arguments, c.arguments...)...).CombinedOutput(); err != nil {
						t.Errorf("%v\n%s", err, output)
					}
				})
			}
		})
	}
}
