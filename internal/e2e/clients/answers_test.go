package clients

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
)

// answer is what a server refuses a request with.
type answer struct {
	name   string
	status int
	header map[string]string
}

func over(name string, status int, header ...string) answer {
	a := answer{name: name, status: status, header: map[string]string{}}
	for i := 0; i < len(header); i += 2 {
		a.header[header[i]] = header[i+1]
	}
	return a
}

// trailersOnly is gRPC's: one header frame that ends the stream.
func trailersOnly(name string, code int, header ...string) answer {
	return over(name, http.StatusOK, append(header, "Content-Type", "application/grpc", "Grpc-Status", strconv.Itoa(code))...)
}

// Codes of gRPC.
const (
	resourceExhausted = 8
	unavailable       = 14
)

// What could be answered to those who speak HTTP, and to those who speak gRPC.
// 429 and 403 are those that carry no time; 403 stands for all other 4xx.
var (
	answersHTTP = []answer{
		over("503", 503),
		over("503, Retry-After", 503, "Retry-After", "1"),
		over("503, Retry-After: 0", 503, "Retry-After", "0"),
		over("503, x-amz-retry-after", 503, "X-Amz-Retry-After", "1000"),
		over("429", 429, "X-Envoy-Ratelimited", "true", "X-Should-Retry", "false"),
		over("429, Retry-After", 429, "Retry-After", "1"),
		over("403", 403),
	}
	answersGRPC = []answer{
		over("HTTP 503", 503),
		over("HTTP 429", 429),
		trailersOnly("UNAVAILABLE", unavailable),
		trailersOnly("UNAVAILABLE, pushback 1000", unavailable, "Grpc-Retry-Pushback-Ms", "1000"),
		trailersOnly("UNAVAILABLE, pushback -1", unavailable, "Grpc-Retry-Pushback-Ms", "-1"),
		trailersOnly("RESOURCE_EXHAUSTED", resourceExhausted),
		trailersOnly("RESOURCE_EXHAUSTED, pushback 1000", resourceExhausted, "Grpc-Retry-Pushback-Ms", "1000"),
		trailersOnly("RESOURCE_EXHAUSTED, pushback -1", resourceExhausted, "Grpc-Retry-Pushback-Ms", "-1"),
	}
)

// What each client makes of every answer that it could be given, if it always
// gets that one: why Levee answers as it does. No Levee takes part.
func TestAnswers(t *testing.T) {
	var mu sync.Mutex
	made := map[string]map[string]string{}
	t.Run("clients", func(t *testing.T) {
		for _, c := range all {
			made[c.name] = map[string]string{}
			answers := answersHTTP
			if c.grpc {
				answers = answersGRPC
			}
			for _, a := range answers {
				t.Run(c.name+"/"+a.name, func(t *testing.T) {
					t.Parallel()
					upstream := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						for name, value := range a.header {
							w.Header().Set(name, value)
						}
						w.WriteHeader(a.status)
					}))
					w := wiretap(t, upstream.Listener.Addr().String(), c.grpc)
					if err := c.try(t, w.address); err == nil {
						t.Error("took a refusal for a success")
					}
					attempts := w.seen()
					if len(attempts) > c.most {
						t.Errorf("%d attempts, %d at most are known of", len(attempts), c.most)
					}
					c.checkMarks(t, attempts)
					waited := c.checkWaits(t, attempts)
					mu.Lock()
					made[c.name][a.name] = count(len(attempts), waited)
					mu.Unlock()
				})
			}
		}
	})
	if t.Failed() {
		return
	}
	checkTable(t, "clients", tableOfClients(t))
	checkTable(t, "answers over HTTP", tableOf(answersHTTP, made, false))
	checkTable(t, "answers over gRPC", tableOf(answersGRPC, made, true))
}

// tableOf has a row for each client and a column for each answer.
func tableOf(answers []answer, made map[string]map[string]string, grpc bool) table {
	rows := table{{"client"}}
	for _, a := range answers {
		rows[0] = append(rows[0], a.name)
	}
	for _, c := range all {
		if c.grpc != grpc {
			continue
		}
		row := []string{c.name}
		for _, a := range answers {
			row = append(row, made[c.name][a.name])
		}
		rows = append(rows, row)
	}
	return rows
}
