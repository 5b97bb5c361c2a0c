package proving

import (
	"fmt"
	"syscall"
)

// prSetDumpable is PR_SET_DUMPABLE of prctl(2).
const prSetDumpable = 4

// NoDumps keeps the kernel from writing this process's memory to disk when it
// crashes, and others of its user from attaching to it. Child processes that it
// starts afterwards write no dumps either. The process's files below /proc then
// belong to root, so that it cannot count its own open files any more.
func NoDumps() error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("proving: core dumps stay on: %w", err)
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0); errno != 0 {
		return fmt.Errorf("proving: core dumps stay on: %w", errno)
	}
	return nil
}
