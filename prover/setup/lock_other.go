//go:build !unix

package setup

import (
	"context"
	"errors"
)

// Lock refuses: without a lock that ends with its process, two setups could
// write one folder, or a crash could close it for ever.
func Lock(context.Context, string) (func(), error) {
	return nil, errors.New("setup: no file locks on this system; make the keys on a unix and copy the folder")
}
