package e2e

import (
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Bodies pass both ways whole and in constant memory. LEVEE_E2E_BODY=10GiB
// shows it with bodies that no memory could hold by accident.
func TestLargeBodies(t *testing.T) {
	const most = 60_000_000
	size := bodySize(t)
	address := origin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			io.Copy(w, io.LimitReader(newPattern(), size))
			return
		}
		sum := crc32.NewIEEE()
		n, err := io.Copy(sum, r.Body)
		fmt.Fprint(w, n, sum.Sum32(), err)
	})
	expected := crc32.NewIEEE()
	io.Copy(expected, io.LimitReader(newPattern(), size))

	for _, upstream := range []string{"http", "h2c"} {
		for _, kind := range []struct {
			name   string
			client func() *http.Client
		}{{"HTTP1", http1}, {"HTTP2", http2}} {
			t.Run(fmt.Sprintf("%s to %s", kind.name, upstream), func(t *testing.T) {
				l := start(t, setup{config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
routes: [{upstream: origin}]
upstreams: [{name: origin, endpoints: ["%s://%s"]}]
`, upstream, address)})
				client, url := kind.client(), "http://"+l.addresses[0]

				began := time.Now()
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, io.LimitReader(newPattern(), size))
				if err != nil {
					t.Fatal(err)
				}
				request.ContentLength = size
				answer, err := client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(answer.Body)
				answer.Body.Close()
				if want := fmt.Sprint(size, expected.Sum32(), error(nil)); err != nil || string(text) != want {
					t.Fatalf("upload arrived as %q (%v), want %q", text, err, want)
				}
				up := time.Since(began)

				began = time.Now()
				answer, err = client.Get(url)
				if err != nil {
					t.Fatal(err)
				}
				sum := crc32.NewIEEE()
				n, err := io.Copy(sum, answer.Body)
				answer.Body.Close()
				if err != nil || n != size || sum.Sum32() != expected.Sum32() {
					t.Fatalf("download: %d bytes of %d, sum %d of %d, %v", n, size, sum.Sum32(), expected.Sum32(), err)
				}
				down := time.Since(began)

				peak := l.memory("VmHWM")
				t.Logf("%d bytes up in %v, down in %v; at most %.1f MB resident", size, up.Round(time.Millisecond), down.Round(time.Millisecond), float64(peak)/1e6)
				if peak > most {
					t.Errorf("%d bytes resident at the peak, want less than %d", peak, most)
				}
			})
		}
	}
}

// bodySize reads LEVEE_E2E_BODY.
func bodySize(t *testing.T) int64 {
	t.Helper()
	text := os.Getenv("LEVEE_E2E_BODY")
	if text == "" {
		if testing.Short() {
			return 4 << 20
		}
		return 64 << 20
	}
	for unit, shift := range map[string]uint{"KiB": 10, "MiB": 20, "GiB": 30} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseInt(number, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << shift
		}
	}
	t.Fatalf("LEVEE_E2E_BODY=%q: a whole number with KiB, MiB or GiB", text)
	return 0
}

// pattern is an endless body in which a piece lost, doubled or moved shows in the sum.
type pattern struct {
	block []byte
	at    int
}

// A prime length, so that the pattern doesn't repeat in step with any buffer.
var patternBlock = func() []byte {
	block := make([]byte, 1_000_003)
	random := rand.NewChaCha8([32]byte{})
	random.Read(block)
	return block
}()

func newPattern() *pattern {
	return &pattern{block: patternBlock}
}

// Read implements io.Reader.
func (p *pattern) Read(b []byte) (int, error) {
	n := copy(b, p.block[p.at:])
	p.at = (p.at + n) % len(p.block)
	return n, nil
}
