package telemetry

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Format is how lines of a log look.
type Format string

// The formats of a log.
const (
	// FormatJSON is one JSON object a line.
	FormatJSON Format = "json"
	// FormatText is key=value pairs, values quoted where needed.
	FormatText Format = "text"
)

// timeLayout is RFC 3339 with microseconds.
const timeLayout = "2006-01-02T15:04:05.000000Z07:00"

// line builds one line of a log, in either format.
//
// Values come from whoever sends requests. They can't end a line, start
// another key, or make a terminal do something: whatever isn't printable is
// written as an escape, control characters and invisible ones alike.
type line struct {
	dst   []byte
	json  bool
	begun bool
}

func newLine(dst []byte, f Format) line {
	l := line{dst: dst, json: f != FormatText}
	if l.json {
		l.dst = append(l.dst, '{')
	}
	return l
}

// end returns the bytes with the finished line.
func (l *line) end() []byte {
	if l.json {
		l.dst = append(l.dst, '}')
	}
	return append(l.dst, '\n')
}

// key must be plain letters.
func (l *line) key(key string) {
	if l.begun {
		if l.json {
			l.dst = append(l.dst, ',')
		} else {
			l.dst = append(l.dst, ' ')
		}
	}
	l.begun = true
	if l.json {
		l.dst = append(l.dst, '"')
		l.dst = append(l.dst, key...)
		l.dst = append(l.dst, '"', ':')
	} else {
		l.dst = append(l.dst, key...)
		l.dst = append(l.dst, '=')
	}
}

func (l *line) time(key string, t time.Time) {
	l.key(key)
	if l.json {
		l.dst = append(l.dst, '"')
	}
	l.dst = t.UTC().AppendFormat(l.dst, timeLayout)
	if l.json {
		l.dst = append(l.dst, '"')
	}
}

func (l *line) int(key string, v int64) {
	l.key(key)
	l.dst = strconv.AppendInt(l.dst, v, 10)
}

func (l *line) bool(key string, v bool) {
	l.key(key)
	l.dst = strconv.AppendBool(l.dst, v)
}

// seconds writes a duration in seconds, to the microsecond.
func (l *line) seconds(key string, d time.Duration) {
	l.key(key)
	l.dst = strconv.AppendFloat(l.dst, d.Seconds(), 'f', 6, 64)
}

func (l *line) string(key string, v []byte) {
	l.key(key)
	if l.json || !bare(v) {
		l.dst = appendQuoted(l.dst, v, 1<<30)
	} else {
		l.dst = append(l.dst, v...)
	}
}

// bare says that a value needs no quotes in a line of text.
func bare(v []byte) bool {
	if len(v) == 0 {
		return false
	}
	for _, c := range v {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\' {
			return false
		}
	}
	return true
}

// appendQuoted appends v as a JSON string. What is not printable becomes an
// escape, invalid UTF-8 the replacement character. It stops, with the mark,
// before the bytes it appends exceed limit; limit must be 32 at least.
func appendQuoted(dst, v []byte, limit int) []byte {
	const hex = "0123456789abcdef"
	room := len(dst) + limit - len(`\u0000\u0000`) - len(cutMark) - 1
	dst = append(dst, '"')
	for i := 0; i < len(v); {
		if len(dst) > room {
			dst = append(dst, cutMark...)
			break
		}
		c := v[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c == '"' || c == '\\':
				dst = append(dst, '\\', c)
			case c == '\n':
				dst = append(dst, '\\', 'n')
			case c == '\t':
				dst = append(dst, '\\', 't')
			case c == '\r':
				dst = append(dst, '\\', 'r')
			case c < ' ' || c == 0x7f:
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
			default:
				dst = append(dst, c)
			}
			continue
		}
		r, n := utf8.DecodeRune(v[i:])
		i += n
		switch {
		case strconv.IsPrint(r): // the replacement character is
			dst = utf8.AppendRune(dst, r)
		case r > 0xffff:
			r -= 0x10000
			dst = appendEscape(dst, 0xd800+uint16(r>>10))
			dst = appendEscape(dst, 0xdc00+uint16(r&0x3ff))
		default:
			dst = appendEscape(dst, uint16(r))
		}
	}
	return append(dst, '"')
}

func appendEscape(dst []byte, u uint16) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[u>>12], hex[u>>8&0xf], hex[u>>4&0xf], hex[u&0xf])
}
