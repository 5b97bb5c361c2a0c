package server

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// crowd is a listener with a few places and a way to open connections to it.
type crowd struct {
	t        *testing.T
	l        *limited
	accepted chan net.Conn
	ended    chan error
}

func newCrowd(t *testing.T, places int) *crowd {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{t, limit(inner, places), make(chan net.Conn, 100), make(chan error, 1)}
	t.Cleanup(func() { c.l.Close() })
	go func() {
		for {
			conn, err := c.l.Accept()
			if err != nil {
				c.ended <- err
				return
			}
			c.accepted <- conn
		}
	}()
	return c
}

func (c *crowd) dial() net.Conn {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.l.Addr().String())
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	return conn
}

// dialFrom opens a connection from another address of this machine.
func (c *crowd) dialFrom(address string) net.Conn {
	c.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	conn, err := d.Dial("tcp", c.l.Addr().String())
	if err != nil {
		c.t.Skipf("this machine has one address on loopback: %v", err)
	}
	c.t.Cleanup(func() { conn.Close() })
	return conn
}

func (c *crowd) take() *placed {
	c.t.Helper()
	select {
	case conn := <-c.accepted:
		return conn.(*placed)
	case <-time.After(10 * time.Second):
		c.t.Fatal("a place is free and nobody got in")
		return nil
	}
}

func (c *crowd) none(why string) {
	c.t.Helper()
	select {
	case <-c.accepted:
		c.t.Fatal(why)
	case <-time.After(50 * time.Millisecond):
	}
}

// closed tells whether the server has ended a connection.
func closed(t *testing.T, conn net.Conn) bool {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	_, err := conn.Read(make([]byte, 1))
	return !errors.As(err, &timeout) || !timeout.Timeout()
}

// TestAttack_ConnectionsWithoutEnd opens more connections than there are places,
// with a call in each. The rest waits, and gets in when others leave.
func TestAttack_ConnectionsWithoutEnd(t *testing.T) {
	c := newCrowd(t, 3)
	held := []*placed{}
	for range 3 {
		c.dial()
		held = append(held, c.take())
		held[len(held)-1].enter()
	}
	c.dial()
	c.none("a fourth connection has no place")
	held[0].Close()
	held[0].Close() // gives its place back once
	held = append(held[1:], c.take())
	held[2].enter()
	c.dial()
	c.none("a connection that was closed twice left two places")
	if n := c.l.open(); n != 3 {
		t.Errorf("%d are open", n)
	}
	// Closing ends an Accept that waits for a place.
	c.l.Close()
	select {
	case err := <-c.ended:
		if !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("Accept did not end")
	}
	for _, p := range held {
		p.leave()
		p.Close()
	}
}

// TestAttack_IdleConnectionsHoldPlaces: connections that say nothing keep nobody
// out, and a call under way is not cut off for them.
func TestAttack_IdleConnectionsHoldPlaces(t *testing.T) {
	c := newCrowd(t, 3)
	busy := c.dial()
	c.take().enter()
	first := c.dial()
	c.take()
	second := c.dial()
	used := c.take()
	used.enter()
	used.leave() // idle since now, the first for longer
	for range 20 {
		c.dial()
		c.take()
	}
	if !closed(t, first) || !closed(t, second) {
		t.Error("those that were idle for longest are still there")
	}
	if closed(t, busy) {
		t.Error("a call under way was cut off")
	}
	if n := c.l.open(); n != 3 {
		t.Errorf("%d are open", n)
	}
}

// TestAttack_EveryPlaceFromOneAddress: whoever has a call under way in every
// place keeps its own kind waiting, and nobody from elsewhere.
func TestAttack_EveryPlaceFromOneAddress(t *testing.T) {
	c := newCrowd(t, 4)
	var conns []net.Conn
	for range 4 {
		conns = append(conns, c.dial())
		c.take().enter()
	}
	c.dial()
	c.none("a fifth of the same address has no place")
	for i := range 2 {
		c.dialFrom("127.0.0.2")
		p := c.take()
		if p.from != "127.0.0.2/32" {
			t.Fatalf("%s got in", p.from)
		}
		p.enter()
		if !closed(t, conns[i]) || closed(t, conns[i+1]) {
			t.Errorf("the oldest call does not give way first")
		}
	}
	c.dialFrom("127.0.0.2")
	c.none("two addresses share the places, and one gets more")
	if n := c.l.open(); n != 4 {
		t.Errorf("%d are open", n)
	}
}

// TestAttack_NewcomersWithoutEnd: those who wait for a place are bounded, and
// stand in nobody's way.
func TestAttack_NewcomersWithoutEnd(t *testing.T) {
	c := newCrowd(t, 2)
	for range 2 {
		c.dial()
		c.take().enter()
	}
	for range 2 * maxWaiting {
		c.dial()
	}
	c.dialFrom("127.0.0.2")
	if p := c.take(); p.from != "127.0.0.2/32" {
		t.Errorf("%s got in", p.from)
	}
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	if c.l.waiting > maxWaiting {
		t.Errorf("%d wait", c.l.waiting)
	}
}

// short is a listener of a process whose file descriptors have run out.
type short struct {
	net.Listener
	times int
}

func (s *short) Accept() (net.Conn, error) {
	if s.times--; s.times >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept", syscall.EMFILE)}
	}
	return s.Listener.Accept()
}

// TestAttack_DescriptorsRunOut: when there are no file descriptors for a while,
// it serves again once there are.
func TestAttack_DescriptorsRunOut(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limit(&short{inner, 4}, 1)
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	l.Close()
	for range 2 {
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after its end: %v", err)
		}
	}
}

func TestTheIdlestGoesFirst(t *testing.T) {
	c := newCrowd(t, 2)
	first := c.dial()
	p := c.take()
	second := c.dial()
	c.take()
	time.Sleep(time.Millisecond)
	p.enter()
	p.leave()
	c.dial()
	c.take()
	if closed(t, first) || !closed(t, second) {
		t.Error("the one that was used last was closed")
	}
}
