package config

// The engines for HTTP/1.1.
const (
	EngineStandard = "standard"
	EngineLean     = "lean"
)
