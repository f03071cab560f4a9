package main

import (
	"os"
	"slices"
	"testing"
)

func TestUsageOfThisProcess(t *testing.T) {
	before, err := usageOf(os.Getpid())
	if err != nil {
		t.Skip(err) // not Linux
	}
	x := uint64(1)
	for after := before; after.cpu <= before.cpu; {
		for range 1_000_000 {
			x = x*6364136223846793005 + 1
		}
		if after, err = usageOf(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if before.rss < 1<<20 || x == 0 {
		t.Errorf("%d bytes resident", before.rss)
	}
	if pids, err := family(os.Getppid()); err != nil || !slices.Contains(pids, os.Getpid()) {
		t.Errorf("this process is not among its parent's: %v, %v", pids, err)
	}
}

func TestParseStat(t *testing.T) {
	fields, err := parseStat("stat", "12 (a ) b) S 1 12 12 0 -1 4194304 100 0 0 0 150 75 0 0 20 0 4 0 100 1000 200")
	if err != nil || fields[0] != "S" || fields[1] != "1" || fields[11] != "150" || fields[12] != "75" {
		t.Errorf("%q, %v", fields, err)
	}
	if _, err := parseStat("stat", "12 (a"); err == nil {
		t.Error("half a line is no error")
	}
}
