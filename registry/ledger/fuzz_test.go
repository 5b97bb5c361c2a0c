package ledger

import (
	"bytes"
	"testing"
)

func FuzzDecodeProof(f *testing.F) {
	p := &proof{height: 9, trail: [][]byte{{1}, {2, 3}}}
	for i := range p.blocks {
		p.blocks[i] = []byte{byte(i)}
	}
	f.Add(p.encode())
	p.trail = nil
	f.Add(p.encode())
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodeProof(b)
		if err == nil && !bytes.Equal(p.encode(), b) {
			t.Fatal("two encodings of one proof")
		}
	})
}
