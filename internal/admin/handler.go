package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"
)

// Handler answers on the admin port:
//
//	GET  /              what there is
//	GET  /status        what is wrong and what happens: a page, text, or JSON
//	GET  /config        the configuration in force, without its secrets
//	GET  /upstreams     the endpoints: text or JSON
//	GET  /debug/pprof/  profiles of the process
//	POST /reload        read the configuration again: 200, or 422 and why not
//	POST /drain         begin to stop: 202
//	POST /loglevel      ?level=debug, info, warn or error; GET tells it
//	POST /accesslog     ?mode=all, errors or none; GET tells it
//	POST /purge         ?url=, prefix=, group= with origin=, route=, upstream= or all=true, and soft=true,
//	                    in the query or as a form: 200 and how many cached answers that were; else why not:
//	                    400, 404 for a name that isn't known, 409 if no route has a cache
//	POST /forgetkey     ?reference=… of an idempotency key in doubt: 200, or 409 and why not
//
// JSON is given for Accept: application/json or ?format=json. A GET where a
// POST is needed gets 405. What comes from a web page of another origin, or
// under another name than localhost, gets 403.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", o.serveIndex)
	mux.HandleFunc("GET /status", o.serveStatus)
	mux.HandleFunc("GET /config", o.serveConfig)
	mux.HandleFunc("GET /upstreams", o.serveUpstreams)

	// Importing the package also enters these into http.DefaultServeMux, which
	// Levee never serves.
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)

	mux.HandleFunc("POST /reload", o.reload)
	if o.Drain != nil {
		mux.HandleFunc("POST /drain", o.drain)
	}
	if o.Level != nil {
		mux.HandleFunc("GET /loglevel", o.tellLevel)
		mux.HandleFunc("POST /loglevel", o.setLevel)
	}
	if o.Access != nil {
		mux.HandleFunc("GET /accesslog", o.tellAccess)
		mux.HandleFunc("POST /accesslog", o.setAccess)
	}
	if o.Purge != nil {
		mux.HandleFunc("POST /purge", o.purge)
	}
	if o.ForgetKey != nil {
		mux.HandleFunc("POST /forgetkey", o.forgetKey)
	}
	return guard(mux)
}

func (o *Options) serveIndex(w http.ResponseWriter, r *http.Request) {
	if format(r) == asHTML {
		writePage(w, "index", o.status())
		return
	}
	say(w, http.StatusOK, strings.TrimSpace(`
levee `+o.Version+`

GET   /status               what is wrong, and what happens (?format=json)
GET   /config               the configuration in force, without its secrets
GET   /upstreams            the endpoints (?format=json)
GET   /debug/pprof/         profiles of the process
POST  /reload               read the configuration again
POST  /drain                begin to stop
POST  /loglevel?level=      debug, info, warn or error; GET tells it
POST  /accesslog?mode=      all, errors or none; GET tells it
POST  /purge?url=           forget what is cached for a URL; or prefix=, group= with origin=, route=, upstream=, all=true; soft=true keeps it for trouble
POST  /forgetkey?reference= let a request in doubt be sent again, under its idempotency key
`))
}

func (o *Options) serveStatus(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	s := o.status()
	switch format(r) {
	case asJSON:
		writeJSON(w, s)
	case asHTML:
		writePage(w, "status", s)
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		WriteText(w, s)
	}
}

func (o *Options) serveUpstreams(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	upstreams := o.Proxy.Status().Upstreams
	if format(r) == asJSON {
		writeJSON(w, map[string]any{"upstreams": upstreams})
		return
	}
	var b bytes.Buffer
	writeUpstreams(&b, time.Now(), upstreams)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write(b.Bytes())
}

func (o *Options) serveConfig(w http.ResponseWriter, _ *http.Request) {
	yaml, err := o.Config.Redacted()
	if err != nil {
		say(w, http.StatusInternalServerError, "The configuration can't be shown: "+err.Error())
		return
	}
	info := o.Config.Info()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8") // shown by browsers, unlike application/yaml
	fmt.Fprintf(w, "# The configuration in force since %s, from %s.\n# hash: %s\n# Secrets are not shown.\n",
		stamp(info.AppliedAt), printable(info.Source, false), info.Hash)
	w.Write(yaml)
}

// representation is how an answer is wanted.
type representation int

const (
	asText representation = iota // curl, levee status
	asHTML                       // browsers
	asJSON                       // programs
)

// format says how a request wants its answer: as the query's format says, or
// else as Accept does.
func format(r *http.Request) representation {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	switch f := r.URL.Query().Get("format"); {
	case f == "json":
		return asJSON
	case f == "html":
		return asHTML
	case f == "text":
		return asText
	case strings.Contains(accept, "text/html"): // browsers name others as well
		return asHTML
	case strings.Contains(accept, "application/json"):
		return asJSON
	}
	return asText
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.Encode(v) // an error here is a client that left
}
