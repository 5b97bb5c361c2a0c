package server

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// maxConns is how many open connections a listener has. Without a bound others
// could take all of the process's file descriptors, and with them its store.
const maxConns = 512

// limited is a listener with so many places. When all are taken, the connection
// that has been without a call for longest is closed for a new one: whoever
// opens connections and says nothing closes only their own kind, and a client
// that is cut off between two calls dials again. A connection with a call under
// way keeps its place; when all have one, the new connection waits.
type limited struct {
	net.Listener
	max int

	mu     sync.Mutex
	placed map[string]*placed // by both of its addresses
	left   chan struct{}      // closed when a place may have become free
	closed bool
}

func limit(l net.Listener, n int) *limited {
	return &limited{Listener: l, max: n, placed: map[string]*placed{}, left: make(chan struct{})}
}

// placed is a connection that has a place.
type placed struct {
	net.Conn
	in     *limited
	since  time.Time     // it was opened
	resets *rate.Limiter // of calls that its caller takes back

	queued, written atomic.Int64 // bytes of answers; with their frames

	// Guarded by in.mu.
	calls int       // under way
	idle  time.Time // since when there has been none
	gone  bool
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if p := l.place(c); p != nil {
			return p, nil
		}
		_ = c.Close() // the listener was closed
	}
}

// place finds a place for a connection, or returns nil once the listener is
// closed.
func (l *limited) place(c net.Conn) *placed {
	for {
		l.mu.Lock()
		if l.closed {
			l.mu.Unlock()
			return nil
		}
		if len(l.placed) < l.max {
			now := time.Now()
			p := &placed{Conn: c, in: l, since: now, idle: now, resets: rate.NewLimiter(resetsPerSecond, resetsAtOnce)}
			l.placed[ends(c.RemoteAddr(), c.LocalAddr())] = p
			l.mu.Unlock()
			return p
		}
		idlest, left := l.idlest(), l.left
		l.mu.Unlock()
		if idlest != nil {
			_ = idlest.Close()
			continue
		}
		<-left
	}
}

func (l *limited) idlest() (found *placed) {
	for _, p := range l.placed {
		if p.calls == 0 && (found == nil || p.idle.Before(found.idle)) {
			found = p
		}
	}
	return found
}

// of finds the connection between two addresses, nil if there is none.
func (l *limited) of(remote, local net.Addr) *placed {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.placed[ends(remote, local)]
}

func ends(remote, local net.Addr) string { return remote.String() + " " + local.String() }

// open is the number of connections.
func (l *limited) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.placed)
}

// wake lets those look again who wait for a place. Its caller holds mu.
func (l *limited) wake() {
	close(l.left)
	l.left = make(chan struct{})
}

func (l *limited) Close() error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		l.wake()
	}
	l.mu.Unlock()
	return l.Listener.Close()
}

// Close gives the place back.
func (p *placed) Close() error {
	p.in.mu.Lock()
	if !p.gone {
		p.gone = true
		delete(p.in.placed, ends(p.RemoteAddr(), p.LocalAddr()))
		p.in.wake()
	}
	p.in.mu.Unlock()
	return p.Conn.Close()
}

// enter begins a call.
func (p *placed) enter() {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	p.calls++
}

// leave ends a call.
func (p *placed) leave() {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	if p.calls--; p.calls == 0 {
		p.idle = time.Now()
		p.in.wake()
	}
}
