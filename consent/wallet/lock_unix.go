//go:build unix

package wallet

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockFile takes the advisory lock that keeps two processes from writing one
// wallet. It lies beside the wallet, since the wallet's own file is replaced
// with every change.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, fmt.Errorf("wallet: locking %s: %w", path, err)
	}
	return f, nil
}
