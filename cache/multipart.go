package cache

import "strings"

// Multipart frames an answer of several parts (RFC 9110 §14.6): before each part
// of the content goes its head, and after the last the end.
type Multipart struct {
	Answer Answer
	// Boundary separates the parts: at most 70 letters and digits that don't
	// occur in the content, so drawn at random, 16 of them or more.
	Boundary string
	// ContentType is that of the stored response, or empty.
	ContentType string
}

// Head is what goes before the i-th part.
func (m *Multipart) Head(i int) string {
	var b strings.Builder
	if i > 0 {
		b.WriteString("\r\n")
	}
	b.WriteString("--" + m.Boundary + "\r\n")
	if m.ContentType != "" {
		b.WriteString("Content-Type: " + m.ContentType + "\r\n")
	}
	b.WriteString("Content-Range: " + string(appendContentRange(nil, m.Answer.Parts[i], m.Answer.Size)) + "\r\n\r\n")
	return b.String()
}

// End is what goes after the last part.
func (m *Multipart) End() string { return "\r\n--" + m.Boundary + "--\r\n" }

// Length is that of all parts with what frames them.
func (m *Multipart) Length() int64 {
	n := int64(len(m.End()))
	for i, part := range m.Answer.Parts {
		n += int64(len(m.Head(i))) + part.Length
	}
	return n
}
