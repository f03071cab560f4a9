package proxy

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
	stateVersion   = 1
	stateBytes     = 16 << 20
	stateEndpoints = 4096 // and the most that are kept
	stateName      = 1024 // bytes of an upstream's, address's or class's name
	stateShape     = 1024
)

// stateEnvelope is the whole file. The checksum is of the state's very bytes,
// so that a torn file, or one that somebody has edited, is told from a sound one.
type stateEnvelope struct {
	Version  int             `json:"version"`
	Checksum string          `json:"checksum"` // SHA-256, in hexadecimal
	State    json.RawMessage `json:"state"`
}

type stateBody struct {
	// Written is the wall clock's time: the file's own may be a backup's.
	Written   time.Time       `json:"written"`
	Endpoints json.RawMessage `json:"endpoints"`
}

// learned is what was learned at one endpoint. Classes go by name: their
// numbers are handed out anew by each process.
type learned struct {
	Upstream string         `json:"upstream"`
	Address  string         `json:"address"`
	At       time.Time      `json:"at"` // when that was so
	Limit    float64        `json:"limit"`
	Classes  []learnedClass `json:"classes"`
	Shape    []float64      `json:"shape,omitempty"`
}

type learnedClass struct {
	Name string `json:"name"`
	limiter.ClassState
}

// encodeState makes a file's contents.
func encodeState(endpoints []learned, now time.Time) ([]byte, error) {
	list, err := json.Marshal(endpoints)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(stateBody{Written: now.UTC(), Endpoints: list})
	if err != nil {
		return nil, err
	}
	file, err := json.Marshal(stateEnvelope{Version: stateVersion, Checksum: checksum(body), State: body})
	if err != nil {
		return nil, err
	}
	if len(file) > stateBytes {
		return nil, fmt.Errorf("the state of %d endpoints takes %d bytes; at most %d are written", len(endpoints), len(file), stateBytes)
	}
	return append(file, '\n'), nil
}

func checksum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// decodeState reads a file's contents. An error says, for the log, why nothing
// of it can be used.
func decodeState(file []byte, now time.Time, maxAge time.Duration) ([]learned, error) {
	var envelope stateEnvelope
	if err := json.Unmarshal(file, &envelope); err != nil {
		return nil, fmt.Errorf("it is torn, or no state file: %w", err)
	}
	if envelope.Version != stateVersion {
		return nil, fmt.Errorf("it is of version %d, and this Levee knows %d", envelope.Version, stateVersion)
	}
	if checksum(envelope.State) != envelope.Checksum {
		return nil, errors.New("its checksum is wrong: it is torn, or was edited")
	}
	var body stateBody
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
func decodeEndpoints(list []byte, now time.Time, maxAge time.Duration) ([]learned, error) {
	in := json.NewDecoder(bytes.NewReader(list))
	if begin, err := in.Token(); err != nil || begin != json.Delim('[') {
		return nil, errors.New("its state is unsound: no list of endpoints")
	}
	var all []learned
	for in.More() {
		var e learned
		if err := in.Decode(&e); err != nil {
			return nil, fmt.Errorf("its state is unsound: %w", err)
		}
		if len(all) == stateEndpoints {
			return nil, fmt.Errorf("its state is unsound: more than %d endpoints", stateEndpoints)
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
func (e *learned) check() error {
	switch {
	case e.Upstream == "" || len(e.Upstream) > stateName || e.Address == "" || len(e.Address) > stateName:
		return errors.New("no upstream or no address, or a name that is too long")
	case len(e.Classes) > limiter.MaxClasses:
		return fmt.Errorf("%d classes, and there are %d at most", len(e.Classes), limiter.MaxClasses)
	case len(e.Shape) > stateShape:
		return fmt.Errorf("%d latencies, and there are %d at most", len(e.Shape), stateShape)
	}
	for _, c := range e.Classes {
		if c.Name == "" || len(c.Name) > stateName {
			return errors.New("a class without a name, or with one that is too long")
		}
	}
	return nil
}

// readState reads the file at path. A file that isn't there is no error here
// but fs.ErrNotExist.
func readState(path string, now time.Time, maxAge time.Duration) ([]learned, error) {
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
	text, err := io.ReadAll(io.LimitReader(f, stateBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > stateBytes {
		return nil, fmt.Errorf("it is larger than %d bytes", stateBytes)
	}
	return decodeState(text, now, maxAge)
}

// writeState puts text in the place of the file at path, whole or not at all:
// whoever reads it, also after a crash or a power cut, finds the old one or the
// new one. Only Levee's own user may read it.
func writeState(path string, text []byte) error {
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
