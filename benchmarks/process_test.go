package benchmarks_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/member"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
)

// A process is a node as its operator runs it: the program `zkconsent node
// start`, in a process of its own on loopback.
type process struct {
	*wire.Remote
	cmd    *exec.Cmd
	exited chan struct{}
}

// program is what ZKCONSENT names.
func program(t testing.TB) string {
	t.Helper()
	p := os.Getenv("ZKCONSENT")
	if p == "" {
		t.Skip("runs the program that ZKCONSENT names; run: make figures-ledger")
	}
	return p
}

// launch begins a process and returns when clients can reach it.
func launch(t testing.TB, home ledger.Home, flags ...string) *process {
	t.Helper()
	dir := t.TempDir()
	ready := filepath.Join(dir, "ready")
	var said bytes.Buffer
	p := &process{cmd: exec.CommandContext(t.Context(), program(t), append([]string{"--home", dir, "node", "start",
		"--node-home", string(home), "--listen", "127.0.0.1:0", "--rest", "", "--ready-file", ready}, flags...)...), exited: make(chan struct{})}
	p.cmd.Stderr = &said
	p.cmd.WaitDelay = 10 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() { p.end(t) })
	for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); {
		if b, err := os.ReadFile(ready); err == nil && bytes.HasSuffix(b, []byte("\n")) {
			conn, err := client.Dial(client.Config{Addresses: []string{string(bytes.TrimSpace(b))}, Attempts: 1})
			if err != nil {
				t.Fatal(err)
			}
			p.Remote = wire.NewRemote(conn)
			return p
		}
		select {
		case <-p.exited:
			t.Fatalf("a node ended: %s", said.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Fatal("a node was not ready in ten minutes")
	return nil
}

// end stops the process and waits for that.
func (p *process) end(t testing.TB) {
	t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		p.cmd.Process.Kill()
		t.Error("a node did not stop when it was told to")
	}
	if p.Remote != nil {
		p.Close()
		p.Remote = nil
	}
}

// launchAll begins members that know each other.
func launchAll(t testing.TB, homes []ledger.Home) (doors []door) {
	t.Helper()
	peers := make([]string, len(homes))
	addresses := make([]string, len(homes))
	for i, h := range homes {
		addresses[i] = freePort(t)
		peers[i] = peer(t, h, addresses[i])
	}
	doors = make([]door, len(homes))
	for i, h := range homes {
		flags := []string{"--p2p", addresses[i]}
		for _, p := range peers {
			flags = append(flags, "--peer", p) // the node leaves itself out
		}
		doors[i] = launch(t, h, flags...)
	}
	return doors
}

func peer(t testing.TB, h ledger.Home, address string) string {
	t.Helper()
	id, err := h.NodeID()
	if err != nil {
		t.Fatal(err)
	}
	return member.Peer{ID: id, Address: address}.String()
}

// freePort asks the system for a port that nobody has.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
