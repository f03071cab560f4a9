package idempotency

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// start reads the journal, and begins to write it.
func (j *journal) start(now time.Time) {
	j.open(now)
	go j.run()
}

// open reads the journal, if it can.
func (j *journal) open(now time.Time) {
	err := j.read(now)
	if err != nil {
		j.fail(err, now)
		return
	}
	j.recover(now)
}

func (j *journal) read(now time.Time) (err error) {
	if j.held == nil {
		if j.held, err = lock(j.path); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() { // a pipe would be waited for, for ever
		return errors.New("it is no regular file")
	}
	read, err := readJournal(f, info.Size())
	if err != nil {
		return err
	}
	if read.torn > 0 {
		if err := f.Truncate(read.good); err != nil {
			return err
		}
	}
	w := j.wrap(f)
	if read.good == 0 {
		if _, err := w.Write([]byte(journalMark)); err != nil {
			return err
		}
		read.good = int64(len(journalMark))
	}
	if err := w.Sync(); err != nil {
		return err
	}
	if info.Size() == 0 {
		syncFolder(filepath.Dir(j.path))
	}
	j.os, j.file = f, w
	j.setSize(read.good)
	restored := j.table.restore(read, now)
	j.mu.Lock()
	j.told.Restored, j.told.Torn = restored, read.torn
	j.mu.Unlock()
	switch {
	case info.Size() == 0:
		j.table.log.Info("the idempotency journal is new: no key is known yet", "file", j.path)
	default:
		j.table.log.Info("idempotency journal read", "file", j.path, "keys", restored)
	}
	if read.torn > 0 {
		j.table.log.Warn("the end of the idempotency journal was never written whole, and is cut off", "file", j.path, "bytes", read.torn)
	}
	return nil
}
