package snapshot

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const temporary = ".writing-"

// Clean removes what writers left beside the file at path that were killed, and
// says how many files that were: those with a name that [Write] gives them, with
// a beginning that it writes, that nobody has changed since before, and that no
// process is writing. Another Levee with the same path, that is about to end, may
// be at it just now.
func Clean(path string, before time.Time) (removed int) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0 // opening the file there will say it better
	}
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), base+temporary)
		if ok && number != "" && strings.Trim(number, "0123456789") == "" && e.Type().IsRegular() &&
			left(filepath.Join(dir, e.Name()), before) && os.Remove(filepath.Join(dir, e.Name())) == nil {
			removed++
		}
	}
	return removed
}

// left says whether a file is one of ours that nobody writes any more.
func left(name string, before time.Time) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || !info.ModTime().Before(before) || !ours(f) {
		return false
	}
	return lock(f) == nil
}

// ours says whether a file has the beginning of a snapshot, as far as it goes: who
// was killed early has written nothing.
func ours(f fs.File) bool {
	var b [len(magic)]byte
	n, err := io.ReadFull(f, b[:])
	return (err == nil || err == io.EOF || err == io.ErrUnexpectedEOF) && bytes.Equal(b[:n], []byte(magic[:n]))
}
