package snapshot

import (
	"encoding/binary"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
)

// A Record is an entry of the record log as a snapshot carries it. A commit
// comes with its commitment, which no log holds, and without its leaf and
// index, which follow.
type Record struct {
	Revoked    bool
	Kind       consent.Kind // of a commit
	Authority  fr.Element   // of a commit
	Commitment fr.Element   // of a commit
	Lock       fr.Element   // of a commit
	Index      uint64       // of a revocation
	RS         fr.Element   // of a revocation
}

// The first byte of an entry of a page: a commit's kind, or this.
const revocation = 3

const (
	commitSize     = 1 + 2 + 2*field.Size
	revocationSize = 1 + 4 + field.Size
)

// EncodeRecords writes a page of records: the authorities in the order in which
// they first occur, then the entries, which name them by number.
func EncodeRecords(rs []Record) []byte {
	numbers := map[fr.Element]uint16{}
	var authorities, entries []byte
	for _, r := range rs {
		if r.Revoked {
			rs := r.RS.Bytes()
			entries = append(binary.BigEndian.AppendUint32(append(entries, revocation), uint32(r.Index)), rs[:]...)
			continue
		}
		n, ok := numbers[r.Authority]
		if !ok {
			n = uint16(len(numbers))
			numbers[r.Authority] = n
			b := r.Authority.Bytes()
			authorities = append(authorities, b[:]...)
		}
		cm, lock := r.Commitment.Bytes(), r.Lock.Bytes()
		entries = binary.BigEndian.AppendUint16(append(entries, byte(r.Kind)), n)
		entries = append(append(entries, cm[:]...), lock[:]...)
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(len(numbers)))
	return append(append(b, authorities...), entries...)
}

// Records reads a page of records.
func (p Place) Records(content []byte) ([]Record, error) {
	if len(content) < 2 || int(binary.BigEndian.Uint16(content)) > p.Count || len(content) < 2+int(binary.BigEndian.Uint16(content))*field.Size {
		return nil, p.fault(0, "the authorities are truncated")
	}
	authorities := make([]fr.Element, binary.BigEndian.Uint16(content))
	rest := content[2:]
	known := map[fr.Element]bool{}
	for i := range authorities {
		var err error
		if authorities[i], err = field.Parse(rest[:field.Size]); err != nil || known[authorities[i]] {
			return nil, p.fault(len(content)-len(rest), "authority %d is none, or stands there twice", i)
		}
		known[authorities[i]] = true
		rest = rest[field.Size:]
	}
	out := make([]Record, p.Count)
	met := 0 // authorities that an entry has named
	for i := range out {
		at := len(content) - len(rest)
		r, size := &out[i], commitSize
		if len(rest) > 0 && rest[0] == revocation {
			size = revocationSize
		}
		if len(rest) < size {
			return nil, p.fault(at, "truncated")
		}
		var errs [2]error
		switch rest[0] {
		case byte(consent.KindConsent), byte(consent.KindCredential):
			n := int(binary.BigEndian.Uint16(rest[1:]))
			if n > met || n >= len(authorities) {
				return nil, p.fault(at, "authority %d does not come next", n)
			}
			met = max(met, n+1)
			r.Kind, r.Authority = consent.Kind(rest[0]), authorities[n]
			r.Commitment, errs[0] = field.Parse(rest[3 : 3+field.Size])
			r.Lock, errs[1] = field.Parse(rest[3+field.Size : size])
		case revocation:
			r.Revoked, r.Index = true, uint64(binary.BigEndian.Uint32(rest[1:]))
			r.RS, errs[0] = field.Parse(rest[5:size])
		default:
			return nil, p.fault(at, "%d is neither a kind nor a revocation", rest[0])
		}
		if errs[0] != nil || errs[1] != nil {
			return nil, p.fault(at, "not a field element")
		}
		rest = rest[size:]
	}
	if met != len(authorities) || len(rest) > 0 {
		return nil, p.fault(len(content)-len(rest), "%d authorities that no entry names, %d trailing bytes", len(authorities)-met, len(rest))
	}
	return out, nil
}
