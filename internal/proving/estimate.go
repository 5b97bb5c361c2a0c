package proving

import (
	"sync"
	"time"

	"github.com/zkconsent/zkconsent/consent"
)

// means are how long proofs of each circuit took lately. A new time weighs an
// eighth, so that a slow hour is forgotten.
type means struct {
	mu sync.Mutex
	of map[consent.CircuitID]time.Duration
}

func (m *means) add(id consent.CircuitID, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil {
		m.of = map[consent.CircuitID]time.Duration{}
	}
	old, ok := m.of[id]
	if !ok {
		old = took
	}
	m.of[id] = old + (took-old)/8
}

func (m *means) get(id consent.CircuitID) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of[id]
}
