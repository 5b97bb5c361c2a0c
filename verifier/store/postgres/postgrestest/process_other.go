//go:build !unix

package postgrestest

import (
	"os"
	"os/exec"
	"testing"
)

type owner struct{}

func ownerOf(t testing.TB) owner {
	t.Skip("PostgreSQL: the tests run one on Unix only")
	return owner{}
}

func (owner) give(string) error        { return nil }
func (owner) as(c *exec.Cmd) *exec.Cmd { return c }
func killAll(int)                      {}
func kill(int)                         {}

// fast is the signal at which PostgreSQL undoes what is under way and stops.
var fast = os.Interrupt
