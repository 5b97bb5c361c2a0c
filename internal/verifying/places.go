package verifying

import "sync"

// places bounds something by all and by each of its users.
type places struct {
	all, each int

	mu    sync.Mutex
	taken int
	by    map[string]int
}

// take takes a place for a user, if there is one.
func (p *places) take(user string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken == p.all || p.by[user] == p.each {
		return false
	}
	if p.by == nil {
		p.by = map[string]int{}
	}
	p.taken++
	p.by[user]++
	return true
}

func (p *places) release(user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.by[user]--; p.by[user] == 0 {
		delete(p.by, user)
	}
}
