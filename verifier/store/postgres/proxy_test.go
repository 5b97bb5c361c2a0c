package postgres

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zkconsent/zkconsent/verifier/store/postgres/postgrestest"
)

// A proxy is the network between a replica and its database, which a test can
// hold up or cut.
type proxy struct {
	listener net.Listener
	server   string
	all      sync.WaitGroup
	running  atomic.Int64 // goroutines of its own

	mu     sync.Mutex
	moved  *sync.Cond
	held   bool
	closed bool
	conns  map[net.Conn]bool
	commit commitFault
}

// A commitFault is what becomes of a connection that carries a COMMIT.
type commitFault int

const (
	none      commitFault = iota
	cutBefore             // the server never sees it
	cutAfter              // the server sees it, its answer is lost
)

func newProxy(t testing.TB, server *postgrestest.Server) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: server.Socket(), conns: map[net.Conn]bool{}}
	p.moved = sync.NewCond(&p.mu)
	p.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.running.Add(3)
			p.all.Go(func() {
				defer p.running.Add(-3)
				p.carry(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		p.closed = true
		p.moved.Broadcast()
		p.mu.Unlock()
		p.cut()
		p.all.Wait()
	})
	return p
}

// dsn is the connection string of a database behind the proxy.
func (p *proxy) dsn(database string) string {
	a := p.listener.Addr().(*net.TCPAddr)
	return fmt.Sprintf("host=127.0.0.1 port=%d user=postgres sslmode=disable dbname=%s", a.Port, database)
}

func (p *proxy) carry(client net.Conn) {
	server, err := net.Dial("unix", p.server)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.pump(client, server, true) })
	both.Go(func() { p.pump(server, client, false) })
	both.Wait()
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

func (p *proxy) pump(from, to net.Conn, asking bool) {
	defer from.Close()
	defer to.Close()
	b := make([]byte, 1<<12)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		p.mu.Lock()
		for p.held && !p.closed {
			p.moved.Wait()
		}
		fault := none
		if asking && bytes.Contains(b[:n], []byte("commit\x00")) {
			fault, p.commit = p.commit, none
		}
		p.mu.Unlock()
		switch fault {
		case cutBefore:
			return
		case cutAfter:
			from.Close() // the client's side first: no answer reaches it
		}
		if _, err := to.Write(b[:n]); err != nil || fault == cutAfter {
			return
		}
	}
}

// hold stops everything that is under way, as a network does that drops all
// packets; go on with let.
func (p *proxy) hold() {
	p.mu.Lock()
	p.held = true
	p.mu.Unlock()
}

func (p *proxy) let() {
	p.mu.Lock()
	p.held = false
	p.moved.Broadcast()
	p.mu.Unlock()
}

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// atCommit says what becomes of the next COMMIT.
func (p *proxy) atCommit(f commitFault) {
	p.mu.Lock()
	p.commit = f
	p.mu.Unlock()
}
