package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/internal/admin"
	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/proxy"
)

const (
	// flushTimeout is how long the logs may take to write out what they hold at the end.
	flushTimeout = time.Second
	// serverLines is how many complaints of net/http about clients are logged a second.
	serverLines = 10
)

// instance is the running parts, wired.
type instance struct {
	level   slog.LevelVar
	log     *telemetry.Logger
	access  *telemetry.AccessLog
	metrics *telemetry.Metrics
	manager *config.Manager
	proxy   *proxy.Proxy
	health  port
	admin   port
	// drains holds a wish to drain, made on the admin port.
	drains chan struct{}
	// taken is the configuration that was put into force last.
	taken *config.Config
}

// run runs the proxy until it is stopped. Its error is a *config.Error when the
// configuration is wrong.
func run(file string, over config.Overrides, stdout, stderr *os.File) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	// A reader of the logs that goes away must not end the proxy: the write's
	// error is counted instead.
	signal.Ignore(syscall.SIGPIPE)

	// The log's own settings come from the configuration, so that is looked at
	// before there is a log.
	cfg, err := config.LoadWith(file, over)
	if err != nil {
		return err
	}
	i, err := newInstance(cfg, file, over, stdout, stderr)
	if err != nil {
		return err
	}
	if err := i.start(); err != nil {
		i.close()
		return err
	}
	banner(stderr, i.manager.Current(), i.proxy.Status())

	watching, stopWatching := context.WithCancel(context.Background())
	defer stopWatching()
	go i.manager.Watch(watching)
	if pacer := newPacer(i.proxy.CacheMemory); pacer != nil {
		go pacer.run(watching)
	}
	if tidier := newTidier(); tidier != nil {
		go tidier.run(watching)
	}
	if headroom := newHeadroom(); headroom != nil {
		go headroom.run(watching)
	}

	life := life{
		signals: signals,
		drains:  i.drains,
		reload:  i.reload,
		drain: func(ctx context.Context, delay time.Duration) error {
			stopWatching()
			return i.proxy.Drain(ctx, delay)
		},
		shutdown: func() (delay, timeout time.Duration) {
			s := i.manager.Current().Shutdown
			return time.Duration(s.Delay), time.Duration(s.Timeout)
		},
		log: i.log.Logger,
	}
	if err := life.run(); err != nil {
		// At once means without tidying up; only the log may say so.
		_ = i.log.Close(flushTimeout / 10)
		return err
	}
	i.close()
	return nil
}

// newInstance makes the parts, and binds the listeners. Nothing is served yet.
func newInstance(cfg *config.Config, file string, over config.Overrides, stdout, stderr io.Writer) (_ *instance, err error) {
	i := &instance{drains: make(chan struct{}, 1)}
	format := telemetry.Format(cfg.Log.Format)
	i.log = telemetry.NewLogger(stderr, format, &i.level)
	i.access = telemetry.NewAccessLog(stdout, format, telemetry.ModeAll)
	defer func() {
		if err != nil {
			i.close()
		}
	}()
	limitMemory(i.log.Logger)

	if i.metrics, err = telemetry.NewMetrics(currentBuild().Version); err != nil {
		return nil, err
	}
	i.manager, err = config.NewManager(file, over, config.ManagerOptions{Logger: i.log.Logger, Apply: i.apply})
	if err != nil {
		return nil, err
	}
	i.proxy, err = proxy.New(i.manager.Current(), proxy.Options{
		Logger:   i.log.Logger,
		ErrorLog: i.log.Bridge("clients", serverLines),
		Access:   i.access,
		Metrics:  i.metrics,
	})
	if err != nil {
		return nil, err
	}
	i.metrics.Observe(func(g *telemetry.Gauges) { observe(g, i.proxy.Status(), i.manager.Info(), i.sinks()) })
	i.health = port{handler: admin.HealthHandler(i.proxy, i.metrics.Handler()), errorLog: i.log.Bridge("health", serverLines)}
	i.admin = port{handler: i.adminHandler(), errorLog: i.log.Bridge("admin", serverLines)}
	return i, nil
}

// adminHandler answers on the admin port.
func (i *instance) adminHandler() http.Handler {
	return admin.Handler(admin.Options{
		Version: currentBuild().Version,
		Proxy:   i.proxy,
		Config:  managed{i.manager},
		Sinks:   []func() telemetry.SinkStats{i.log.Stats, i.access.Stats},
		Drain: func() {
			select {
			case i.drains <- struct{}{}:
			default: // asked for already
			}
		},
		ForgetKey: i.proxy.ForgetKey,
		Purge:     i.proxy.PurgeCache,

		Level:  &i.level,
		Access: i.access,
		Log:    i.log.Logger,
	})
}

