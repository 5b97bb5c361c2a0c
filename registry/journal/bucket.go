package journal

import (
	"encoding/binary"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// A bucket is what clients read the tree by: BucketSize neighbouring leaves,
// below one node of height BucketHeight (docs/spec.md §8).
const (
	BucketHeight = 5
	BucketSize   = 1 << (2 * BucketHeight)

	// Buckets is how many there are at most.
	Buckets = 1 << (2 * (Depth - BucketHeight))

	// ChangeSize is the length in bytes of one change.
	ChangeSize = 4 + field.Size
)

// A Change is a bucket that an epoch's close wrote leaves into, and its root
// from then on.
type Change struct {
	Bucket uint64
	Root   fr.Element
}

// AppendChange appends the change's bytes.
func AppendChange(b []byte, c Change) []byte {
	root := c.Root.Bytes()
	return append(binary.BigEndian.AppendUint32(b, uint32(c.Bucket)), root[:]...)
}

// DecodeChanges reads the changes of an epoch: ascending, none twice.
func DecodeChanges(b []byte) ([]Change, error) {
	fault := func(field string, at int, reason string) ([]Change, error) {
		return nil, &tlv.Error{Message: "changes", Field: field, Offset: at, Reason: reason}
	}
	if len(b)%ChangeSize != 0 {
		return fault("end", len(b), fmt.Sprintf("not a multiple of %d bytes", ChangeSize))
	}
	out := make([]Change, 0, len(b)/ChangeSize)
	for at := 0; at < len(b); at += ChangeSize {
		c := Change{Bucket: uint64(binary.BigEndian.Uint32(b[at:]))}
		if c.Bucket >= Buckets || len(out) > 0 && c.Bucket <= out[len(out)-1].Bucket {
			return fault("bucket", at, fmt.Sprintf("%d is not above the one before, or beyond the tree", c.Bucket))
		}
		var err error
		if c.Root, err = field.Parse(b[at+4 : at+ChangeSize]); err != nil {
			return fault("root", at+4, err.Error())
		}
		out = append(out, c)
	}
	return out, nil
}
