package snapshot

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const killedAt = "LEVEE_TEST_SNAPSHOT_PATH"

// TestMain turns the test binary into the process that is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv(killedAt); path != "" {
		writeForever(path)
	}
	os.Exit(m.Run())
}

// writeForever writes one snapshot after the other, a line for each record, with
// the snapshot's number in each record.
func writeForever(path string) {
	for n := 0; ; n++ {
		_, err := Write(context.Background(), path, "schema", noon, func(yield func(Record) bool) {
			for range 300 {
				fmt.Println("record")
				if !yield(Record{Key: fmt.Append(nil, n), Body: [][]byte{make([]byte, 3000)}}) {
					return
				}
			}
		})
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		fmt.Println("saved", n)
	}
}

// TestKilledWhileWriting: kill -9 at any moment leaves a whole snapshot, the last
// one that was reported or one that was just done.
func TestKilledWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.snapshot")
	r := rand.New(rand.NewPCG(1, 1))
	for range 12 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		child := exec.CommandContext(ctx, os.Args[0])
		child.Env = append(os.Environ(), killedAt+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines, saved := bufio.NewScanner(out), -1
		for left := 310 + r.IntN(1500); left > 0 && lines.Scan(); left-- {
			if strings.HasPrefix(lines.Text(), "failed") {
				t.Error(lines.Text())
			}
			_, _ = fmt.Sscanf(lines.Text(), "saved %d", &saved)
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // "signal: killed"
		cancel()

		records, number := 0, -1
		_, err = Read(t.Context(), path, "schema", noon, 1<<20, func(r Record) error {
			records++
			_, err := fmt.Sscan(string(r.Key), &number)
			return err
		})
		if err != nil || records != 300 || number < saved {
			t.Fatalf("killed after snapshot %d: found %d records of snapshot %d, %v", saved, records, number, err)
		}
	}
	// What they left behind is removed by whoever starts next.
	if n := Clean(path, time.Now().Add(time.Hour)); n == 0 {
		t.Error("nothing was left")
	}
	only(t, path)
}
