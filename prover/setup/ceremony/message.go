package ceremony

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/signed"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// The bounds of a ceremony.
const (
	MaxCircuits      = 64
	MaxPower         = 20 // a contribution to 2^20 powers has 230 MB
	MinContributors  = 2  // one party's setup is a development setup
	MaxContributions = 1000
	MaxName          = 128 // bytes
	MinBeacon        = 32  // bytes
	MaxBeacon        = 64

	// DefaultContributors is how many distinct contributors each phase needs
	// where nobody says otherwise.
	DefaultContributors = 3
)

// The kinds of messages and their bounds in bytes.
const (
	descriptionKind  = "ceremony"
	contributionKind = "ceremony-contribution"
	sealKind         = "ceremony-seal"

	maxDescription  = 64 << 10
	maxContribution = 4 << 10
	maxSeal         = 1 << 10
)

// A Circuit is one that a ceremony makes keys for.
type Circuit struct {
	ID     consent.CircuitID
	System manifest.Digest // of the constraint system
}

// A Description is what a ceremony is about. Its digest is in everything that
// the contributors sign.
type Description struct {
	ID           [16]byte // random: two ceremonies about the same differ
	Circuits     []Circuit
	Power        int                 // the first phase's domain is 2^Power
	Ptau         manifest.Digest     // SHA-256 of the file of powers that stands for the first phase; zero for none
	Contributors int                 // distinct ones that each phase needs
	Allowed      []ed25519.PublicKey // who may contribute, ascending; empty for everybody
}

// Fresh reports whether the ceremony has a first phase of its own.
func (d *Description) Fresh() bool { return d.Ptau == manifest.Digest{} }

// Encode is the message of kind "ceremony".
func (d *Description) Encode() []byte {
	e := tlv.NewEncoder(descriptionKind)
	e.Bytes(1, d.ID[:])
	e.List(2, len(d.Circuits), func(i int, e *tlv.Encoder) {
		e.String(1, string(d.Circuits[i].ID))
		e.Bytes(2, d.Circuits[i].System[:])
	})
	e.Uint(3, uint64(d.Power))
	e.Bytes(4, d.Ptau[:])
	e.Uint(5, uint64(d.Contributors))
	e.List(6, len(d.Allowed), func(i int, e *tlv.Encoder) { e.Bytes(1, d.Allowed[i]) })
	return e.Encoded()
}

// Digest names the ceremony.
func (d *Description) Digest() manifest.Digest { return sha256.Sum256(d.Encode()) }

