package server

import (
	"sync"
	"time"

	"github.com/zkconsent/zkconsent/internal/refusal"
	"google.golang.org/grpc/codes"
)

// A gate counts the calls under way, and lets no more in once it is closed.
type gate struct {
	mu      sync.Mutex
	running int
	closed  chan struct{}
	idle    chan struct{} // closed when it is closed and nothing runs any more
}

func newGate() *gate { return &gate{closed: make(chan struct{}), idle: make(chan struct{})} }

// enter lets a call in, unless the gate is closed.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut() {
		return false
	}
	g.running++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running--; g.running == 0 && g.shut() {
		close(g.idle)
	}
}

// close closes the gate, once. The channel is closed when the last call has
// left.
func (g *gate) close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut() {
		close(g.closed)
		if g.running == 0 {
			close(g.idle)
		}
	}
	return g.idle
}

func (g *gate) shut() bool {
	select {
	case <-g.closed:
		return true
	default:
		return false
	}
}

func stopping() error {
	return refusal.Later(codes.Unavailable, refusal.Stopping, time.Second, "this process is being stopped; another one may serve, or this one after its start")
}
