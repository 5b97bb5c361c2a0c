package cluster_test

import (
	"io"
	"net"
	"sync"
	"time"
)

// A link relays connections of one member to another. While it is cut it
// closes what it had and refuses what comes.
type link struct {
	listener net.Listener
	to       func() string // address at which the other member listens now

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

func newLink(to func() string) (*link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	x := &link{listener: l, to: to, conns: map[net.Conn]bool{}}
	go x.accept()
	return x, nil
}

func (x *link) address() string { return x.listener.Addr().String() }

func (x *link) accept() {
	for {
		in, err := x.listener.Accept()
		if err != nil {
			return
		}
		if x.hold(in) {
			go x.relay(in)
		}
	}
}

// hold keeps a connection in order to close it with the link, or closes it.
func (x *link) hold(c net.Conn) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cut {
		c.Close()
		return false
	}
	x.conns[c] = true
	return true
}

func (x *link) drop(c net.Conn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.conns, c)
	c.Close()
}

func (x *link) relay(in net.Conn) {
	defer x.drop(in)
	out, err := net.DialTimeout("tcp", x.to(), time.Second)
	for end := time.Now().Add(5 * time.Second); err != nil && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond) // the other member is just starting
		out, err = net.DialTimeout("tcp", x.to(), time.Second)
	}
	if err != nil || !x.hold(out) {
		return
	}
	defer x.drop(out)
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
		go func() {
			io.Copy(pair[0], pair[1])
			done <- struct{}{}
		}()
	}
	<-done
}

// sever cuts the link; mend lets connections in again.
func (x *link) sever() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cut = true
	for c := range x.conns {
		c.Close()
	}
}

func (x *link) mend() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cut = false
}

func (x *link) close() {
	x.listener.Close()
	x.sever()
}
