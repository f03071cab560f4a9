package proxy

import (
	"io"
	"log"
	"os"
	"testing"
)

// net/http's transport tells the standard logger of every unsolicited response.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}
