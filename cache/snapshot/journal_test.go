package snapshot

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// texts are records as one text, for comparing.
func texts(records [][]byte) string { return string(bytes.Join(records, []byte(" "))) }

func openJournal(t *testing.T, path string) (*Journal, string) {
	t.Helper()
	j, records, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j, texts(records)
}

// TestJournal: what was appended is there again, until it is replaced.
func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, had := openJournal(t, path)
	if had != "" || j.Size() != int64(len(journalMark)) {
		t.Errorf("a new one has %q, %d bytes", had, j.Size())
	}
	for _, err := range []error{j.Append([]byte("a"), []byte("b")), j.Append([]byte("c")), j.Sync()} {
		if err != nil {
			t.Error(err)
		}
	}
	if _, had := openJournal(t, path); had != "a b c" {
		t.Errorf("it has %q", had)
	}
	if err := j.Replace([]byte("c")); err != nil {
		t.Error(err)
	}
	if err := j.Append([]byte("d")); err != nil {
		t.Error(err)
	}
	if _, had := openJournal(t, path); had != "c d" {
		t.Errorf("replaced, it has %q", had)
	}
	for _, text := range []string{"", strings.Repeat("x", MaxJournalRecord+1)} {
		if err := j.Append([]byte(text)); err == nil {
			t.Errorf("a record of %d bytes was taken", len(text))
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := j.Append([]byte("e")); !errors.Is(err, errReplaced) {
		t.Errorf("into a file that was removed: %v", err)
	}
	if err := j.Replace([]byte("f")); err != nil {
		t.Error(err)
	}
	only(t, path)
	if _, had := openJournal(t, path); had != "f" {
		t.Errorf("replaced again, it has %q", had)
	}
}

// TestJournalTorn: wherever a journal is cut off, what was whole before is there,
// and it can be gone on with. Blank bytes at the end are as if nothing was there.
func TestJournalTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	whole := []byte(journalMark)
	ends := map[int]string{len(whole): ""}
	for i, text := range []string{"one", "two", "three"} {
		whole = appendJournalRecord(whole, []byte(text))
		ends[len(whole)] = strings.Join([]string{"one", "two", "three"}[:i+1], " ")
	}
	want := ""
	for n := range len(whole) + 1 {
		if text, ok := ends[n]; ok {
			want = text
		}
		for _, blank := range []int{0, 1, 7, 8, 100} {
			if blank > 0 && ends[n] == "" && n != len(journalMark) {
				continue // what was begun and goes on blank is told apart no further
			}
			if err := os.WriteFile(path, append(bytes.Clone(whole[:n]), make([]byte, blank)...), 0o600); err != nil {
				t.Fatal(err)
			}
			j, had := openJournal(t, path)
			if err := j.Append([]byte("more")); had != want || err != nil {
				t.Fatalf("of %d bytes and %d blank: %q, want %q, %v", n, blank, had, want, err)
			}
			if _, had := openJournal(t, path); had != strings.TrimSpace(want+" more") {
				t.Fatalf("of %d bytes and %d blank, gone on: %q", n, blank, had)
			}
		}
	}
}

// TestJournalDamaged: a bit that was flipped in the middle is no end.
func TestJournalDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	whole := appendJournalRecord(appendJournalRecord([]byte(journalMark), []byte("one")), []byte("two"))
	for at := range len(whole) - (journalHead + 3) {
		spoilt := bytes.Clone(whole)
		spoilt[at] ^= 0x10
		if err := os.WriteFile(path, spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := OpenJournal(path)
		length := at == len(journalMark)+1 || at == len(journalMark)+2 || at == len(journalMark) // then it looks like one that goes on beyond the end
		switch {
		case at < len(journalMark):
			if !errors.Is(err, ErrForeign) {
				t.Errorf("byte %d: %v", at, err)
			}
		case !length && !errors.Is(err, ErrDamaged):
			t.Errorf("byte %d: %v", at, err)
		}
	}
}

// TestJournalElsewhere: no journal is made of what isn't one.
func TestJournalElsewhere(t *testing.T) {
	dir := t.TempDir()
	pipe, foreign := filepath.Join(dir, "pipe"), filepath.Join(dir, "foreign")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(foreign, []byte("precious"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		pipe: errNoJournal, dir: errNoJournal, foreign: ErrForeign, filepath.Join(dir, "none", "journal"): fs.ErrNotExist,
	} {
		if _, _, err := OpenJournal(path); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if text, err := os.ReadFile(foreign); string(text) != "precious" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// FuzzJournal: whatever a file has, what is read of it is a beginning of it, record
// for record.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(journalMark))
	f.Add(appendJournalRecord(appendJournalRecord([]byte(journalMark), []byte("one")), []byte("two")))
	f.Add(append(appendJournalRecord([]byte(journalMark), []byte("one")), 0, 0, 0))
	f.Fuzz(func(t *testing.T, all []byte) {
		records, good, err := parseJournal(all)
		if errors.Is(err, ErrForeign) {
			return
		}
		again := []byte(journalMark)
		for _, text := range records {
			again = appendJournalRecord(again, text)
		}
		if good > len(all) || !bytes.Equal(again, all[:good]) || err == nil && good < len(all) && len(all)-good > journalHead+MaxJournalRecord && len(bytes.Trim(all[good:], "\x00")) > 0 {
			t.Errorf("%d records in %d of %d bytes, %v", len(records), good, len(all), err)
		}
	})
}
