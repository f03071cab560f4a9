package idempotency

import (
	"bufio"
	"encoding/binary"
	"hash/crc32"
	"io"
)

const (
	// fileBlock is what file systems write at once, and a common divisor of what
	// they may.
	fileBlock = 4 << 10
	// fewZeros is how many zeros at the edge of what is looked at are taken for a
	// block that was never written; fewer are in many sound frames.
	fewZeros = 512
)

// neverWritten says whether a journal's rest, from a frame on that isn't sound,
// is what a power cut leaves of a write that nobody had seen to its end: the
// file has got its length, and some of its blocks no data. Such a block reads as zeros. Data that
// rotted doesn't.
//
// Something that looks like a sound frame behind it says that the writer had
// gone on, so that the frame had been relied on: then it was changed later.
func neverWritten(journal io.ReaderAt, from, size int64) (bool, error) {
	r := bufio.NewReaderSize(io.NewSectionReader(journal, from, size-from), 256<<10)
	found := false
	zeros, part := 0, 0 // of the block that is being read
	for at := from; at < size; at++ {
		if at%fileBlock == 0 {
			zeros, part = 0, 0
		}
		if at > from && at <= size-frameHeader {
			header, err := r.Peek(frameHeader)
			if err != nil {
				return false, err
			}
			length := int64(binary.BigEndian.Uint32(header))
			if length <= size-at-frameHeader && crc32.Checksum(header[:8], castagnoli) == binary.BigEndian.Uint32(header[8:]) {
				return false, nil
			}
		}
		c, err := r.ReadByte()
		if err != nil {
			return false, err
		}
		part++
		if c == 0 {
			zeros++
		}
		if end := (at+1)%fileBlock == 0 || at+1 == size; end && zeros == part && part >= fewZeros {
			found = true
		}
	}
	return found, nil
}
