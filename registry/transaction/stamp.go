package transaction

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"github.com/zkconsent/zkconsent/internal/field"
)

// stampInput is what a stamp hashes, up to the nonce (docs/spec.md §7).
func (t *Transaction) stampInput() []byte {
	b := append([]byte(field.Prefix+"pow"), t.Genesis[:]...)
	b = binary.BigEndian.AppendUint64(b, t.Expiry)
	b = append(b, byte(t.Kind))
	return append(b, t.Payload...)
}

// Stamp searches the nonce that takes the place of a signer, about 2^powBits
// hashes. It starts at the current Nonce, which callers draw at random so that
// two stamps of one payload differ.
func (t *Transaction) Stamp(ctx context.Context, powBits uint64) error {
	t.Signer.SetZero()
	t.Signature = nil
	in := t.stampInput()
	at := len(in)
	in = append(in, make([]byte, 8)...)
	for n := t.Nonce; ; n++ {
		if n&0xfff == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		binary.BigEndian.PutUint64(in[at:], n)
		if leadingZeros(sha256.Sum256(in)) >= powBits {
			t.Nonce = n
			return nil
		}
	}
}

// CheckStamp refuses a stamp of fewer than powBits leading zero bits.
func (t *Transaction) CheckStamp(powBits uint64) error {
	if leadingZeros(sha256.Sum256(binary.BigEndian.AppendUint64(t.stampInput(), t.Nonce))) < powBits {
		return ErrStamp
	}
	return nil
}

func leadingZeros(d [sha256.Size]byte) (n uint64) {
	for _, b := range d {
		if b != 0 {
			return n + uint64(bits.LeadingZeros8(b))
		}
		n += 8
	}
	return n
}
