package admin

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/levee-proxy/levee/internal/telemetry"
)

func (o *Options) reload(w http.ResponseWriter, r *http.Request) {
	if err := o.Config.Reload(); err != nil {
		o.note(r, "configuration refused on request")
		say(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	hash := o.Config.Info().Hash
	o.note(r, "configuration read on request", "hash", hash)
	say(w, http.StatusOK, "The configuration is in force: "+hash)
}

func (o *Options) drain(w http.ResponseWriter, r *http.Request) {
	o.note(r, "drain begun on request")
	o.Drain()
	say(w, http.StatusAccepted, "Draining: requests in flight are finished, then Levee stops.")
}

// levels are the log's, by their names in a configuration.
var levels = []struct {
	name  string
	level slog.Level
}{
	{"debug", slog.LevelDebug},
	{"info", slog.LevelInfo},
	{"warn", slog.LevelWarn},
	{"error", slog.LevelError},
}

func levelName(l slog.Level) string {
	for _, known := range levels {
		if l == known.level {
			return known.name
		}
	}
	return strings.ToLower(l.String())
}

func (o *Options) tellLevel(w http.ResponseWriter, _ *http.Request) {
	say(w, http.StatusOK, levelName(o.Level.Level()))
}

func (o *Options) setLevel(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("level")
	for _, l := range levels {
		if l.name == name {
			o.Level.Set(l.level)
			o.note(r, "log level changed on request", "to", name)
			say(w, http.StatusOK, name)
			return
		}
	}
	say(w, http.StatusBadRequest, "Say /loglevel?level=debug, info, warn or error.")
}

func (o *Options) tellAccess(w http.ResponseWriter, _ *http.Request) {
	say(w, http.StatusOK, o.Access.Mode().String())
}

func (o *Options) setAccess(w http.ResponseWriter, r *http.Request) {
	mode, err := telemetry.ParseMode(r.URL.Query().Get("mode"))
	if err != nil {
		say(w, http.StatusBadRequest, "Say /accesslog?mode=all, errors or none.")
		return
	}
	o.Access.SetMode(mode)
	o.note(r, "access log changed on request", "to", mode.String())
	say(w, http.StatusOK, mode.String())
}

func (o *Options) forgetKey(w http.ResponseWriter, r *http.Request) {
	reference := r.URL.Query().Get("reference")
	if err := o.ForgetKey(r.Context(), reference); err != nil {
		say(w, http.StatusConflict, err.Error())
		return
	}
	o.note(r, "idempotency key forgotten on request", "reference", reference)
	say(w, http.StatusOK, "The next request with that key is sent.")
}

// note logs a change, and who asked for it. It is a warning, so that it is
// seen at nearly every level.
func (o *Options) note(r *http.Request, msg string, attrs ...any) {
	if o.Log != nil {
		o.Log.Warn(msg, append(attrs, "from", r.RemoteAddr)...)
	}
}
