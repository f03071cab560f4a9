package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the kernel's CPU figures: USER_HZ, 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

var errStat = errors.New("can't be read")

// processCPU returns what a process has used, user and system, to the next tick.
func processCPU(pid int) (time.Duration, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	used, err := parseProcess(string(text))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return used, nil
}

// parseProcess reads a /proc/PID/stat. The second field is a name in
// parentheses, which may hold anything; utime and stime are the 14th and 15th.
func parseProcess(stat string) (time.Duration, error) {
	end := strings.LastIndexByte(stat, ')')
	fields := strings.Fields(stat[end+1:])
	if end < 0 || len(fields) < 13 {
		return 0, errStat
	}
	return ticks(fields[11:13])
}

// machineCPU returns what all processes together have used since the machine started.
func machineCPU() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseMachine(string(text))
}

// parseMachine reads a /proc/stat: user, nice, system, and, after idle and
// iowait, irq, softirq and what a hypervisor took.
func parseMachine(stat string) (time.Duration, error) {
	first, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(first)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat: %w", errStat)
	}
	return ticks(append(fields[1:4:4], fields[6:9]...))
}

// ticks sums up.
func ticks(fields []string) (time.Duration, error) {
	var sum time.Duration
	for _, f := range fields {
		n, err := strconv.ParseUint(f, 10, 63)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// usage is the CPU of everybody who takes part.
type usage struct {
	clients, service, levee, machine time.Duration
}

// measureCPU reads what everybody has used; levee may be 0 for none.
func measureCPU(service, levee int) (usage, error) {
	var u usage
	var errs [4]error
	u.clients, errs[0] = processCPU(os.Getpid())
	u.service, errs[1] = processCPU(service)
	if levee != 0 {
		u.levee, errs[2] = processCPU(levee)
	}
	u.machine, errs[3] = machineCPU()
	return u, errors.Join(errs[:]...)
}

// since returns what was used after an earlier reading.
func (u usage) since(before usage) usage {
	return usage{u.clients - before.clients, u.service - before.service, u.levee - before.levee, u.machine - before.machine}
}
