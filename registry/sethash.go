package registry

import (
	"crypto/sha256"
	"crypto/sha3"
	"encoding/binary"
)

// setLanes is the number of 16-bit lanes of a [setHash].
const setLanes = 1024

// A setHash is the hash of a set of entries (docs/spec.md §6.4): LtHash with
// 1,024 lanes of 16 bits. Every entry is expanded to a vector by SHAKE128, and
// the hash is the sum of the vectors, lane by lane. Entries are added and taken
// out in any order at the cost of one expansion, however large the set is: a
// Merkle tree over quotas and replay set would cost some twenty hashes and
// writes for every change.
//
// A sum of short hashes, or an exclusive or of them, would find damage and not
// malice: whoever chooses entries solves a linear system over GF(2), or finds
// by Wagner's generalised birthday k values whose sum is that of others. In a
// sum of 1,024 lanes mod 2^16 a collision is a short relation between random
// vectors, the problem of short integer solutions in lattices, with about 200
// bits of security. So the state hash binds quotas and replay set against a
// node that gives a new member others, and not only against its own disk.
//
// The source is M. Bellare and D. Micciancio, "A New Paradigm for
// Collision-Free Hashing: Incrementality at Reduced Cost", EUROCRYPT 1997;
// the parameters are those of K. Lewi, W. Kim, I. Maykov and S. Weis, "Securing
// Update Propagation with Homomorphic Hashing", 2019, which Meta uses.
//
// An entry is added once at most: 2^16 copies of one would add up to nothing.
// The keys of a store are a set, so its entries are. The zero setHash is that
// of the empty set.
type setHash [setLanes]uint16

// add puts an entry into the set.
func (h *setHash) add(key, value []byte) {
	for i, v := range expand(key, value) {
		h[i] += v
	}
}

// remove takes out an entry that is in the set.
func (h *setHash) remove(key, value []byte) {
	for i, v := range expand(key, value) {
		h[i] -= v
	}
}

// expand is SHAKE128 of key and value, each after its length in 8 bytes.
func expand(key, value []byte) *[setLanes]uint16 {
	s := sha3.NewSHAKE128()
	s.Write(number(uint64(len(key))))
	s.Write(key)
	s.Write(number(uint64(len(value))))
	s.Write(value)
	var b [2 * setLanes]byte
	s.Read(b[:])
	return lanes(&b)
}

func lanes(b *[2 * setLanes]byte) *[setLanes]uint16 {
	var out [setLanes]uint16
	for i := range out {
		out[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return &out
}

// bytes returns the lanes one after the other.
func (h *setHash) bytes() []byte {
	b := make([]byte, 0, 2*setLanes)
	for _, v := range h {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

// digest is what the state hash contains.
func (h *setHash) digest() [sha256.Size]byte { return sha256.Sum256(h.bytes()) }
