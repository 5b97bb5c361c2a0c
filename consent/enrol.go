package consent

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// MaxMessage bounds the small messages of this package, in bytes.
const MaxMessage = 64 << 10

// An EnrolRequest is an issuer's challenge to a person who stands before it
// (docs/spec.md §4.4).
type EnrolRequest struct {
	ID       [16]byte
	Issuer   fr.Element // authority id
	Genesis  [32]byte
	Nonce    [32]byte
	Issued   Time
	Expires  Time
	Manifest [32]byte  // of the circuit's keys
	Circuit  CircuitID // an enrol circuit, of the scheme that the issuer verifies
}

// Encode is the message of kind "enrol-request".
func (r *EnrolRequest) Encode() []byte {
	e := tlv.NewEncoder("enrol-request")
	e.Bytes(1, r.ID[:])
	e.Element(2, r.Issuer)
	e.Bytes(3, r.Genesis[:])
	e.Bytes(4, r.Nonce[:])
	e.Uint(5, uint64(r.Issued))
	e.Uint(6, uint64(r.Expires))
	e.Bytes(7, r.Manifest[:])
	e.String(8, string(r.Circuit))
	return e.Encoded()
}

// DecodeEnrolRequest reads an enrol-request message.
func DecodeEnrolRequest(b []byte) (*EnrolRequest, error) {
	d := tlv.NewDecoder("enrol-request", b, MaxMessage)
	r := &EnrolRequest{}
	copy(r.ID[:], d.Bytes(1, "id", 16, 16))
	r.Issuer = d.Element(2, "issuer")
	copy(r.Genesis[:], d.Bytes(3, "genesis", 32, 32))
	copy(r.Nonce[:], d.Bytes(4, "nonce", 32, 32))
	r.Issued = Time(d.Uint(5, "issued", uint64(MaxTime)))
	r.Expires = Time(d.Uint(6, "expires", uint64(MaxTime)))
	copy(r.Manifest[:], d.Bytes(7, "manifest", 32, 32))
	if r.Circuit = CircuitID(d.String(8, "circuit", 64)); !r.Circuit.Enrols() {
		d.Fail("circuit", "not an enrol circuit")
	}
	return r, d.Done()
}

// Challenge binds an enrolment to this request.
func (r *EnrolRequest) Challenge() fr.Element { return field.Of("enrol-challenge", r.Encode()) }

// An Enrolment answers an EnrolRequest: it proves possession of ask behind the
// holder and shows the holder's nullifier in the issuer's enrolment scope.
type Enrolment struct {
	Request   [16]byte
	Holder    fr.Element
	Nullifier fr.Element
	Rk        [32]byte
	Proof     Proof
	Signature [SignatureSize]byte
}

// Encode is the message of kind "enrolment".
func (n *Enrolment) Encode() []byte {
	e := tlv.NewEncoder("enrolment")
	e.Bytes(1, n.Request[:])
	e.Element(2, n.Holder)
	e.Element(3, n.Nullifier)
	e.Bytes(4, n.Rk[:])
	e.String(5, string(n.Proof))
	e.Bytes(6, n.Signature[:])
	return e.Encoded()
}

// DecodeEnrolment reads an enrolment message.
func DecodeEnrolment(b []byte) (*Enrolment, error) {
	d := tlv.NewDecoder("enrolment", b, MaxMessage)
	n := &Enrolment{}
	copy(n.Request[:], d.Bytes(1, "request", 16, 16))
	n.Holder = d.Element(2, "holder")
	n.Nullifier = d.Element(3, "nullifier")
	copy(n.Rk[:], d.Bytes(4, "rk", 32, 32))
	n.Proof = Proof(d.Bytes(5, "proof", 0, MaxProof))
	if _, ok := schemeOfSize(len(n.Proof)); !ok {
		d.Fail("proof", "not as long as the proofs of any scheme")
	}
	copy(n.Signature[:], d.Bytes(6, "signature", SignatureSize, SignatureSize))
	return n, d.Done()
}

// Statement is the statement that an enrolment proves; rkX and rkY are the
// coordinates of its rk.
func (r *EnrolRequest) Statement(holder, nullifier, rkX, rkY fr.Element) *Statement {
	return &Statement{
		Circuit: r.Circuit, Holder: holder, Scope: EnrolmentScope(r.Genesis, r.Issuer),
		Challenge: r.Challenge(), Nullifier: nullifier, RkX: rkX, RkY: rkY,
	}
}
