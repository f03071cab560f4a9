package config

import "reflect"

// Overrides are the values that flags give over a file's, or instead of one.
// An empty value was not given. They are text as in the file, without
// variables.
type Overrides struct {
	// Listen (--listen) takes the place of the only listener's address.
	Listen string
	// Upstream (--upstream) takes the place of the only upstream's endpoints.
	// If there are no upstreams and no routes, it brings one of each: all
	// requests go to it.
	Upstream string
	// Health (--health) takes the place of health.address.
	Health string
	// Admin (--admin) takes the place of admin.address.
	Admin string
	// Mode (--mode) is where Levee stands: ingress, before a service, or egress,
	// beside a caller. With egress, routes cache and serve stale answers in
	// trouble, where nothing else is written.
	Mode string
	// Engine (--engine) takes the place of engine: who reads and writes HTTP/1.1.
	Engine string
	// StateFile (--state-file) takes the place of state.file.
	StateFile string
	// LogLevel (--log-level) takes the place of log.level.
	LogLevel string
	// LogFormat (--log-format) takes the place of log.format.
	LogFormat string
	// LogAccess (--log-access) takes the place of log.access.
	LogAccess string
}

// flagUpstream is the name of the upstream that --upstream brings.
const flagUpstream = "default"

// overrider puts flags over what was read from the file.
type overrider struct {
	*decoder
	cfg *Config
}

func (o *overrider) run(flags Overrides) {
	o.listen(flags.Listen)
	o.upstream(flags.Upstream)
	o.mode(flags.Mode)
	o.scalar("--health", flags.Health, "health.address", &o.cfg.Health, "address")
	o.scalar("--admin", flags.Admin, "admin.address", &o.cfg.Admin, "address")
	o.scalar("--engine", flags.Engine, "engine", o.cfg, "engine")
	o.scalar("--state-file", flags.StateFile, "state.file", &o.cfg.State, "file")
	o.scalar("--log-level", flags.LogLevel, "log.level", &o.cfg.Log, "level")
	o.scalar("--log-format", flags.LogFormat, "log.format", &o.cfg.Log, "format")
	o.scalar("--log-access", flags.LogAccess, "log.access", &o.cfg.Log, "access")
}

// scalar puts a flag's value over one text of a section, by the same rules as
// the file's.
func (o *overrider) scalar(flag, value, path string, section any, key string) {
	if value == "" {
		return
	}
	v := reflect.ValueOf(section).Elem()
	for _, f := range fieldsOf(v.Type()) {
		if f.name == key {
			o.take(flag, path)
			o.string(text{value: value, tag: "!!str"}, v.Field(f.index), f, path)
		}
	}
}

// take makes a flag the origin of the value at path.
func (o *overrider) take(flag, path string) {
	o.at[path] = position{flag: flag}
	delete(o.variables, path)
	delete(o.bad, path)
}

func (o *overrider) listen(value string) {
	// Without any listener the file's own were refused, and that is enough.
	n := len(o.cfg.Listeners)
	if value == "" || n == 0 {
		return
	}
	if n > 1 {
		o.add(position{flag: "--listen"}, KindFlag, "the file has %d listeners, and which one is meant can't be said by a flag; change the address in the file", n)
		return
	}
	o.scalar("--listen", value, "listeners[0].address", &o.cfg.Listeners[0], "address")
}

func (o *overrider) upstream(value string) {
	if value == "" {
		return
	}
	cfg := o.cfg
	switch n := len(cfg.Upstreams); {
	case n > 1:
		o.add(position{flag: "--upstream"}, KindFlag, "the file has %d upstreams, and which one is meant can't be said by a flag; change the endpoints in the file", n)
		return
	case n == 0 && len(cfg.Routes) == 0 && !o.bad["upstreams"] && !o.bad["routes"]:
		var upstream Upstream
		var route Route
		setDefaults(reflect.ValueOf(&upstream).Elem())
		setDefaults(reflect.ValueOf(&route).Elem())
		upstream.Name, route.Upstream = flagUpstream, flagUpstream
		cfg.Upstreams, cfg.Routes = []Upstream{upstream}, []Route{route}
		o.take("--upstream", "upstreams[0]")
		o.take("--upstream", "routes[0]")
	case n == 0:
		return // the routes' own upstreams are missing, and that is reported
	}
	u := &cfg.Upstreams[0]
	for i := range u.Endpoints {
		o.take("--upstream", index("upstreams[0].endpoints", i))
	}
	u.Endpoints = []string{""}
	for _, f := range fieldsOf(reflect.TypeFor[Upstream]()) {
		if f.name == "endpoints" {
			o.take("--upstream", "upstreams[0].endpoints")
			o.take("--upstream", "upstreams[0].endpoints[0]")
			o.string(text{value: value, tag: "!!str"}, reflect.ValueOf(&u.Endpoints[0]).Elem(), f, "upstreams[0].endpoints[0]")
		}
	}
}
