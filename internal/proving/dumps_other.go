//go:build !linux

package proving

import "errors"

// NoDumps keeps the kernel from writing this process's memory to disk. Outside
// of Linux it cannot, and says so.
func NoDumps() error {
	return errors.New("proving: core dumps can be switched off on Linux alone; switch them off for this user")
}
