package admin

import (
	"fmt"
	"strings"
	"time"

	"github.com/levee-proxy/levee/proxy"
)

// keysWarning is the share of the keys that may be remembered beyond which
// somebody should know.
const keysWarning = 0.7

const moreKeys = "Raise idempotency.entries and bytes, or lower its retention: docs/idempotency.md has the arithmetic. See to it that no client uses a new key for each try."

// idempotencyWords tells of the store of keyed requests.
func idempotencyWords(now time.Time, i *proxy.IdempotencyStatus) string {
	words := fmt.Sprintf("%s of %d, %d under way, %d in doubt, %s", count(int64(i.Keys), "key"), i.MaxKeys, i.Running, i.Doubtful, sizeWords(i.Bytes))
	if i.Dropped > 0 {
		words += fmt.Sprintf(", %s had to make room for newer ones", count(int64(i.Dropped), "answer"))
	}
	j := i.Journal
	switch {
	case j == nil:
		return words + "; in memory only, lost at a restart"
	case !j.Readable:
		return fmt.Sprintf("%s can't be read, for %s now", j.File, span(now.Sub(j.FailingSince)))
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
	switch full := float64(i.Keys) / float64(i.MaxKeys); { // answers make room, keys don't
	case i.Full:
		p = append(p, Problem{
			Severity: Critical,
			What:     fmt.Sprintf("As many idempotency keys are remembered as may be: %d of %d.", i.Keys, i.MaxKeys) + strings.Replace(unless, "a key", "a new key", 1),
			Do:       moreKeys,
		})
	case full >= keysWarning:
		p = append(p, Problem{
			Severity: Warning,
			What: fmt.Sprintf("Nearly as many idempotency keys are remembered as may be: %d of %d. Beyond that, requests with a new key are refused (503).",
				i.Keys, i.MaxKeys),
			Do: moreKeys,
		})
	}
	if i.Doubtful > 0 {
		p = append(p, Problem{
			Severity: Notice,
			What:     fmt.Sprintf("%s in doubt: the request may have been carried out, and its answer was lost. It is answered 409 until its retention is over.", count(int64(i.Doubtful), "idempotency key")),
			Do:       "Find out from the service whether they were carried out; the access log has them, with keyReference. Those that weren't can be sent with new keys, or POST /forgetkey?reference=… on the admin port frees theirs.",
		})
	}
	return p
}
