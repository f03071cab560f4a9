package idempotency

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// rewriteFrame is about how many bytes of records make a frame of a journal
// that is written anew.
const rewriteFrame = 256 << 10

// rewritten is a journal that was written anew beside the one in use.
type rewritten struct {
	f     *os.File
	size  int64
	from  int64 // the offset in the one in use behind which it knows nothing
	error error
}

// rewrite writes a journal of what the table holds now, beside the one at
// path, and leaves it open at its end. Only Levee's own user may read it.
func (j *journal) rewrite() (_ *os.File, size int64, err error) {
	all := j.table.snapshot()
	temporary := j.path + ".tmp"
	// Made anew, so that nothing that somebody has put there is followed.
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	f, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(temporary)
		}
	}()
	w := bufio.NewWriterSize(j.wrap(f), 256<<10)
	write := func(b []byte) {
		n, _ := w.Write(b) // the error comes back with Flush
		size += int64(n)
	}
	write([]byte(journalMark))
	frame := make([]byte, frameHeader, frameHeader+rewriteFrame+4<<10)
	for i := range all {
		e := &all[i]
		frame = appendBegin(frame, e.ticket, e.since, e.key, e.print)
		if e.answer != nil {
			frame = appendAnswer(frame, e.ticket, e.since, e.key, e.answer)
		}
		if len(frame) >= rewriteFrame || i == len(all)-1 {
			seal(frame)
			write(frame)
			frame = frame[:frameHeader]
		}
	}
	if err := w.Flush(); err != nil {
		return nil, 0, err
	}
	return f, size, nil
}

// replace puts a journal that was written anew in the place of the old one.
func (j *journal) replace(f *os.File, size int64) error {
	next := j.wrap(f)
	err := next.Sync()
	if err == nil {
		err = os.Rename(f.Name(), j.path)
	}
	if err != nil {
		f.Close()
		os.Remove(f.Name())
		return err
	}
	syncFolder(filepath.Dir(j.path))
	if j.os != nil {
		j.os.Close()
	}
	j.os, j.file = f, next
	j.setSize(size)
	return nil
}

// copyTail copies what was written behind an offset to a journal that was
// begun to be written anew before that.
func (j *journal) copyTail(to *os.File, from int64) (int64, error) {
	return io.Copy(j.wrap(to), io.NewSectionReader(j.os, from, j.sizeNow()-from))
}

// abandonRewrite waits for a journal that is being written anew, and throws it
// away: there is only one such file.
func (j *journal) abandonRewrite() {
	if j.rewriting == nil {
		return
	}
	if r := <-j.rewriting; r.f != nil {
		r.f.Close()
		os.Remove(r.f.Name())
	}
	j.rewriting = nil
}

// syncFolder makes a rename outlive a power cut, where the file system can.
func syncFolder(path string) {
	if d, err := os.Open(path); err == nil {
		_ = d.Sync() // some have no such thing
		d.Close()
	}
}

// shrink begins to write a smaller journal, beside the one in use, which goes
// on being written.
func (j *journal) shrink() {
	results := make(chan rewritten, 1)
	j.rewriting = results
	from := j.sizeNow()
	go func() {
		f, size, err := j.rewrite()
		if err == nil { // most of it, so that the writer isn't held up for long
			_ = j.wrap(f).Sync() // it will be tried again
		}
		results <- rewritten{f, size, from, err}
	}()
}

// adopt takes a journal that was written anew into use, with what was written
// to the old one meanwhile.
func (j *journal) adopt(r rewritten) {
	err := r.error
	if err == nil {
		var n int64
		if n, err = j.copyTail(r.f, r.from); err == nil {
			err = j.replace(r.f, r.size+n)
		} else {
			r.f.Close()
			os.Remove(r.f.Name())
		}
	}
	if err != nil {
		// The one in use is sound; it only is larger than it has to be.
		j.rewriteAt = j.sizeNow() * 3 / 2
		j.table.log.Warn("the idempotency journal can't be written anew; it goes on growing", "file", j.path, "error", err)
		return
	}
	j.rewriteAt = rewriteAt
}

// restart writes the journal anew, after a failure.
func (j *journal) restart(now time.Time) {
	j.abandonRewrite()
	f, size, err := j.rewrite()
	if err == nil {
		err = j.replace(f, size)
	}
	if err != nil {
		j.fail(err, now)
		return
	}
	j.recover(now)
}
