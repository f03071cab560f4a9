package config

// The engines for HTTP/1.1.
const (
	EngineLean     = "lean"     // our own, the default
	EngineStandard = "standard" // net/http
)
