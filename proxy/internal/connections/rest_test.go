package connections

import (
	"strings"
	"testing"
)

// TestRestFollowsRecords: wherever the bytes are split, rest knows whether a
// record has ended.
func TestRestFollowsRecords(t *testing.T) {
	records := "\x16\x03\x03\x00\x02ab" + "\x17\x03\x03\x01\x00" + strings.Repeat("x", 256) + "\x17\x03\x03\x00\x00"
	ends := map[int]bool{0: true, 7: true, 7 + 5 + 256: true, len(records): true}
	for cut := range len(records) + 1 {
		for _, step := range []int{1, 3, 1000} {
			r := &rest{}
			for at := 0; at < cut; at += step {
				r.pass([]byte(records[at:min(at+step, cut)]))
			}
			if ended := r.have == 0 && r.left == 0; ended != ends[cut] {
				t.Errorf("behind %d bytes in steps of %d: ended is %v", cut, step, ended)
			}
		}
	}
}
