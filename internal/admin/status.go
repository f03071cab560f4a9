package admin

import (
	"time"

	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/proxy"
)

// Status is all that the status page shows, and what /status is as JSON.
type Status struct {
	// Summary is one sentence: "All is well." if there are no problems.
	Summary string `json:"summary"`
	// Problems are what is wrong, the worst first.
	Problems []Problem `json:"problems"`
	// Version of Levee.
	Version string `json:"version"`
	// Time of the snapshot.
	Time time.Time `json:"time"`
	// Ready says that Levee listens, is configured and is not draining.
	Ready bool `json:"ready"`
	// LogLevel is the least important level that the log has; empty if unknown.
	LogLevel string `json:"logLevel,omitempty"`
	// AccessLog is the access log's mode; empty if unknown.
	AccessLog string `json:"accessLog,omitempty"`
	// Config tells of the configuration in force.
	Config ConfigInfo `json:"config"`
	// Telemetry tells what became of the lines of each log.
	Telemetry []telemetry.SinkStats `json:"telemetry"`
	// Proxy is a snapshot of what serves.
	Proxy proxy.Status `json:"proxy"`
}

// status takes a snapshot.
func (o *Options) status() *Status {
	s := &Status{
		Version: o.Version,
		Time:    time.Now(),
		Ready:   o.Proxy.Ready(),
		Config:  o.Config.Info(),
		Proxy:   o.Proxy.Status(),

		Telemetry: []telemetry.SinkStats{}, // rather than null in JSON
	}
	if o.Level != nil {
		s.LogLevel = levelName(o.Level.Level())
	}
	if o.Access != nil {
		s.AccessLog = o.Access.Mode().String()
	}
	for _, sink := range o.Sinks {
		s.Telemetry = append(s.Telemetry, sink())
	}
	s.Problems = append([]Problem{}, Problems(s)...)
	s.Summary = summary(s.Problems)
	return s
}

// summary is the one sentence that a status begins with.
func summary(problems []Problem) string {
	wrong := 0
	for _, p := range problems {
		if p.Severity != Notice {
			wrong++
		}
	}
	switch {
	case wrong > 0:
		return count(int64(wrong), "problem") + "."
	case len(problems) > 0:
		return "Nothing is wrong; " + count(int64(len(problems)), "notice") + "."
	}
	return "All is well."
}

// tone is how the summary is coloured.
func tone(problems []Problem) string {
	switch {
	case len(problems) == 0:
		return "good"
	case problems[0].Severity == Notice: // the worst is first
		return "calm"
	}
	return "bad"
}