// start begins to serve.
func (i *instance) start() error {
	cfg := i.manager.Current()
	decide, err := i.preparePorts(cfg)
	if err != nil {
		return err
	}
	decide(true)
	i.adopt(cfg)
	i.proxy.Start()

	info := i.manager.Info()
	var listeners []string
	for _, l := range i.proxy.Status().Listeners {
		listeners = append(listeners, l.Address)
	}
	i.log.Info("started", "version", currentBuild().Version, "listeners", listeners,
		"health", i.health.server.Addr(), "admin", i.admin.server.Addr(), "source", info.Source, "hash", info.Hash)
	for _, warning := range cfg.Warnings() {
		i.log.Warn("configuration: " + warning.String())
	}
	i.warnOfCertificates(cfg)
	return nil
}

// warnOfCertificates logs which certificates clients refuse: that is no reason to
// serve none, nor to keep quiet about it.
func (i *instance) warnOfCertificates(cfg *config.Config) {
	_, useless := proxy.CheckFiles(cfg, time.Now())
	for _, err := range useless {
		i.log.Warn("clients refuse a certificate", "error", err)
	}
}

// reload reads the configuration again, for somebody who asked for it and looks
// into the log for what came of it. The manager logs what it takes and refuses.
func (i *instance) reload() {
	before := i.manager.Info().Reloads
	if err := i.manager.Reload(); err == nil && i.manager.Info().Reloads == before {
		i.log.Info("configuration unchanged", "hash", i.manager.Current().Hash())
	}
}

// apply puts a new configuration into force: everything that can fail comes
// first, so that it is taken whole or not at all. The manager calls it, one at a time.
func (i *instance) apply(cfg *config.Config) error {
	decide, err := i.preparePorts(cfg)
	if err != nil {
		return err
	}
	if err := i.proxy.Reload(cfg); err != nil {
		decide(false)
		return err
	}
	decide(true)
	i.adopt(cfg)
	i.warnOfCertificates(cfg)
	return nil
}

// preparePorts prepares both side ports.
func (i *instance) preparePorts(cfg *config.Config) (decide func(take bool), err error) {
	health, err := i.health.prepare(cfg.Health.Address)
	if err != nil {
		return nil, err
	}
	operator, err := i.admin.prepare(cfg.Admin.Address)
	if err != nil {
		health(false)
		return nil, err
	}
	return func(take bool) {
		health(take)
		operator(take)
	}, nil
}

// adopt takes over the log's settings, where they changed: what was set on the
// admin port stays otherwise.
func (i *instance) adopt(cfg *config.Config) {
	var before config.Log
	if i.taken != nil {
		before = i.taken.Log
	}
	i.taken = cfg
	if cfg.Log.Level != before.Level {
		// The configuration was checked: a level always has a name that slog knows.
		var level slog.Level
		_ = level.UnmarshalText([]byte(cfg.Log.Level))
		i.level.Set(level)
	}
	if cfg.Log.Access != before.Access {
		mode, _ := telemetry.ParseMode(cfg.Log.Access)
		i.access.SetMode(mode)
	}
	if before.Format != "" && cfg.Log.Format != before.Format {
		i.log.Warn("log.format changes with the next start", "from", before.Format, "to", cfg.Log.Format)
	}
}

// sinks tells what became of the logs' lines.
func (i *instance) sinks() []telemetry.SinkStats {
	return []telemetry.SinkStats{i.log.Stats(), i.access.Stats()}
}

// close ends what is left: the side ports, so that probes could ask until the
// end of a drain, then the logs.
func (i *instance) close() {
	i.health.close()
	i.admin.close()
	if i.proxy != nil {
		i.proxy.Close()
	}
	_ = i.access.Close(flushTimeout) // nobody is left to be told
	_ = i.log.Close(flushTimeout)
}

// managed shows the manager to the admin port.
type managed struct{ *config.Manager }

// Info implements admin.Config.
func (m managed) Info() admin.ConfigInfo {
	info := m.Manager.Info()
	return admin.ConfigInfo{
		Hash:        info.Hash,
		AppliedAt:   info.AppliedAt,
		Source:      info.Source,
		Reloads:     info.Reloads,
		Refused:     info.Refused,
		LastError:   info.LastError,
		LastErrorAt: info.LastErrorAt,
	}
}

// Redacted implements admin.Config.
func (m managed) Redacted() ([]byte, error) {
	return config.Redacted(m.Current())
}
