//go:build !unix

package ceremony

import (
	"os"
	"testing"
)

// pipe makes a folder, where there are no named pipes.
func pipe(tb testing.TB, path string) {
	tb.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		tb.Fatal(err)
	}
}
