package snapshot

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"
)

// Record is one thing to be kept.
type Record struct {
	// Key and Meta are the caller's, at most 64 KiB and 16 MiB.
	Key, Meta []byte
	// Body is the caller's, in chunks.
	Body [][]byte
	// Age is how old the record is: when written, and again when read.
	Age time.Duration
}

// A file is a preamble, records, and an end mark. Numbers are little-endian.
//
//	preamble  magic[8] version[2] len(schema)[2] saved[8] schema sum[4]
//	record    1[1] len(key)[2] len(meta)[4] len(body)[8] age[8] sum[4] key meta body sum[4]
//	end       2[1] 0[2]        0[4]         records[8]   0[8]   sum[4]
//
// Sums are CRC-32C. That of a record's head comes first, so that its lengths are
// believed only if they are right. All sums go on from the preamble's, in which
// the time is: a block of an older file isn't taken for one of this.
const (
	magic    = "LEVEE\x00\r\n"
	version  = 1
	preamble = 8 + 2 + 2 + 8
	head     = 1 + 2 + 4 + 8 + 8

	kindRecord = 1
	kindEnd    = 2

	maxKey  = math.MaxUint16
	maxMeta = 16 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(from uint32, data []byte) uint32 { return crc32.Update(from, castagnoli, data) }

func putHead(b []byte, kind byte, key, meta int, body uint64, age time.Duration, seed uint32) []byte {
	start := len(b)
	b = append(b, kind)
	b = binary.LittleEndian.AppendUint16(b, uint16(key))
	b = binary.LittleEndian.AppendUint32(b, uint32(meta))
	b = binary.LittleEndian.AppendUint64(b, body)
	b = binary.LittleEndian.AppendUint64(b, uint64(max(age, 0)))
	return binary.LittleEndian.AppendUint32(b, sum(seed, b[start:]))
}
