package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/levee-proxy/levee/proxy"
)

// maxPurge is the most that is read of a purge's form: URLs can be long.
const maxPurge = 64 << 10

const unpurged = "Nothing was purged: "

// Purged says what a purge has found.
type Purged struct {
	// Answers is how many cached answers were purged.
	Answers int `json:"answers"`
	// Soft: they were kept for trouble, as stale.
	Soft bool `json:"soft"`
}

// String says it in words.
func (p Purged) String() string {
	what := count(int64(p.Answers), "answer")
	switch {
	case p.Answers == 0:
		return "Nothing was cached that this names."
	case p.Soft:
		return what + " made stale: used no further than stale answers may be, and kept for trouble."
	}
	return what + " purged."
}

// purge answers POST /purge.
func (o *Options) purge(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxPurge)
	if err := r.ParseForm(); err != nil {
		say(w, http.StatusBadRequest, unpurged+"the parameters can't be read: "+err.Error())
		return
	}
	what, err := purgeOf(r.Form)
	if err != nil {
		say(w, http.StatusBadRequest, unpurged+err.Error())
		return
	}
	n, err := o.Purge(what)
	if err != nil {
		status := http.StatusBadRequest
		switch {
		case errors.Is(err, proxy.ErrUnknown):
			status = http.StatusNotFound
		case errors.Is(err, proxy.ErrNoCache):
			status = http.StatusConflict
		}
		say(w, status, unpurged+printable(err.Error(), false))
		return
	}
	done := Purged{Answers: n, Soft: what.Soft}
	o.note(r, "cache purged on request", append(purgeWords(what), "soft", what.Soft, "answers", n)...)
	if format(r) == asJSON {
		writeJSON(w, done)
		return
	}
	say(w, http.StatusOK, done.String())
}

// purgeOf reads the parameters of a purge. One that isn't known, or is given
// twice, is refused: of a misspelled soft, a purge would be left that can't be
// taken back.
func purgeOf(form url.Values) (what proxy.Purge, err error) {
	for name, values := range form {
		if len(values) != 1 {
			return what, fmt.Errorf("%s is given %d times", printable(name, false), len(values))
		}
		value := values[0]
		switch name {
		case "url":
			what.URL = value
		case "prefix":
			what.Prefix = value
		case "group":
			what.Group = value
		case "origin":
			what.Origin = value
		case "route":
			what.Route = value
		case "upstream":
			what.Upstream = value
		case "all":
			what.All, err = strconv.ParseBool(value)
		case "soft":
			what.Soft, err = strconv.ParseBool(value)
		case "format":
		default:
			return what, fmt.Errorf("there is no parameter %s; there are url, prefix, group with origin, route, upstream, all and soft", printable(name, false))
		}
		if err != nil {
			return what, fmt.Errorf("%s=%s: want true or false", name, printable(value, false))
		}
	}
	return what, nil
}

// purgeForm is what purgeOf reads.
func purgeForm(what proxy.Purge) url.Values {
	form := url.Values{}
	words := purgeWords(what)
	for i := 0; i < len(words); i += 2 {
		form.Set(fmt.Sprint(words[i]), fmt.Sprint(words[i+1]))
	}
	if what.Soft {
		form.Set("soft", "true")
	}
	return form
}

// purgeWords are the names and the values of what is to be purged.
func purgeWords(what proxy.Purge) []any {
	var words []any
	for _, w := range [...]struct{ name, value string }{
		{"url", what.URL},
		{"prefix", what.Prefix},
		{"group", what.Group},
		{"origin", what.Origin},
		{"route", what.Route},
		{"upstream", what.Upstream},
	} {
		if w.value != "" {
			words = append(words, w.name, w.value)
		}
	}
	if what.All {
		words = append(words, "all", true)
	}
	return words
}
