package telemetry

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"time"

	"golang.org/x/time/rate"
)

// Bridge returns a logger for code that wants a *log.Logger, as net/http's
// ErrorLog. Its lines become warnings in the log, with their source, at most
// perSecond of them a second and at first as many at once, 1 at least: clients
// can provoke such lines at will (a failed handshake is one). What is over is
// counted in the next line and in [SinkStats].Suppressed.
func (l *Logger) Bridge(source string, perSecond float64) *log.Logger {
	return log.New(&bridge{
		to:     l,
		source: source,
		cap:    rate.NewLimiter(rate.Limit(perSecond), max(int(perSecond), 1)),
	}, "", 0)
}

// bridge is the io.Writer behind a *log.Logger, which calls Write once a line
// and never two at a time.
type bridge struct {
	to         *Logger
	source     string
	cap        *rate.Limiter
	suppressed uint64 // since the last line that passed
}

// Write implements io.Writer. It never fails.
func (b *bridge) Write(p []byte) (int, error) {
	if !b.cap.AllowN(time.Now(), 1) {
		b.suppressed++
		b.to.suppressed.Add(1)
		return len(p), nil
	}
	attrs := []slog.Attr{slog.String("source", b.source)}
	if b.suppressed > 0 {
		attrs = append(attrs, slog.Uint64("suppressed", b.suppressed))
		b.suppressed = 0
	}
	msg := string(bytes.TrimSpace(p))
	b.to.LogAttrs(context.Background(), slog.LevelWarn, msg, attrs...)
	return len(p), nil
}
