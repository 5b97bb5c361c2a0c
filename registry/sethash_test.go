package registry

import (
	"crypto/sha256"
	"crypto/sha3"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"testing"
)

func TestSetHashForgetsTheOrder(t *testing.T) {
	type entry struct{ key, value []byte }
	var entries []entry
	for i := range uint64(100) {
		entries = append(entries, entry{number(i), number(i % 3)})
	}
	var a, b setHash
	for _, e := range entries {
		a.add(e.key, e.value)
	}
	rand.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	b.add([]byte("other"), nil)
	for _, e := range entries {
		b.add(e.key, e.value)
	}
	if a == b {
		t.Error("an entry more has the same hash")
	}
	b.remove([]byte("other"), nil)
	if a != b || a.digest() != b.digest() {
		t.Error("the order shows")
	}
	for _, e := range entries {
		a.remove(e.key, e.value)
	}
	if a != (setHash{}) {
		t.Error("the empty set has another hash than at the start")
	}
}

// TestSetHashIsTheSpecifications computes it anew from docs/spec.md §6.4.
func TestSetHashIsTheSpecifications(t *testing.T) {
	if d := (&setHash{}).digest(); d != sha256.Sum256(make([]byte, 2048)) {
		t.Error("the empty set's is not that of 2,048 zeros")
	}
	var h setHash
	var sum [1024]uint16
	for _, e := range [][2]string{{"xkey", "\x01"}, {"q", ""}} {
		h.add([]byte(e[0]), []byte(e[1]))
		in := binary.BigEndian.AppendUint64(nil, uint64(len(e[0])))
		in = binary.BigEndian.AppendUint64(append(in, e[0]...), uint64(len(e[1])))
		for i, out := 0, sha3.SumSHAKE128(append(in, e[1]...), 2048); i < 1024; i++ {
			sum[i] += uint16(out[2*i])<<8 | uint16(out[2*i+1])
		}
	}
	var b []byte
	for _, v := range sum {
		b = append(b, byte(v>>8), byte(v))
	}
	want := sha256.Sum256(b)
	if h.digest() != want {
		t.Error("not the specification's")
	}
	// The same by another implementation of SHAKE128 (Python's hashlib).
	if got := hex.EncodeToString(want[:]); got != setHashVector {
		t.Errorf("digest %s", got)
	}
}

// TestAttack_MovedBoundaryInASet: an entry's bytes are not another entry's.
func TestAttack_MovedBoundaryInASet(t *testing.T) {
	var a, b setHash
	a.add([]byte("ab"), []byte("c"))
	b.add([]byte("a"), []byte("bc"))
	if a == b {
		t.Error("two entries have one hash")
	}
}

func BenchmarkSetHash(b *testing.B) {
	var h setHash
	key, value := executedKey(7, [32]byte{9}), []byte{1}
	for b.Loop() {
		h.add(key, value)
	}
}

const setHashVector = "7c49cbc237ff534e8a992bf750fbfcc905089a8a3383aff93f7b6f2d1af99ecd"
