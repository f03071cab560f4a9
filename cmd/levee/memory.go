package main

import (
	"log/slog"
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// limitMemory has the garbage collector keep below nine tenths of the memory
// that the container may use. Without it, Go collects by how much the heap has
// grown, and is killed before it gets to it. GOMEMLIMIT and AUTOMEMLIMIT, where
// set, are obeyed.
func limitMemory(log *slog.Logger) {
	limit, err := memlimit.Set()
	switch {
	case err != nil:
		log.Debug("the container's memory limit isn't known", "error", err)
	case limit < math.MaxInt64:
		log.Debug("memory is limited", "bytes", limit)
	}
}
