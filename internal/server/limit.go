package server

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zkconsent/zkconsent/internal/shares"
	"golang.org/x/time/rate"
)

// maxConns is how many open connections a listener has. Without a bound others
// could take all of the process's file descriptors, and with them its store.
const maxConns = 512

// limited is a listener with so many places. When all are taken, the connection
// that has been without a call for longest is closed for a new one: whoever
// opens connections and says nothing closes only their own kind, and a client
// that is cut off between two calls dials again. A call is under way from when
// it has arrived whole: who sends it a byte now and then has none. When every
// connection has a call under way, one of the neighbourhood that has most of
// them is closed for somebody from elsewhere; otherwise the new one waits.
type limited struct {
	net.Listener
	max int

	ready  chan *placed
	failed chan error // of the inner listener; it has one
	begin  sync.Once

	mu      sync.Mutex
	placed  map[string]*placed // by both of its addresses
	waiting int
	left    chan struct{} // closed when a place may have become free
	over    chan struct{} // closed with the listener
	closed  bool
}

const (
	maxWaiting    = 64 // new connections that wait for a place
	shortestPause = 5 * time.Millisecond
)

func limit(l net.Listener, n int) *limited {
	return &limited{
		Listener: l, max: n, placed: map[string]*placed{}, left: make(chan struct{}),
		ready: make(chan *placed), failed: make(chan error, 1), over: make(chan struct{}),
	}
}

// placed is a connection that has a place.
type placed struct {
	net.Conn
	in     *limited
	from   string        // whose it is
	since  time.Time     // it was opened
	resets *rate.Limiter // of calls that its caller takes back

	queued, written atomic.Int64 // bytes of answers; with their frames

	// Guarded by in.mu.
	calls int       // under way
	used  time.Time // since when there has been none, or since when there are
	gone  bool
}

func (l *limited) Accept() (net.Conn, error) {
	l.begin.Do(func() { go l.accept() })
	select {
	case p := <-l.ready:
		return p, nil
	case err := <-l.failed:
		l.failed <- err // for who asks again
		return nil, err
	}
}

// accept takes connections, also while others wait for a place: who has a right
// to one does not stand behind who has none.
func (l *limited) accept() {
	for pause := shortestPause; ; {
		c, err := l.Listener.Accept()
		var passing interface{ Temporary() bool }
		if errors.As(err, &passing) && passing.Temporary() {
			// Such as file descriptors that have run out.
			select {
			case <-time.After(pause):
			case <-l.over:
			}
			pause = min(2*pause, time.Second)
			continue
		}
		if err != nil {
			l.failed <- err
			return
		}
		pause = shortestPause
		p := &placed{Conn: c, in: l, from: shares.Neighbourhood(shares.Address(c.RemoteAddr().String())), since: time.Now(), resets: rate.NewLimiter(resetsPerSecond, resetsAtOnce)}
		switch placed, _ := l.place(p); {
		case placed:
			l.hand(p)
		case l.wait(1):
			go func() {
				defer l.wait(-1)
				for {
					placed, left := l.place(p)
					if placed {
						l.hand(p)
						return
					}
					select {
					case <-left:
					case <-l.over:
						_ = c.Close()
						return
					}
				}
			}()
		default:
			_ = c.Close()
		}
	}
}

// hand gives a connection to whoever accepts.
func (l *limited) hand(p *placed) {
	select {
	case l.ready <- p:
	case <-l.over:
		_ = p.Close()
	}
}

// wait counts those who wait for a place. It tells whether there is room.
func (l *limited) wait(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting+n > maxWaiting {
		return false
	}
	l.waiting += n
	return true
}

// place finds a place for a connection, or returns what to wait for. The place
// of one that gives way goes to this one, and not to others who wait.
func (l *limited) place(p *placed) (ok bool, left <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false, l.left
	}
	if len(l.placed) >= l.max {
		gives := l.idlest()
		if gives == nil {
			gives = l.crowded(p.from)
		}
		if gives == nil {
			return false, l.left
		}
		gives.gone = true
		delete(l.placed, ends(gives.RemoteAddr(), gives.LocalAddr()))
		_ = gives.Conn.Close()
	}
	p.used = time.Now()
	l.placed[ends(p.RemoteAddr(), p.LocalAddr())] = p
	return true, nil
}

func (l *limited) idlest() (found *placed) {
	for _, p := range l.placed {
		if p.calls == 0 && (found == nil || p.used.Before(found.used)) {
			found = p
		}
	}
	return found
}

// crowded finds the connection that gives way to a new one when all have calls
// under way: the one with the oldest call, of a neighbourhood that has more than
// a quarter of the places, and twice as many as the new one's.
func (l *limited) crowded(newcomer string) (found *placed) {
	of := map[string]int{}
	most := ""
	for _, p := range l.placed {
		if of[p.from]++; of[p.from] > of[most] {
			most = p.from
		}
	}
	if of[most] <= l.max/4 || of[most] <= 2*of[newcomer] {
		return nil
	}
	for _, p := range l.placed {
		if p.from == most && (found == nil || p.used.Before(found.used)) {
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
		close(l.over)
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

// touch says that something arrives: among the connections without a call it is
// the last to give way.
func (p *placed) touch() {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	if p.calls == 0 {
		p.used = time.Now()
	}
}

// enter begins a call.
func (p *placed) enter() {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	if p.calls++; p.calls == 1 {
		p.used = time.Now()
	}
}

// leave ends a call.
func (p *placed) leave() {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	if p.calls--; p.calls == 0 {
		p.used = time.Now()
		p.in.wake()
	}
}
