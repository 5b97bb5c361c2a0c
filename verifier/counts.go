package verifier

import (
	"maps"
	"sync"
)

// counts is how often each outcome occurred since the start. Denied
// presentations leave no other trace: junk must not fill a disk.
type counts struct {
	mu       sync.Mutex
	accepted uint64
	denied   map[Reason]uint64
}

func (c *counts) add(v Verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v.Accepted {
		c.accepted++
		return
	}
	if c.denied == nil {
		c.denied = map[Reason]uint64{}
	}
	c.denied[v.reasonOf()]++
}

// Counts returns how many presentations were accepted, and denied for each
// reason, since the verifier was made. Repetitions count again.
func (v *Verifier) Counts() (accepted uint64, denied map[Reason]uint64) {
	v.counts.mu.Lock()
	defer v.counts.mu.Unlock()
	return v.counts.accepted, maps.Clone(v.counts.denied)
}
