package admin

import (
	"fmt"
	"time"

	"github.com/levee-proxy/levee/proxy"
)

// Shares of the keys that may be remembered beyond which somebody should know.
const (
	keysWarning  = 0.8
	keysCritical = 0.99
)

// idempotencyWords tells of the store of keyed requests.
func idempotencyWords(now time.Time, i *proxy.IdempotencyStatus) string {
	words := fmt.Sprintf("%s of %d, %d under way, %d in doubt, %s", count(int64(i.Keys), "key"), i.MaxKeys, i.Running, i.Doubtful, sizeWords(i.Bytes))
	j := i.Journal
	switch {
	case j == nil:
		return words + "; in memory only, lost at a restart"
	case !j.Readable:
		return fmt.Sprintf("%s can't be read, since %s ago", j.File, span(now.Sub(j.FailingSince)))
	}
	words += fmt.Sprintf("; journal %s of %s", j.File, sizeWords(j.Bytes))
	if j.Error != "" {
		words += fmt.Sprintf(", failing for %s", span(now.Sub(j.FailingSince)))
	}
	if j.Restored > 0 {
		words += fmt.Sprintf("; at the start it had %s", count(int64(j.Restored), "key"))
	}
	if j.Torn > 0 {
		words += fmt.Sprintf(", and a torn end of %s, which was cut off", sizeWords(j.Torn))
	}
	return words
}

// sizeWords is a size as people read it.
func sizeWords(n int64) string {
	switch {
	case n < 10<<10:
		return count(n, "byte")
	case n < 10<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// idempotencyProblems tells of keyed requests that are refused, or soon will be.
func idempotencyProblems(s *Status) (p []Problem) {
	i := s.Proxy.Idempotency
	if i == nil {
		return nil
	}
	const unless = " Requests with a key are refused (503), unless their route has onStoreFailure: pass."
	switch j := i.Journal; {
	case j == nil || j.Error == "":
	case !j.Readable:
		p = append(p, Problem{
			Severity: Critical, What: fmt.Sprintf("The idempotency journal %s can't be read.", j.File) + unless, Detail: j.Error, Since: j.FailingSince,
			Do: "Mend what the detail says; it is tried again by itself, every 30 s at least. If the file itself is broken, put one that isn't in its place; without any, all keys are forgotten, and what was carried out may be again.",
		})
	default:
		p = append(p, Problem{
			Severity: Critical, What: fmt.Sprintf("The idempotency journal %s can't be written: new keys can't be remembered.", j.File) + unless, Detail: j.Error, Since: j.FailingSince,
			Do: "Make room on its disk, or mend that. It is tried again by itself, every 30 s at least, and then written anew.",
		})
	}
	if full := float64(i.Keys) / float64(i.MaxKeys); full >= keysWarning { // answers make room, keys don't
		severity := Warning
		if full >= keysCritical {
			severity = Critical
		}
		p = append(p, Problem{
			Severity: severity,
			What:     fmt.Sprintf("As many idempotency keys are remembered as may be, or nearly: %d of %d, %s of %s. Beyond that, requests with a new key are refused (503).", i.Keys, i.MaxKeys, sizeWords(i.Bytes), sizeWords(i.MaxBytes)),
			Do:       "Raise idempotency.entries and bytes, or lower its retention. See to it that no client uses a new key for each try.",
		})
	}
	if i.Doubtful > 0 {
		p = append(p, Problem{
			Severity: Notice,
			What:     fmt.Sprintf("%s in doubt: the request may have been carried out, and its answer was lost. It is answered 409 until its retention is over.", count(int64(i.Doubtful), "idempotency key")),
			Do:       "Find out from the service whether they were carried out; the access log names them (idempotency=in_doubt) when their clients come back. Those that weren't can be sent with new keys.",
		})
	}
	return p
}
