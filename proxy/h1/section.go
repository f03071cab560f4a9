package h1

import (
	"bytes"
	"io"
)

// span is a field line in a head: where its name and value are.
type span struct{ name, nameEnd, value, valueEnd int }

// starter takes a head's first line, without its CRLF.
type starter interface {
	startLine(line []byte) error
}

// section takes the lines of a head, or, without a start, of trailers, up to the
// first empty one, and that. The lines end in CRLF, each of them. Each is looked at
// as soon as it is there: what is no HTTP should not be waited for. Where the fields
// are is left in the buffer's spans.
//
// Without wait, it returns nil if not all of it is buffered.
func (r *Reader) section(start starter, limits *Limits, wait bool) ([]byte, error) {
	tooLarge, tooMany := ErrHeadTooLarge, ErrTooManyFields
	if start == nil {
		tooLarge, tooMany = ErrTrailerTooLarge, ErrTooManyTrailers
	}
	spans := r.take().spans[:0]
	line, from := 0, 0 // the beginning of the line; where to look for its end
	for {
		b := r.Peek()
		for {
			i := bytes.IndexByte(b[from:], '\n')
			if i < 0 {
				from = len(b)
				break
			}
			next := from + i + 1
			end := next - len("\r\n")
			switch {
			case end < line || b[end] != '\r':
				return nil, errBareLF
			case next > limits.HeadBytes:
				return nil, tooLarge
			case line == 0 && start != nil:
				if err := start.startLine(b[:end]); err != nil {
					return nil, err
				}
			case end == line:
				r.buf.spans = spans
				r.r += next
				return b[:next], nil
			case len(spans) == limits.Fields && limits.Fields > 0:
				return nil, tooMany
			default:
				f, err := parseField(b, line, end)
				if err != nil {
					return nil, err
				}
				spans = append(spans, f)
			}
			line, from = next, next
		}
		if len(b) >= limits.HeadBytes {
			return nil, tooLarge
		}
		if !wait {
			return nil, nil
		}
		if err := r.Fill(); err != nil {
			if err == io.EOF && r.r < r.w {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// parseField checks the field line from at to its CRLF at end, makes its name
// canonical where it stands, and returns where its parts are.
func parseField(b []byte, at, end int) (span, error) {
	line := b[at:end]
	colon := canonical(line)
	if colon == 0 || colon == len(line) || line[colon] != ':' {
		return span{}, misnamed(line)
	}
	value := trimLeft(line[colon+1:])
	start := end - len(value)
	value = trimRight(value)
	if !isText(value) {
		return span{}, errFieldValue
	}
	return span{at, at + colon, start, start + len(value)}, nil
}

// misnamed is what is wrong with a field line that doesn't begin with a name and a
// colon.
func misnamed(line []byte) error {
	colon := bytes.IndexByte(line, ':')
	switch {
	case line[0] == ' ' || line[0] == '\t':
		return errFold
	case colon < 0:
		return errFieldLine
	case colon > 0 && (line[colon-1] == ' ' || line[colon-1] == '\t'):
		return errColon
	}
	return errFieldName
}

// canonical makes the field name that b begins with look as net/http does, and
// returns its length.
func canonical(b []byte) int {
	upper := true
	for i, c := range b {
		class := classes[c]
		switch {
		case class&inToken == 0:
			return i
		case upper && class&isLower != 0, !upper && class&isUpper != 0:
			b[i] = c ^ 0x20
		}
		upper = c == '-'
	}
	return len(b)
}
