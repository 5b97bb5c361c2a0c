package consent

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
)

// PresentationSize is the length of a presentation in bytes.
const PresentationSize = 4 + 16 + 8 + 3*32 + ProofSize + SignatureSize

// The lengths of a proof and of a holder's signature in bytes.
const (
	ProofSize     = 128
	SignatureSize = 64
)

var presentationMagic = [4]byte{'Z', 'K', 'P', 1}

// A Presentation is a wallet's answer to a request. It carries only what the
// verifier lacks: the statement is rebuilt from the verifier's own request, so
// the two cannot differ (docs/spec.md §10.3).
type Presentation struct {
	Request   [16]byte // id of the request
	Epoch     uint64   // number of the epoch whose root was used
	Nullifier fr.Element
	Watch     fr.Element // zero in eligibility
	Rk        [32]byte   // compressed re-randomised key
	Proof     [ProofSize]byte
	Signature [SignatureSize]byte
}

// PresentationError reports bytes that are no presentation.
type PresentationError struct {
	Field  string
	Offset int
	Reason string
}

func (e *PresentationError) Error() string {
	return fmt.Sprintf("presentation: field %s at byte %d: %s", e.Field, e.Offset, e.Reason)
}

// Encode is the presentation's fixed layout: "ZKP" and version 1, request id,
// epoch (big-endian), nullifier, watch, rk, proof, signature.
func (p *Presentation) Encode() []byte {
	b := make([]byte, 0, PresentationSize)
	b = append(b, presentationMagic[:]...)
	b = append(b, p.Request[:]...)
	b = binary.BigEndian.AppendUint64(b, p.Epoch)
	n, w := p.Nullifier.Bytes(), p.Watch.Bytes()
	b = append(b, n[:]...)
	b = append(b, w[:]...)
	b = append(b, p.Rk[:]...)
	b = append(b, p.Proof[:]...)
	return append(b, p.Signature[:]...)
}

// DecodePresentation reads the fixed layout. Points and scalars in rk, proof
// and signature are decoded strictly where they are used.
func DecodePresentation(b []byte) (*Presentation, error) {
	if len(b) != PresentationSize {
		return nil, &PresentationError{"length", 0, fmt.Sprintf("%d bytes, a presentation has %d", len(b), PresentationSize)}
	}
	if !bytes.Equal(b[:4], presentationMagic[:]) {
		return nil, &PresentationError{"magic", 0, `does not begin with "ZKP" and version 1`}
	}
	p := &Presentation{Epoch: binary.BigEndian.Uint64(b[20:28])}
	copy(p.Request[:], b[4:20])
	var err error
	if p.Nullifier, err = field.Parse(b[28:60]); err != nil {
		return nil, &PresentationError{"nullifier", 28, err.Error()}
	}
	if p.Watch, err = field.Parse(b[60:92]); err != nil {
		return nil, &PresentationError{"watch", 60, err.Error()}
	}
	copy(p.Rk[:], b[92:124])
	copy(p.Proof[:], b[124:252])
	copy(p.Signature[:], b[252:])
	return p, nil
}

// Digest names a presentation, in records and audits.
func (p *Presentation) Digest() [32]byte { return sha256.Sum256(p.Encode()) }

// SignedDigest is m of docs/spec.md §3.2: what the holder signs. It covers the
// circuit, the epoch, all public inputs and the proof's bytes, so that a
// re-randomised proof does not pass, nor one that was moved to another epoch of
// the same root.
func (s *Statement) SignedDigest(proof [ProofSize]byte) ([32]byte, error) {
	publicInputs, err := s.PublicInputs()
	if err != nil {
		return [32]byte{}, err
	}
	h := sha256.New()
	h.Write([]byte(field.Prefix + "presented"))
	h.Write([]byte{byte(len(s.Circuit))})
	h.Write([]byte(s.Circuit))
	epoch := uint64Bytes(s.Epoch)
	h.Write(epoch[:])
	for i := range publicInputs {
		b := publicInputs[i].Bytes()
		h.Write(b[:])
	}
	h.Write(proof[:])
	return [32]byte(h.Sum(nil)), nil
}

type presentationJSON struct {
	Request   string `json:"request"`
	Epoch     uint64 `json:"epoch"`
	Nullifier string `json:"nullifier"`
	Watch     string `json:"watch"`
	Rk        string `json:"rk"`
	Proof     string `json:"proof"`
	Signature string `json:"signature"`
}

// MarshalJSON writes every field in lower-case hexadecimal.
func (p *Presentation) MarshalJSON() ([]byte, error) {
	return json.Marshal(presentationJSON{
		hex.EncodeToString(p.Request[:]), p.Epoch, field.Hex(p.Nullifier), field.Hex(p.Watch),
		hex.EncodeToString(p.Rk[:]), hex.EncodeToString(p.Proof[:]), hex.EncodeToString(p.Signature[:]),
	})
}

// UnmarshalJSON reads what MarshalJSON writes and nothing else: unknown or
// repeated fields, other digits or another order of bytes are refused.
func (p *Presentation) UnmarshalJSON(b []byte) error {
	var j presentationJSON
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return &PresentationError{"json", 0, err.Error()}
	}
	out := make([]byte, 0, PresentationSize)
	out = append(out, presentationMagic[:]...)
	for _, f := range []struct {
		name, digits string
		size         int
	}{{"request", j.Request, 16}, {"epoch", fmt.Sprintf("%016x", j.Epoch), 8}, {"nullifier", j.Nullifier, 32}, {"watch", j.Watch, 32}, {"rk", j.Rk, 32}, {"proof", j.Proof, ProofSize}, {"signature", j.Signature, SignatureSize}} {
		raw, err := hex.DecodeString(f.digits)
		if err != nil || len(raw) != f.size || hex.EncodeToString(raw) != f.digits {
			return &PresentationError{f.name, len(out), fmt.Sprintf("not %d lower-case hexadecimal digits", 2*f.size)}
		}
		out = append(out, raw...)
	}
	q, err := DecodePresentation(out)
	if err != nil {
		return err
	}
	again, err := json.Marshal(q)
	if err != nil {
		return err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, b); err != nil || !bytes.Equal(compact.Bytes(), again) {
		return &PresentationError{"json", 0, "not in canonical form (fields once each, in order)"}
	}
	*p = *q
	return nil
}
