package postgrestest

import (
	"os"
	"syscall"
)

// room is what a folder in memory must have free to hold a server's.
const room = 2 << 30

// folder is where servers have their folders: in memory, where a flush costs
// nothing and what is killed loses no less, or on the disk for tests at full
// length and where memory is short.
func folder() string {
	const memory = "/dev/shm"
	var s syscall.Statfs_t
	if os.Getenv("ZKCONSENT_SERVICES") == "" && syscall.Statfs(memory, &s) == nil && uint64(s.Bsize)*s.Bavail >= room {
		return memory
	}
	return "/tmp"
}
