package ptau

import (
	"encoding/binary"
	"io"

	"github.com/zkconsent/zkconsent/internal/tlv"
)

// A Contribution is one of those of which a file tells.
type Contribution struct {
	Name   string // as its author wrote it; "" for none, or for one that cannot be shown
	Beacon bool
}

// fixedContribution is what a contribution has beside its parameters: the
// points after it, the key, two hashes, its type and the parameters' length.
const fixedContribution = 3*sizeG1 + 2*sizeG2 + 6*sizeG1 + 3*sizeG2 + 216 + 64 + 4 + 4

func readContributions(r io.ReaderAt, s section) ([]Contribution, error) {
	const name = "contributions"
	if s.size > maxContributions {
		return nil, fault(name, "%d bytes, at most %d are allowed", s.size, maxContributions)
	}
	b := make([]byte, s.size)
	if err := readAt(r, b, s.at, s.at+s.size, name); err != nil {
		return nil, err
	}
	if len(b) < 4 {
		return nil, fault(name, "truncated")
	}
	count := binary.LittleEndian.Uint32(b)
	b = b[4:]
	if uint64(count)*fixedContribution > uint64(len(b)) {
		return nil, fault(name, "%d contributions do not fit into %d bytes", count, len(b))
	}
	out := make([]Contribution, count)
	for i := range out {
		if len(b) < fixedContribution {
			return nil, fault(name, "contribution %d is truncated", i+1)
		}
		kind, n := binary.LittleEndian.Uint32(b[fixedContribution-8:]), binary.LittleEndian.Uint32(b[fixedContribution-4:])
		b = b[fixedContribution:]
		if kind > 1 || uint64(n) > uint64(len(b)) {
			return nil, fault(name, "contribution %d is malformed", i+1)
		}
		label, ok := parameters(b[:n])
		if !ok {
			return nil, fault(name, "the parameters of contribution %d are malformed", i+1)
		}
		if !tlv.Printable(label) {
			label = ""
		}
		out[i] = Contribution{Name: label, Beacon: kind == 1}
		b = b[n:]
	}
	if len(b) != 0 {
		return nil, fault(name, "%d trailing bytes", len(b))
	}
	return out, nil
}

// parameters reads a contribution's parameters: in ascending order a name (1),
// the exponent of a beacon's iterations (2) and a beacon's value (3).
func parameters(b []byte) (name string, ok bool) {
	last := byte(0)
	for len(b) > 0 {
		kind := b[0]
		if kind <= last || kind > 3 || len(b) < 2 {
			return "", false
		}
		last = kind
		if kind == 2 {
			b = b[2:]
			continue
		}
		n := int(b[1])
		if len(b) < 2+n {
			return "", false
		}
		if kind == 1 {
			name = string(b[2 : 2+n])
		}
		b = b[2+n:]
	}
	return name, true
}
