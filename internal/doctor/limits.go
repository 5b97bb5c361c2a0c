package doctor

import (
	"bytes"
	"context"
	"os"
)

// OpenFiles checks that the process may have as many files open as its
// connections and its stores take.
func OpenFiles(connections int) func(context.Context) Result {
	return func(context.Context) Result {
		has, err := openFiles()
		if err != nil {
			return Bad(Skipped, "", "not known on this system")
		}
		const do = "LimitNOFILE=65536 in the unit, or ulimit -n 65536"
		switch wants := uint64(2*connections + 1024); {
		case has < 1024:
			return Bad(Fail, do, "%d open files are allowed, the stores alone take hundreds", has)
		case has < wants:
			return Bad(Warn, do, "%d open files are allowed, limits.maxConnections on two listeners and the stores take up to %d", has, wants)
		}
		return Good("%d are allowed", has)
	}
}

// NoDumps checks that a crash does not write the process's memory to the disk.
func NoDumps(context.Context) Result {
	size, err := coreSize()
	switch {
	case err != nil:
		return Bad(Skipped, "", "not known on this system")
	case size != 0:
		return Bad(Warn, "LimitCORE=0 in the unit, or ulimit -c 0; with the role prover the process turns them off by itself", "this user's processes may write core dumps, and with them keys and what is proved")
	}
	return Good("off")
}

// NoSwap checks that memory is not written to the disk. On systems without
// /proc/swaps it is skipped.
func NoSwap(context.Context) Result {
	b, err := os.ReadFile("/proc/swaps")
	if err != nil {
		return Bad(Skipped, "", "not known on this system")
	}
	if bytes.Count(bytes.TrimSpace(b), []byte("\n")) > 0 {
		return Bad(Warn, "MemorySwapMax=0 in the unit, or encrypted swap", "this machine swaps: what is proved may be written to its disk")
	}
	return Good("off")
}
