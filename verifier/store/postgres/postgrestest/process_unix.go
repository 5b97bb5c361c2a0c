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
	"time"
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
		if _, parent := state(pid); parent == strconv.Itoa(of) {
			out = append(out, pid)
		}
	}
	return out
}

// state is how a process is, by a letter, and what its parent is; nothing of one
// that is gone.
func state(pid int) (letter, parent string) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", ""
	}
	// "pid (name) state ppid": the name may hold anything.
	after := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(after) < 2 {
		return "", ""
	}
	return after[0], after[1]
}

// killAll ends a process and its children, and waits until the children have let
// go of the memory that they share. The parent is stopped first, so that it
// starts no other.
func killAll(pid int) {
	syscall.Kill(pid, syscall.SIGSTOP)
	all := children(pid)
	kill(pid)
	for _, child := range all {
		kill(child)
	}
	for end := time.Now().Add(patience); len(all) > 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if letter, _ := state(all[0]); letter == "" || letter == "Z" || letter == "X" {
			all = all[1:]
		}
	}
}

func kill(pid int) { syscall.Kill(pid, syscall.SIGKILL) }
