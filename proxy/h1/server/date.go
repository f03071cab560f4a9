package server

import (
	"net/http"
	"sync/atomic"
	"time"
)

// stamp is a Date field line, and the second in which it holds.
type stamp struct {
	second int64
	line   string
}

var lastStamp atomic.Pointer[stamp]

// appendDate appends a Date field line, which is made anew once a second.
func appendDate(b []byte) []byte {
	now := time.Now()
	s := lastStamp.Load()
	if s == nil || s.second != now.Unix() {
		s = &stamp{now.Unix(), "Date: " + now.UTC().Format(http.TimeFormat) + "\r\n"}
		lastStamp.Store(s)
	}
	return append(b, s.line...)
}
