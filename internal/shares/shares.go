// Package shares gives out a bounded number of places, and to nobody more than
// a share of them (docs/authorization.md, "How often").
package shares

import "sync"

// Places are so many places. They are safe for concurrent use.
type Places struct {
	all, each int

	mu    sync.Mutex
	taken int
	by    map[string]int // places by who has them
}

// New returns all places, of which nobody has more than each.
func New(all, each int) *Places { return &Places{all: all, each: each, by: map[string]int{}} }

// Take takes a place for somebody, if there is one. Who takes a place gives it
// back.
func (p *Places) Take(who string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= p.all || p.by[who] >= p.each {
		return false
	}
	p.taken++
	p.by[who]++
	return true
}

// Give gives a place back.
func (p *Places) Give(who string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.by[who]--; p.by[who] <= 0 {
		delete(p.by, who)
	}
}

// Taken is how many places are taken.
func (p *Places) Taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}
