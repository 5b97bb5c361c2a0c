package cluster_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cometbft/cometbft/p2p"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
)

// A member is a validator in a process of its own. To clients it is a source
// at an address that changes with every start.
type member struct {
	t     *testing.T
	name  string
	home  ledger.Home
	key   ed25519.PublicKey
	id    p2p.ID
	peers []string
	every uint64   // blocks from one snapshot to the next; 0 as the node has it
	join  []string // clients' addresses of members that the next start joins by
	log   string   // file of what the processes wrote

	mu     sync.Mutex
	cmd    *exec.Cmd
	listen string // for other members
	remote *wire.Remote
	exited chan struct{}
}

var _ light.Source = (*member)(nil)

func newMember(t *testing.T, name string) *member {
	t.Helper()
	m := &member{t: t, name: name, home: ledger.Home(t.TempDir())}
	m.log = filepath.Join(t.TempDir(), "log")
	var err error
	if m.key, err = m.home.Create(); err != nil {
		t.Fatal(err)
	}
	key, err := p2p.LoadNodeKey(filepath.Join(string(m.home), "config", "node_key.json"))
	if err != nil {
		t.Fatal(err)
	}
	m.id = key.ID()
	return m
}

// start runs the member and returns when clients can reach it. It tries again
// only if somebody else took the port meanwhile.
func (m *member) start() {
	m.t.Helper()
	for range 3 {
		if m.launch() {
			return
		}
		if !strings.Contains(m.tail(), "address already in use") {
			break
		}
	}
	m.t.Fatalf("%s did not start: %s", m.name, m.tail())
}

func (m *member) launch() bool {
	m.t.Helper()
	listen := freePort(m.t)
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), memberHome+"="+string(m.home), memberListen+"=tcp://"+listen, memberPeers+"="+strings.Join(m.peers, " "),
		fmt.Sprintf("%s=%d", memberSnapshots, m.every), memberJoin+"="+strings.Join(m.join, " "))
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		m.t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	in, err := cmd.StdinPipe() // held open: its end tells the process that the test is over
	if err != nil {
		m.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.mu.Lock()
	m.cmd, m.listen, m.exited = cmd, listen, make(chan struct{})
	exited := m.exited
	m.mu.Unlock()
	patience := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	defer patience.Stop()
	lines := bufio.NewScanner(out)
	address, ok := "", lines.Scan()
	if ok {
		address, ok = strings.CutPrefix(lines.Text(), "ready ")
	}
	go func() {
		for lines.Scan() {
		}
		cmd.Wait()
		in.Close()
		close(exited)
	}()
	if !ok {
		cmd.Process.Kill()
		<-exited
		return false
	}
	remote, err := reach(address)
	if err != nil {
		m.t.Fatal(err)
	}
	m.mu.Lock()
	old := m.remote
	m.remote = remote
	m.mu.Unlock()
	if old != nil {
		old.Close()
	}
	return true
}

// signal sends a signal to the process.
func (m *member) signal(s syscall.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cmd.Process.Signal(s)
}

// end sends a signal that ends the process, and waits for that.
func (m *member) end(s syscall.Signal) {
	m.t.Helper()
	m.signal(s)
	m.mu.Lock()
	exited := m.exited
	m.mu.Unlock()
	select {
	case <-exited:
	case <-time.After(30 * time.Second):
		m.signal(syscall.SIGKILL)
		m.t.Errorf("%s did not end: %s", m.name, m.tail())
	}
}

func (m *member) ended() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.exited:
		return true
	default:
		return false
	}
}

// tail is the end of what the member's processes wrote.
func (m *member) tail() string {
	b, err := os.ReadFile(m.log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-4096):])
}

func (m *member) where() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.listen
}

func (m *member) wire() *wire.Remote {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.remote
}

func (m *member) Checkpoint(ctx context.Context) ([]byte, error) { return m.wire().Checkpoint(ctx) }
func (m *member) Directory(ctx context.Context) ([]byte, error)  { return m.wire().Directory(ctx) }
func (m *member) Submit(ctx context.Context, tx []byte) ([]byte, error) {
	return m.wire().Submit(ctx, tx)
}

func (m *member) Log(ctx context.Context, k journal.Kind, from uint64, max int) ([][]byte, error) {
	return m.wire().Log(ctx, k, from, max)
}

func (m *member) Trail(ctx context.Context, above uint64) ([][]byte, error) {
	return m.wire().Trail(ctx, above)
}

func (m *member) Layer(ctx context.Context, from uint64, max int) ([]byte, error) {
	return m.wire().Layer(ctx, from, max)
}

func (m *member) Changes(ctx context.Context, epoch uint64) ([]byte, error) {
	return m.wire().Changes(ctx, epoch)
}

func (m *member) Bucket(ctx context.Context, number uint64, root [32]byte) ([]byte, error) {
	return m.wire().Bucket(ctx, number, root)
}

func (m *member) Anchor(ctx context.Context, epoch uint64) ([]byte, error) {
	return m.wire().Anchor(ctx, epoch)
}

// freePort asks the system for a port that nobody has.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (m *member) String() string { return fmt.Sprintf("%s (%.8s)", m.name, m.id) }
