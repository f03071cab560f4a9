package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of /proc/PID/stat: USER_HZ, 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// usage is what a process and those it started have taken from the machine.
type usage struct {
	cpu time.Duration // user and system
	rss int64         // resident bytes now; what processes share counts for each
}

// usageOf reads it for a process and all below it.
func usageOf(pid int) (usage, error) {
	pids, err := family(pid)
	if err != nil {
		return usage{}, err
	}
	var sum usage
	for _, pid := range pids {
		cpu, err := cpuOf(pid)
		rss, err2 := rssOf(pid)
		if err := errors.Join(err, err2); err != nil {
			return usage{}, err
		}
		sum.cpu, sum.rss = sum.cpu+cpu, sum.rss+rss
	}
	return sum, nil
}

// family is a process and those below it: masters and their workers.
func family(root int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		fields, err := statOf(pid)
		if err != nil {
			continue // it ended meanwhile
		}
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], pid)
	}
	pids := []int{root}
	for i := 0; i < len(pids); i++ {
		pids = append(pids, children[pids[i]]...)
	}
	return pids, nil
}

// statOf returns the fields of /proc/PID/stat from the third on, the state. The
// second is a name in parentheses, which may hold anything.
func statOf(pid int) ([]string, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseStat(path, string(text))
}

func parseStat(path, text string) ([]string, error) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return nil, fmt.Errorf("%s can't be read", path)
	}
	return fields, nil
}

// cpuOf is the user and system time of one process: as its threads' schedstat
// has it, to the nanosecond, or, if threads have ended and taken their part
// with them, as stat has it, to the hundredth of a second.
func cpuOf(pid int) (time.Duration, error) {
	fields, err := statOf(pid)
	if err != nil {
		return 0, err
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err := errors.Join(err, err2); err != nil {
		return 0, err
	}
	coarse := time.Duration(user+system) * tick
	if fine := threads(pid); fine > coarse-2*tick {
		return fine, nil
	}
	return coarse, nil
}

// threads sums up the time on a processor of a process's threads; 0 where the
// kernel doesn't tell.
func threads(pid int) (sum time.Duration) {
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return 0
		}
		first, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0
		}
		sum += time.Duration(n)
	}
	return sum
}

// rssOf is the resident memory of one process.
func rssOf(pid int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("%s has no VmRSS", path)
}
