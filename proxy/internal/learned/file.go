package learned

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/levee-proxy/levee/limiter"
)

// Bounds of a state file. What is beyond them was written by nobody who means
// well: it is ignored as a whole.
const (
	version      = 1
	maxBytes     = 16 << 20
	maxEndpoints = 4096 // and the most that are kept
	maxName      = 1024 // bytes of an upstream's, address's or class's name
	maxShape     = 1024
)

// sealed is the whole file. The checksum is of the state's very bytes, so that a torn file,
// or one that somebody has edited, is told from a sound one.
type sealed struct {
	Version  int             `json:"version"`
	Checksum string          `json:"checksum"` // SHA-256, in hexadecimal
	State    json.RawMessage `json:"state"`
}

// contents are what the checksum is of.
type contents struct {
	// Written is the wall clock's time: the file's own may be a backup's.
	Written   time.Time       `json:"written"`
	Endpoints json.RawMessage `json:"endpoints"`
}

// Endpoint is what was learned at one endpoint. Classes go by name: their
// numbers are handed out anew by each process.
type Endpoint struct {
	Upstream string    `json:"upstream"`
	Address  string    `json:"address"`
	At       time.Time `json:"at"` // when that was so
	Limit    float64   `json:"limit"`
	Classes  []Class   `json:"classes"`
	Shape    []float64 `json:"shape,omitempty"`
}

// Class is what was learned of a class of requests there.
type Class struct {
	Name string `json:"name"`
	limiter.ClassState
}

// encode makes a file's contents.
func encode(endpoints []Endpoint, now time.Time) ([]byte, error) {
	list, err := json.Marshal(endpoints)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(contents{Written: now.UTC(), Endpoints: list})
	if err != nil {
		return nil, err
	}
	file, err := json.Marshal(sealed{Version: version, Checksum: checksum(body), State: body})
	if err != nil {
		return nil, err
	}
	if len(file) > maxBytes {
		return nil, fmt.Errorf("the state of %d endpoints takes %d bytes; at most %d are written", len(endpoints), len(file), maxBytes)
	}
	return append(file, '\n'), nil
}

func checksum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// decode reads a file's contents. An error says, for the log, why nothing of it
// can be used.
func decode(file []byte, now time.Time, maxAge time.Duration) ([]Endpoint, error) {
	var envelope sealed
	if err := json.Unmarshal(file, &envelope); err != nil {
		return nil, fmt.Errorf("it is torn, or no state file: %w", err)
	}
	if envelope.Version != version {
		return nil, fmt.Errorf("it is of version %d, and this Levee knows %d", envelope.Version, version)
	}
	if checksum(envelope.State) != envelope.Checksum {
		return nil, errors.New("its checksum is wrong: it is torn, or was edited")
	}
	var body contents
	if err := json.Unmarshal(envelope.State, &body); err != nil {
		return nil, fmt.Errorf("its state is unsound: %w", err)
	}
	if age := now.Sub(body.Written); age > maxAge {
		return nil, fmt.Errorf("it was written %s ago, and state.maxAge is %s", age.Round(time.Second), maxAge)
	} else if age < -maxAge { // a clock that was set back by less is no matter
		return nil, fmt.Errorf("it was written %s from now: a clock is wrong", (-age).Round(time.Second))
	}
	return decodeEndpoints(body.Endpoints, now, maxAge)
}

// decodeEndpoints reads one after the other, so that a list that is too long
// ends at its bound and not with the memory.
func decodeEndpoints(list []byte, now time.Time, maxAge time.Duration) ([]Endpoint, error) {
	in := json.NewDecoder(bytes.NewReader(list))
	if begin, err := in.Token(); err != nil || begin != json.Delim('[') {
		return nil, errors.New("its state is unsound: no list of endpoints")
	}
	var all []Endpoint
	for in.More() {
		var e Endpoint
		if err := in.Decode(&e); err != nil {
			return nil, fmt.Errorf("its state is unsound: %w", err)
		}
		if len(all) == maxEndpoints {
			return nil, fmt.Errorf("its state is unsound: more than %d endpoints", maxEndpoints)
		}
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("its state is unsound: endpoint %d: %w", len(all)+1, err)
		}
		if age := now.Sub(e.At); age <= maxAge && age >= -maxAge {
			all = append(all, e)
		}
	}
	return all, nil
}

// check looks at a state's form. Its numbers are the limiter's to judge.
func (e *Endpoint) check() error {
	switch {
	case e.Upstream == "" || len(e.Upstream) > maxName || e.Address == "" || len(e.Address) > maxName:
		return errors.New("no upstream or no address, or a name that is too long")
	case len(e.Classes) > limiter.MaxClasses:
		return fmt.Errorf("%d classes, and there are %d at most", len(e.Classes), limiter.MaxClasses)
	case len(e.Shape) > maxShape:
		return fmt.Errorf("%d latencies, and there are %d at most", len(e.Shape), maxShape)
	}
	for _, c := range e.Classes {
		if c.Name == "" || len(c.Name) > maxName {
			return errors.New("a class without a name, or with one that is too long")
		}
	}
	return nil
}

// read reads the file at path. A file that isn't there is no error here but
// fs.ErrNotExist.
func read(path string, now time.Time, maxAge time.Duration) ([]Endpoint, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe would hold up the start for ever
		return nil, errors.New("it is no regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxBytes {
		return nil, fmt.Errorf("it is larger than %d bytes", maxBytes)
	}
	return decode(text, now, maxAge)
}

// write puts text in the place of the file at path, whole or not at all:
// whoever reads it, also after a crash or a power cut, finds the old one or the
// new one. Only Levee's own user may read it.
func write(path string, text []byte) error {
	// Always the same name, so that crashes leave one such file behind at most;
	// made anew, so that nothing that somebody has put there is followed.
	temporary := path + ".tmp"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		os.Remove(temporary)
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a rename outlive a power cut, where the file system can.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return nil // written, and that is what counts
	}
	defer d.Close()
	_ = d.Sync() // some file systems have no such thing
	return nil
}
