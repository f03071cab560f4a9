package server

import (
	"log"
	"strings"
)

// logTo is a logger that sends each line to a channel.
func logTo(lines chan<- string) *log.Logger {
	return log.New(lineWriter(lines), "", 0)
}

type lineWriter chan<- string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- strings.TrimSpace(string(p))
	return len(p), nil
}
