package telemetry

import (
	"io"
	"sync/atomic"
	"time"
)

const (
	// accessRing is how many records wait for the writer at most: 4,096 are a
	// tenth of a second at 40,000 requests a second.
	accessRing = 4096

	// accessText is a slot's buffer for strings. Records are rarely longer; a
	// ring full of the longest ones takes 10 MiB, and never more.
	accessText = 512

	// accessLinger lets records gather: without it, each request of a proxy
	// that isn't busy would pay for waking the writer, and for a system call.
	accessLinger = 10 * time.Millisecond
)

// Mode says which requests get a line in the access log.
type Mode uint32

// The modes of an access log.
const (
	ModeAll    Mode = iota // every request
	ModeErrors             // Levee's own answers, 5xx, and answers cut short
	ModeNone               // none
)

var modeNames = [...]string{ModeAll: "all", ModeErrors: "errors", ModeNone: "none"}

// String returns the mode as it is written in a configuration.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return "unknown"
}

// ParseMode reads a mode as it is written in a configuration. The error for
// any other word is [ErrUnknownMode].
func ParseMode(s string) (Mode, error) {
	for m, name := range modeNames {
		if s == name {
			return Mode(m), nil
		}
	}
	return ModeAll, ErrUnknownMode
}

// AccessLog writes a line for each request. [AccessLog.Log] costs the request
// a copy of some hundred bytes, whatever the writer does. A nil *AccessLog
// logs nothing.
type AccessLog struct {
	mode atomic.Uint32
	sink *sink[packed]
}

// NewAccessLog starts an access log that writes to w, from one goroutine,
// until Close.
func NewAccessLog(w io.Writer, f Format, m Mode) *AccessLog {
	l := new(AccessLog)
	l.mode.Store(uint32(m))
	newText := prepareText(accessRing, accessText)
	l.sink = newSink(w, sinkOptions[packed]{
		name:    "access",
		size:    accessRing,
		linger:  accessLinger,
		prepare: func(p *packed) { p.text = newText() },
		encode: func(dst []byte, p *packed) []byte {
			dst = p.appendLine(dst, f)
			p.text.release()
			return dst
		},
		notice: func(dst []byte, now time.Time, dropped uint64) []byte {
			return appendNotice(dst, f, now, "access", dropped)
		},
	})
	return l
}

// Log writes a line for r, if the mode wants one, some time later; or drops
// and counts it. It never blocks and doesn't keep r.
func (l *AccessLog) Log(r *Record) {
	if l == nil || !Mode(l.mode.Load()).wants(r) {
		return
	}
	pos, p, ok := l.sink.claim()
	if !ok {
		return
	}
	p.pack(r)
	l.sink.commit(pos)
}

func (m Mode) wants(r *Record) bool {
	switch m {
	case ModeAll:
		return true
	case ModeErrors:
		return r.Reason != "" || r.Status >= 500 || r.Aborted
	default:
		return false
	}
}

// Mode returns the mode in force.
func (l *AccessLog) Mode() Mode {
	if l == nil {
		return ModeNone
	}
	return Mode(l.mode.Load())
}

// SetMode changes the mode, for the very next request.
func (l *AccessLog) SetMode(m Mode) {
	if l != nil {
		l.mode.Store(uint32(m))
	}
}

// Stats returns what became of the lines.
func (l *AccessLog) Stats() SinkStats {
	if l == nil {
		return SinkStats{Name: "access"}
	}
	return l.sink.Stats()
}

// Close writes what is left and ends the log, within the timeout: a writer
// that hangs is left behind with an error that is [ErrNotFlushed]. What is
// logged later is dropped.
func (l *AccessLog) Close(timeout time.Duration) error {
	if l == nil {
		return nil
	}
	return l.sink.Close(timeout)
}

// appendNotice appends the line that tells of dropped ones.
func appendNotice(dst []byte, f Format, now time.Time, sink string, dropped uint64) []byte {
	l := newLine(dst, f)
	l.time("time", now)
	l.string("level", []byte("WARN"))
	l.string("msg", []byte("lines dropped here: the reader of this log is too slow"))
	l.string("sink", []byte(sink))
	l.int("dropped", int64(dropped))
	return l.end()
}
