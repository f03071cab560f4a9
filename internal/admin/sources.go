package admin

import (
	"context"
	"log/slog"
	"time"

	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/proxy"
)

// Proxy is the part of a [proxy.Proxy] that is shown.
type Proxy interface {
	// Status is a snapshot of what the proxy does.
	Status() proxy.Status
	// Ready says that the proxy listens, is configured and is not draining.
	Ready() bool
	// Draining says that a stop has begun.
	Draining() bool
}

// Config is where the configuration comes from.
type Config interface {
	// Reload reads the configuration again and takes it whole or, with an error
	// that says all that is wrong with it, not at all.
	Reload() error
	// Info tells of the configuration in force and of the latest one refused.
	Info() ConfigInfo
	// Redacted is the configuration in force, as YAML without its secrets.
	Redacted() ([]byte, error)
}

// ConfigInfo tells of the configuration in force.
type ConfigInfo struct {
	// Hash tells configurations apart.
	Hash string `json:"hash"`
	// AppliedAt is when it was taken.
	AppliedAt time.Time `json:"appliedAt"`
	// Source is the file it came from; or says that it came from flags.
	Source string `json:"source"`
	// Reloads counts the configurations taken since the start, Refused those
	// that were not.
	Reloads uint64 `json:"reloads"`
	Refused uint64 `json:"refused"`
	// LastError is why the latest configuration was refused, and LastErrorAt
	// when. Empty, or earlier than AppliedAt: the latest one is in force.
	LastError   string    `json:"lastError,omitempty"`
	LastErrorAt time.Time `json:"lastErrorAt,omitzero"`
}

// Options are what the admin port shows and changes.
type Options struct {
	// Version of Levee.
	Version string
	// Proxy is what serves. Required.
	Proxy Proxy
	// Config is where its configuration comes from. Required.
	Config Config
	// Sinks are asked what became of their lines. Default: none.
	Sinks []func() telemetry.SinkStats
	// Drain begins a drain and returns at once. It may be called again while
	// one is under way. Default: POST /drain is not there.
	Drain func()
	// ForgetKey frees an idempotency key that is in doubt, named by its reference.
	// Default: POST /forgetkey is not there.
	ForgetKey func(ctx context.Context, reference string) error
	// Purge forgets what is cached, and says how many answers it found. Default:
	// POST /purge is not there.
	Purge func(proxy.Purge) (int, error)
	// Level is the log's. Default: /loglevel is not there.
	Level *slog.LevelVar
	// Access is the access log, to switch its mode. Default: /accesslog is not there.
	Access *telemetry.AccessLog
	// Log gets a line for each change made here. Default: none.
	Log *slog.Logger
}
