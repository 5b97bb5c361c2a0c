//go:build linux

package proving

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// childVariable makes this test's own process the one that is looked at.
const childVariable = "ZKCONSENT_TEST_DUMPS"

// A child process that called NoDumps writes no core and cannot be dumped; one
// that did not is dumpable.
func TestNoDumps(t *testing.T) {
	if mode := os.Getenv(childVariable); mode != "" {
		if mode == "off" {
			if err := NoDumps(); err != nil {
				t.Fatal(err)
			}
		}
		var core syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &core); err != nil {
			t.Fatal(err)
		}
		const prGetDumpable = 3
		dumpable, _, errno := syscall.Syscall(syscall.SYS_PRCTL, prGetDumpable, 0, 0)
		if errno != 0 {
			t.Fatal(errno)
		}
		fmt.Printf("core limit %d/%d, dumpable %d\n", core.Cur, core.Max, dumpable)
		return
	}
	child := func(mode string) string {
		c := exec.Command(os.Args[0], "-test.run=^TestNoDumps$", "-test.count=1")
		c.Env = append(os.Environ(), childVariable+"="+mode)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if out := child("off"); !strings.Contains(out, "core limit 0/0, dumpable 0\n") {
		t.Errorf("switched off: %s", out)
	}
	if out := child("on"); !strings.Contains(out, "dumpable 1\n") {
		t.Errorf("the test does not see a process that is dumpable: %s", out)
	}
}
