package postgrestest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

const childsTurn = "ZKCONSENT_POSTGRESTEST_CHILD"

// TestServerEndsWithItsTests runs this test again as a child, kills the child
// and expects nothing of its server to be left.
func TestServerEndsWithItsTests(t *testing.T) {
	if os.Getenv(childsTurn) != "" {
		dsn := Database(t)
		if err := Execute(context.Background(), dsn, "CREATE TABLE kept (x int)"); err != nil {
			t.Fatal(err)
		}
		fmt.Println(shared.server.dir)
		time.Sleep(patience)
		return
	}
	programs(t)
	child := exec.Command(os.Args[0], "-test.run=^TestServerEndsWithItsTests$")
	child.Env = append(os.Environ(), childsTurn+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	dir := lines.Text()
	if _, err := os.Stat(dir + "/data/postmaster.pid"); err != nil {
		child.Process.Kill()
		t.Fatalf("the child's server: %q, %v", dir, err)
	}
	child.Process.Kill()
	child.Wait()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is still there", dir)
		}
	}
}
