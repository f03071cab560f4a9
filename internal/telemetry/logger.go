package telemetry

import (
	"bytes"
	"io"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// logRing is how many lines of the log wait for the writer at most.
	logRing = 512

	// logText is a slot's buffer for one line.
	logText = 512

	// maxLine is the longest line of the log; longer ones are cut.
	maxLine = 16 << 10
)

// Logger is Levee's own log: a [slog.Logger] whose lines go through a ring,
// so that a standard error that nobody reads slows nothing.
type Logger struct {
	*slog.Logger
	sink       *sink[text]
	suppressed atomic.Uint64
}

// NewLogger starts a log that writes to w, from one goroutine, until Close.
// The level may change while it runs; nil means slog.LevelInfo for good.
func NewLogger(w io.Writer, f Format, level *slog.LevelVar) *Logger {
	newText := prepareText(logRing, logText)
	l := &Logger{sink: newSink(w, sinkOptions[text]{
		name:    "log",
		size:    logRing,
		prepare: func(t *text) { *t = newText() },
		encode: func(dst []byte, t *text) []byte {
			dst = append(dst, t.buf...)
			t.release()
			return dst
		},
		notice: func(dst []byte, now time.Time, dropped uint64) []byte {
			return appendNotice(dst, f, now, "log", dropped)
		},
	})}
	o := new(slog.HandlerOptions)
	if level != nil {
		o.Level = level
	}
	out := lineWriter{sink: l.sink, format: f}
	if f == FormatText {
		l.Logger = slog.New(slog.NewTextHandler(out, o))
	} else {
		l.Logger = slog.New(slog.NewJSONHandler(out, o))
	}
	return l
}

// Stats returns what became of the lines.
func (l *Logger) Stats() SinkStats {
	st := l.sink.Stats()
	st.Suppressed = l.suppressed.Load()
	return st
}

// Close writes what is left and ends the log, within the timeout: a writer
// that hangs is left behind with an error that is [ErrNotFlushed]. What is
// logged later is dropped.
func (l *Logger) Close(timeout time.Duration) error { return l.sink.Close(timeout) }

// lineWriter puts each Write, which a slog handler makes once a line, into a
// ring. It never fails: a line that doesn't fit is dropped and counted.
type lineWriter struct {
	sink   *sink[text]
	format Format
}

// Write implements io.Writer.
func (w lineWriter) Write(p []byte) (int, error) {
	pos, t, ok := w.sink.claim()
	if !ok {
		return len(p), nil
	}
	if len(p) <= maxLine {
		t.reserve(len(p))
		t.buf = append(t.buf, p...)
	} else {
		t.reserve(maxLine)
		t.buf = appendLong(t.buf, p, w.format)
	}
	w.sink.commit(pos)
	return len(p), nil
}

// appendLong appends what fits of a line that is too long. A JSON line that
// were just cut would be none, so its beginning becomes a value in another.
func appendLong(dst, p []byte, f Format) []byte {
	p = bytes.TrimSuffix(p, []byte("\n"))
	if f == FormatText {
		return append(appendCut(dst, p, maxLine-1), '\n')
	}
	l := newLine(dst, f)
	l.time("time", time.Now())
	l.string("level", []byte("WARN"))
	l.string("msg", []byte("a line of the log was too long and is cut"))
	l.key("line")
	l.dst = appendQuoted(l.dst, p, maxLine-len(l.dst)-len("}\n"))
	return l.end()
}
