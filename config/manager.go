package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// ManagerOptions are what a Manager can be told besides what to read. The zero
// value is useful.
type ManagerOptions struct {
	// Env looks up variables. Default: os.LookupEnv.
	Env func(name string) (string, bool)
	// Apply puts a configuration into force, or refuses it and leaves
	// everything as it is. It is never called twice at once. Default: none, a
	// valid configuration is in force. SetApply sets it later.
	Apply func(*Config) error
	// Logger hears of configurations that were applied or refused. Default:
	// slog.Default.
	Logger *slog.Logger
	// Debounce is how long the file must be left alone before it is read: an
	// editor or a copy writes it in pieces. Default: 100ms.
	Debounce time.Duration
	// Poll is how often the file is looked at even if nothing was heard of
	// it: some filesystems (NFS, some container mounts) tell nobody. Default:
	// 30s.
	Poll time.Duration
}

// Manager owns the configuration file and the configuration in force. It takes
// a new configuration whole or not at all: whatever is wrong with the file,
// the one in force stays. Its methods may be called from several goroutines.
type Manager struct {
	path    string
	flags   Overrides
	options ManagerOptions
	current atomic.Pointer[Config]

	// reload makes reloads follow each other.
	reload sync.Mutex
	apply  func(*Config) error

	// mu guards info alone, so that a status never waits for a reload.
	mu   sync.Mutex
	info Info
}

// Info says which configuration is in force, and what became of the last one
// that wasn't taken.
type Info struct {
	// Source is the file's name, or "flags".
	Source string `json:"source"`
	// Hash is that of the configuration in force, as Config.Hash.
	Hash string `json:"hash"`
	// AppliedAt is when the configuration in force came into force.
	AppliedAt time.Time `json:"appliedAt"`
	// Reloads counts the configurations that came into force after the first.
	Reloads uint64 `json:"reloads"`
	// Refused counts the reloads that failed.
	Refused uint64 `json:"refused"`
	// LastError is why the file as it stands isn't in force; empty if it is.
	LastError string `json:"lastError,omitempty"`
	// LastErrorAt is when that was found; zero if LastError is empty.
	LastErrorAt time.Time `json:"lastErrorAt,omitzero"`
}

// NewManager reads the first configuration from the file at path, with flags
// over it; an empty path means flags alone. It doesn't apply it: the caller
// starts with Current. The error is LoadWith's.
func NewManager(path string, flags Overrides, options ManagerOptions) (*Manager, error) {
	if options.Env == nil {
		options.Env = os.LookupEnv
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if options.Debounce <= 0 {
		options.Debounce = 100 * time.Millisecond
	}
	if options.Poll <= 0 {
		options.Poll = 30 * time.Second
	}
	m := &Manager{path: path, flags: flags, options: options, apply: options.Apply}
	cfg, err := m.read()
	if err != nil {
		return nil, err
	}
	m.current.Store(cfg)
	m.info = Info{Source: cfg.Source(), Hash: cfg.Hash(), AppliedAt: time.Now()}
	return m, nil
}

// SetApply sets what puts a configuration into force from the next reload on;
// see ManagerOptions.Apply.
func (m *Manager) SetApply(apply func(*Config) error) {
	m.reload.Lock()
	defer m.reload.Unlock()
	m.apply = apply
}

// Current returns the configuration in force.
func (m *Manager) Current() *Config { return m.current.Load() }

// Info returns which configuration is in force and how reloads went.
func (m *Manager) Info() Info {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.info
}

// Reload reads the file and puts it into force. It returns when that is done
// or was refused; then the error says why and the configuration in force
// stays. A file that is in force already is not applied again.
func (m *Manager) Reload() error {
	m.reload.Lock()
	defer m.reload.Unlock()
	if m.path != "" && !isRegular(m.path) {
		return m.refuse(errNotRegular(m.path))
	}
	cfg, err := m.read()
	if err != nil {
		return m.refuse(err)
	}
	if cfg.source.sum == m.Current().source.sum {
		if m.settle() {
			m.options.Logger.Info("configuration restored: the file is the one in force again", "source", cfg.Source(), "hash", cfg.Hash())
		}
		return nil
	}
	if m.apply != nil {
		if err := m.apply(cfg); err != nil {
			return m.refuse(fmt.Errorf("config: %s is valid and couldn't be applied: %w", cfg.Source(), err))
		}
	}
	m.current.Store(cfg)
	m.accept(cfg)
	return nil
}

// read reads the file, if there is one.
func (m *Manager) read() (*Config, error) {
	if m.path == "" {
		return FromFlags(m.flags)
	}
	data, err := readFile(m.path)
	if err != nil {
		return nil, err
	}
	return ParseWith(m.path, data, m.flags, m.options.Env)
}

func (m *Manager) accept(cfg *Config) {
	m.settle()
	m.mu.Lock()
	m.info.Hash, m.info.AppliedAt = cfg.Hash(), time.Now()
	m.info.Reloads++
	m.mu.Unlock()
	m.options.Logger.Info("configuration applied", "source", cfg.Source(), "hash", cfg.Hash())
	for _, w := range cfg.Warnings() {
		m.options.Logger.Warn("configuration: " + w.String())
	}
}

// settle forgets the last error, since the file as it stands is in force, and
// says whether there was one.
func (m *Manager) settle() (was bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	was = m.info.LastError != ""
	m.info.LastError, m.info.LastErrorAt = "", time.Time{}
	return was
}

func (m *Manager) refuse(err error) error {
	m.mu.Lock()
	m.info.Refused++
	m.info.LastError, m.info.LastErrorAt = err.Error(), time.Now()
	m.mu.Unlock()
	m.options.Logger.Error("configuration refused, the one in force stays", "source", m.path, "hash", m.Current().Hash(), "error", err)
	return err
}

// errNotRegular is about a pipe or the like: it can be read once, at the
// start, and a second read would wait forever.
func errNotRegular(path string) error {
	return &Error{Problems: []Problem{{File: path, Kind: KindFile, Message: "can't be read again: it is not a regular file; restart to take another configuration"}}}
}

// isRegular reports whether the file can be read more than once. What isn't
// there now may be one later.
func isRegular(path string) bool {
	info, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular()
}
