package idempotency

import (
	"bytes"
	"net/http"
	"reflect"
	"testing"
)

// FuzzJournal: whatever a file holds, reading it ends, and what is taken to be
// whole reads the same once more without the rest.
func FuzzJournal(f *testing.F) {
	frame := make([]byte, frameHeader)
	frame = appendBegin(frame, 1, testTime, key("a"), print("a"))
	frame = appendAnswer(frame, 1, testTime, key("a"), answer("a"))
	frame = appendForget(frame, 2, key("b"))
	seal(frame)
	whole := append([]byte(journalMark), frame...)
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(append(bytes.Clone(whole), make([]byte, 100)...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := readJournal(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return
		}
		if c.good+c.torn != int64(len(text)) {
			t.Fatalf("%d good and %d torn bytes of %d", c.good, c.torn, len(text))
		}
		again, err := readJournal(bytes.NewReader(text[:c.good]), c.good)
		if err != nil || !reflect.DeepEqual(c.entries, again.entries) || again.torn != 0 {
			t.Fatalf("read once more: %v", err)
		}
	})
}

// FuzzRecords: records in a sound frame may still be anything. What reads as
// one is written the same.
func FuzzRecords(f *testing.F) {
	f.Add(appendBegin(nil, 1, testTime, key("a"), print("a")))
	f.Add(appendAnswer(nil, 2, testTime, key("a"), &Answer{
		Status: 200, Header: http.Header{"A": {"b", ""}, "C": {}}, Trailer: http.Header{"T": {"u"}}, Body: []byte("body"), BodyLost: true,
	}))
	f.Add(appendForget(nil, 3, key("a")))
	f.Fuzz(func(t *testing.T, text []byte) {
		s := scanner{rest: text}
		r, err := s.next()
		if err != nil {
			return
		}
		var written []byte
		switch r.kind {
		case recordBegin:
			written = appendBegin(nil, r.ticket, r.at, r.key, r.print)
		case recordAnswer:
			written = appendAnswer(nil, r.ticket, r.at, r.key, r.answer)
		case recordForget:
			written = appendForget(nil, r.ticket, r.key)
		}
		once := scanner{rest: written}
		again, err := once.next()
		if err != nil || !reflect.DeepEqual(r, again) || len(once.rest) > 0 {
			t.Fatalf("%+v was written and read as %+v, %v", r, again, err)
		}
	})
}