// DecodeDescription reads a description and checks it by itself.
func DecodeDescription(b []byte) (*Description, error) {
	r := tlv.NewDecoder(descriptionKind, b, maxDescription)
	d := &Description{}
	copy(d.ID[:], r.Bytes(1, "id", len(d.ID), len(d.ID)))
	r.List(2, "circuits", MaxCircuits, func(i int, r *tlv.Decoder) {
		c := Circuit{ID: consent.CircuitID(r.String(1, "circuit", 64))}
		copy(c.System[:], r.Bytes(2, "system", sha256.Size, sha256.Size))
		if c.ID == "" || i > 0 && c.ID <= d.Circuits[i-1].ID {
			r.Fail("circuit", "ids must not be empty, and must ascend")
		}
		d.Circuits = append(d.Circuits, c)
	})
	d.Power = int(r.Uint(3, "power", MaxPower))
	copy(d.Ptau[:], r.Bytes(4, "ptau", sha256.Size, sha256.Size))
	d.Contributors = int(r.Uint(5, "contributors", MaxContributions))
	r.List(6, "allowed", MaxContributions, func(i int, r *tlv.Decoder) {
		k := decodeKey(r, 1)
		if i > 0 && bytes.Compare(d.Allowed[i-1], k) >= 0 {
			r.Fail("key", "keys must ascend and differ")
		}
		d.Allowed = append(d.Allowed, k)
	})
	if d.Power < 1 {
		r.Fail("power", "a domain has two points at least")
	}
	if d.Contributors < MinContributors {
		r.Fail("contributors", fmt.Sprintf("%d, at least %d belong to a ceremony", d.Contributors, MinContributors))
	}
	if n := len(d.Allowed); n > 0 && n < d.Contributors {
		r.Fail("allowed", fmt.Sprintf("%d keys for %d contributors", n, d.Contributors))
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	return d, nil
}

func decodeKey(r *tlv.Decoder, tag uint8) ed25519.PublicKey {
	k := ed25519.PublicKey(r.Bytes(tag, "key", ed25519.PublicKeySize, ed25519.PublicKeySize))
	if len(k) == ed25519.PublicKeySize && directory.WeakKey(k) {
		r.Fail("key", "everybody can sign with it")
	}
	return k
}

// A Contribution is what a contributor signs.
type Contribution struct {
	Ceremony  manifest.Digest
	Phase     int               // 1 or 2
	Number    int               // in its phase, from 1
	Previous  manifest.Digest   // of the signed contribution before it, or of what opened the phase
	Payloads  []manifest.Digest // of its files: in phase 2 one for each circuit of Groth16, in the description's order
	Name      string            // of the contributor, as they like to be called
	Key       ed25519.PublicKey
	Signature [signed.Size]byte // of all the above
}

func (c *Contribution) message(sign bool) []byte {
	e := tlv.NewEncoder(contributionKind)
	e.Bytes(1, c.Ceremony[:])
	e.Uint(2, uint64(c.Phase))
	e.Uint(3, uint64(c.Number))
	e.Bytes(4, c.Previous[:])
	e.List(5, len(c.Payloads), func(i int, e *tlv.Encoder) { e.Bytes(1, c.Payloads[i][:]) })
	e.String(6, c.Name)
	e.Bytes(7, c.Key)
	if sign {
		e.Bytes(8, c.Signature[:])
	}
	return e.Encoded()
}

// Encode is the message of kind "ceremony-contribution", with the signature.
func (c *Contribution) Encode() []byte { return c.message(true) }

// Digest names the contribution: its author keeps it, to find it again in the
// transcript.
func (c *Contribution) Digest() manifest.Digest { return sha256.Sum256(c.Encode()) }

// sign fills in key and signature.
func (c *Contribution) sign(key ed25519.PrivateKey) {
	c.Key = key.Public().(ed25519.PublicKey)
	copy(c.Signature[:], signed.Sign(key, signed.CeremonyContribution, c.message(false)))
}

// DecodeContribution reads a contribution. The signature is checked where it
// stands, by [Folder.Verify].
func DecodeContribution(b []byte) (*Contribution, error) {
	r := tlv.NewDecoder(contributionKind, b, maxContribution)
	c := &Contribution{}
	copy(c.Ceremony[:], r.Bytes(1, "ceremony", sha256.Size, sha256.Size))
	c.Phase = int(r.Uint(2, "phase", 2))
	c.Number = int(r.Uint(3, "number", MaxContributions))
	copy(c.Previous[:], r.Bytes(4, "previous", sha256.Size, sha256.Size))
	r.List(5, "payloads", MaxCircuits, func(_ int, r *tlv.Decoder) {
		var d manifest.Digest
		copy(d[:], r.Bytes(1, "digest", sha256.Size, sha256.Size))
		c.Payloads = append(c.Payloads, d)
	})
	c.Name = r.String(6, "name", MaxName)
	c.Key = decodeKey(r, 7)
	copy(c.Signature[:], r.Bytes(8, "signature", signed.Size, signed.Size))
	if c.Phase < 1 || c.Number < 1 || c.Name == "" {
		r.Fail("contribution", "phase and number begin at 1, and a name is not empty")
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	return c, nil
}

// A Seal closes a phase. Anybody can write one; what it says can be compared
// with the beacon's public source.
type Seal struct {
	Ceremony manifest.Digest
	Phase    int
	Count    int             // of contributions that it seals
	Last     manifest.Digest // the last of them
	Beacon   []byte
	Source   string // where the beacon can be looked up
}

// Encode is the message of kind "ceremony-seal".
func (s *Seal) Encode() []byte {
	e := tlv.NewEncoder(sealKind)
	e.Bytes(1, s.Ceremony[:])
	e.Uint(2, uint64(s.Phase))
	e.Uint(3, uint64(s.Count))
	e.Bytes(4, s.Last[:])
	e.Bytes(5, s.Beacon)
	e.String(6, s.Source)
	return e.Encoded()
}

// Digest names the sealed phase: of the last phase it is the transcript's.
func (s *Seal) Digest() manifest.Digest { return sha256.Sum256(s.Encode()) }

// DecodeSeal reads a seal.
func DecodeSeal(b []byte) (*Seal, error) {
	r := tlv.NewDecoder(sealKind, b, maxSeal)
	s := &Seal{}
	copy(s.Ceremony[:], r.Bytes(1, "ceremony", sha256.Size, sha256.Size))
	s.Phase = int(r.Uint(2, "phase", 2))
	s.Count = int(r.Uint(3, "count", MaxContributions))
	copy(s.Last[:], r.Bytes(4, "last", sha256.Size, sha256.Size))
	s.Beacon = r.Bytes(5, "beacon", MinBeacon, MaxBeacon)
	s.Source = r.String(6, "source", 2*MaxName)
	if s.Phase < 1 || s.Count < 1 {
		r.Fail("seal", "phase and count begin at 1")
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	return s, nil
}
