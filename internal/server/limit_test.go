package server

import (
	"errors"
	"net"
	"testing"
	"time"
)

// TestAttack_ConnectionsWithoutEnd opens more connections than there are
// places. The rest waits, and gets in when others leave.
func TestAttack_ConnectionsWithoutEnd(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limit(inner, 3)
	accepted, ended := make(chan net.Conn, 10), make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	for range 10 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	take := func() net.Conn {
		t.Helper()
		select {
		case c := <-accepted:
			return c
		case <-time.After(5 * time.Second):
			t.Fatal("a place is free and nobody got in")
			return nil
		}
	}
	held := []net.Conn{take(), take(), take()}
	select {
	case <-accepted:
		t.Fatal("a fourth connection has no place")
	case <-time.After(50 * time.Millisecond):
	}
	held[0].Close()
	held[0].Close() // gives its place back once
	held = append(held[1:], take())
	select {
	case <-accepted:
		t.Fatal("a connection that was closed twice left two places")
	case <-time.After(50 * time.Millisecond):
	}
	// Closing ends an Accept that waits for a place.
	l.Close()
	select {
	case err := <-ended:
		if !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("Accept did not end")
	}
	for _, c := range held {
		c.Close()
	}
}
