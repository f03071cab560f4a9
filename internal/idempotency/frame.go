package idempotency

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A journal is its mark, and then frames: each one batch of records, written
// by one call.
//
//	length of the records   4 bytes, big-endian
//	their checksum          4 bytes, CRC-32C
//	the header's checksum   4 bytes, CRC-32C of the 8 before
//	the records
//
// The header has a checksum of its own, so that a length that rotted isn't
// taken for a frame that was never written whole.
const (
	journalMark = "LEVEEIJ1"
	frameHeader = 12
	// mostFrame bounds a frame's records: more was written by nobody who means well.
	mostFrame = 128 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal fills in a frame's header, for which there must be room at its beginning.
func seal(frame []byte) {
	records := frame[frameHeader:]
	binary.BigEndian.PutUint32(frame, uint32(len(records)))
	binary.BigEndian.PutUint32(frame[4:], crc32.Checksum(records, castagnoli))
	binary.BigEndian.PutUint32(frame[8:], crc32.Checksum(frame[:8], castagnoli))
}

// errTorn says that the last frame was never written whole: its writer was
// killed, and nobody relied on it.
var errTorn = errors.New("the end was never written")

// What else is wrong with a frame.
var (
	errChecksum    = errors.New("a checksum is wrong")
	errEmptyHeader = errors.New("a header is empty, and more follows")
)

// readFrame reads one frame's records, of a journal of which so many bytes are
// left. io.EOF: there are no more.
//
// The end is torn where the file is too short for the frame, or where nothing
// but zeros follows, as some file systems leave behind when the power fails.
// Everything else that is wrong has been right once, unless [neverWritten] says
// otherwise: it was changed since, and what was lost with it nobody knows.
func readFrame(r io.Reader, left int64) ([]byte, error) {
	if left == 0 {
		return nil, io.EOF
	}
	if left < frameHeader {
		return nil, errTorn
	}
	var header [frameHeader]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	if header == [frameHeader]byte{} {
		return nil, onlyZeros(r)
	}
	if crc32.Checksum(header[:8], castagnoli) != binary.BigEndian.Uint32(header[8:]) {
		return nil, errChecksum
	}
	length := int64(binary.BigEndian.Uint32(header[:]))
	switch {
	case length > mostFrame:
		return nil, fmt.Errorf("a frame claims %d bytes", length)
	case length > left-frameHeader:
		return nil, errTorn
	}
	records := make([]byte, length)
	if _, err := io.ReadFull(r, records); err != nil {
		return nil, err
	}
	if crc32.Checksum(records, castagnoli) != binary.BigEndian.Uint32(header[4:]) {
		return nil, errChecksum
	}
	return records, nil
}

// onlyZeros is errTorn if the rest is that.
func onlyZeros(r io.Reader) error {
	var buf [4 << 10]byte
	for {
		n, err := r.Read(buf[:])
		for _, c := range buf[:n] {
			if c != 0 {
				return errEmptyHeader
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return errTorn
		default:
			return err
		}
	}
}
