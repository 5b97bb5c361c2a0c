//go:build unix

package postgrestest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// An owner is whom a server's processes and files belong to.
type owner struct {
	uid, gid uint32
	changed  bool // it is not the user of the tests
}

func ownerOf(t testing.TB) owner {
	t.Helper()
	if os.Getuid() != 0 {
		return owner{}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return owner{uint32(uid), uint32(gid), true}
		}
	}
	t.Fatal("PostgreSQL does not run as root, and this machine has no user postgres or nobody")
	return owner{}
}

// give makes a folder the owner's.
func (o owner) give(dir string) error {
	if !o.changed {
		return nil
	}
	return os.Chown(dir, int(o.uid), int(o.gid))
}

// as lets a command run as the owner, out of reach of the terminal's signals.
func (o owner) as(c *exec.Cmd) *exec.Cmd {
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if o.changed {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: o.uid, Gid: o.gid}
	}
	return c
}

// fast is the signal at which PostgreSQL undoes what is under way and stops.
const fast = syscall.SIGINT

// children are the processes that a process started, by /proc; none where the
// system has no such thing.
func children(of int) (out []int) {
	all, _ := os.ReadDir("/proc")
	for _, e := range all {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		// "pid (name) state ppid": the name may hold anything.
		after := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(after) > 1 && after[1] == strconv.Itoa(of) {
			out = append(out, pid)
		}
	}
	return out
}

func kill(pid int) { syscall.Kill(pid, syscall.SIGKILL) }
