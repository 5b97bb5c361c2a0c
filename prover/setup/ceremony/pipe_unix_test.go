//go:build unix

package ceremony

import (
	"syscall"
	"testing"
)

// pipe makes a named pipe into which nobody writes.
func pipe(tb testing.TB, path string) {
	tb.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		tb.Fatal(err)
	}
}
