//go:build !unix

package wallet

import (
	"errors"
	"os"
)

// lockFile refuses where the system has no advisory locks: two processes that
// write one wallet could reuse a record's number.
func lockFile(string) (*os.File, error) {
	return nil, errors.New("wallet: this system offers no advisory file locks, which a wallet needs")
}
