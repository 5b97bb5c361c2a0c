package proving

import (
	"bytes"
	"sync/atomic"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
)

// What gRPC's pool gets back was a witness, and is none below the pool that
// erases.
func TestAttack_WitnessInPooledBuffers(t *testing.T) {
	r := newRig(t, Config{}, consent.ConsentOnly) // whose witness is above gRPC's threshold
	c := drawn(t, consent.ConsentOnly, 1)
	nk := c.Witness.Holder.Nk.Bytes()
	var came, left, dirty atomic.Int64
	buffers.before.watch(t, func(b []byte) {
		if bytes.Contains(b, nk[:]) {
			came.Add(1)
		}
	})
	buffers.after.watch(t, func(b []byte) {
		if bytes.Contains(b, nk[:]) {
			left.Add(1)
		}
		if bytes.ContainsFunc(b, func(c rune) bool { return c != 0 }) {
			dirty.Add(1)
		}
	})
	if _, err := r.client.Prove(t.Context(), asked(c)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a buffer with the witness comes back", func() bool { return came.Load() > 0 })
	if left.Load() != 0 || dirty.Load() != 0 {
		t.Errorf("%d buffers went on with the witness, %d with something", left.Load(), dirty.Load())
	}
}
