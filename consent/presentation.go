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

// SignatureSize is the length of a holder's signature in bytes.
const SignatureSize = 64

// besideProof is the length of all of a presentation but its proof.
const besideProof = 4 + 16 + 8 + 3*32 + SignatureSize

// MaxPresentation is the length in bytes of the longest presentation.
const MaxPresentation = besideProof + MaxProof

// PresentationSize is the length in bytes of a presentation that answers a
// request for this circuit; 0 where no presentation does.
func (c CircuitID) PresentationSize() int {
	if !c.ProvesConsent() && !c.ProvesCredential() {
		return 0
	}
	return besideProof + c.ProofSize()
}

// presentationMagic is followed by the presentation's version, which tells the
// scheme and with it the length.
const presentationMagic = "ZKP"

// version is that of the presentations with this scheme's proofs.
func (s Scheme) version() byte {
	switch s {
	case Groth16:
		return 1
	case Plonk:
		return 2
	}
	return 0
}

// A Presentation is a wallet's answer to a request. It carries only what the
// verifier lacks: the statement is rebuilt from the verifier's own request, so
// the two cannot differ (docs/spec.md §10.3).
type Presentation struct {
	Request   [16]byte // id of the request
	Epoch     uint64   // number of the epoch whose root was used
	Nullifier fr.Element
	Watch     fr.Element // zero in eligibility
	Rk        [32]byte   // compressed re-randomised key
	Proof     Proof
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

// Encode is the presentation's fixed layout: "ZKP" and the version of its
// proof's scheme, request id, epoch (big-endian), nullifier, watch, rk, proof,
// signature.
func (p *Presentation) Encode() []byte {
	b := make([]byte, 0, besideProof+len(p.Proof))
	scheme, _ := schemeOfSize(len(p.Proof))
	b = append(b, presentationMagic...)
	b = append(b, scheme.version())
	b = append(b, p.Request[:]...)
	b = binary.BigEndian.AppendUint64(b, p.Epoch)
	n, w := p.Nullifier.Bytes(), p.Watch.Bytes()
	b = append(b, n[:]...)
	b = append(b, w[:]...)
	b = append(b, p.Rk[:]...)
	b = append(b, p.Proof...)
	return append(b, p.Signature[:]...)
}

// DecodePresentation reads the fixed layout, whose version and length are those
// of one scheme; whether it is the one that was asked for, [Presentation.Answers]
// tells. Points and scalars in rk, proof and signature are decoded strictly
// where they are used.
func DecodePresentation(b []byte) (*Presentation, error) {
	scheme, ok := schemeOfSize(len(b) - besideProof)
	if !ok {
		return nil, &PresentationError{"length", 0, fmt.Sprintf("%d bytes; a presentation has %d beside its proof, and no scheme's proof has the rest", len(b), besideProof)}
	}
	if string(b[:3]) != presentationMagic || b[3] != scheme.version() {
		return nil, &PresentationError{"magic", 0, fmt.Sprintf("does not begin with %q and version %d, as one of %d bytes does", presentationMagic, scheme.version(), len(b))}
	}
	end := len(b) - SignatureSize
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
	p.Proof = Proof(b[124:end])
	copy(p.Signature[:], b[end:])
	return p, nil
}

// Answers checks what the circuit that was asked for demands of a presentation
// before anything is computed: a proof of its scheme's length, and no watch
// tag where no consent is proved, since nothing else would bind it there. The
// error is a *[PresentationError].
func (p *Presentation) Answers(c CircuitID) error {
	if size := c.PresentationSize(); size == 0 || len(p.Proof) != c.ProofSize() {
		return &PresentationError{"proof", 124, fmt.Sprintf("%d bytes, proofs of %s have %d", len(p.Proof), c, c.ProofSize())}
	}
	if !c.ProvesConsent() && !p.Watch.IsZero() {
		return &PresentationError{"watch", 60, "a watch tag where no consent is proved"}
	}
	return nil
}

// Digest names a presentation, in records and audits.
func (p *Presentation) Digest() [32]byte { return sha256.Sum256(p.Encode()) }

// SignedDigest is m of docs/spec.md §3.2: what the holder signs. It covers the
// circuit, the epoch, all public inputs and the proof's bytes, so that a
// re-randomised proof does not pass, nor one that was moved to another epoch of
// the same root. A proof that is not as long as the circuit's proofs are is
// refused.
func (s *Statement) SignedDigest(proof Proof) ([32]byte, error) {
	publicInputs, err := s.PublicInputs()
	if err != nil {
		return [32]byte{}, err
	}
	if len(proof) != s.Circuit.ProofSize() {
		return [32]byte{}, fmt.Errorf("statement: a proof of %d bytes, proofs of %s have %d", len(proof), s.Circuit, s.Circuit.ProofSize())
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
	h.Write([]byte(proof))
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
		hex.EncodeToString(p.Rk[:]), p.Proof.String(), hex.EncodeToString(p.Signature[:]),
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
	scheme, ok := schemeOfSize(len(j.Proof) / 2)
	if !ok {
		return &PresentationError{"proof", 124, "not as long as the proofs of any scheme"}
	}
	out := make([]byte, 0, MaxPresentation)
	out = append(out, presentationMagic...)
	out = append(out, scheme.version())
	for _, f := range []struct {
		name, digits string
		size         int
	}{{"request", j.Request, 16}, {"epoch", fmt.Sprintf("%016x", j.Epoch), 8}, {"nullifier", j.Nullifier, 32}, {"watch", j.Watch, 32}, {"rk", j.Rk, 32}, {"proof", j.Proof, len(j.Proof) / 2}, {"signature", j.Signature, SignatureSize}} {
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
