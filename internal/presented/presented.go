// Package presented checks what a holder presents: that rk is a point, that
// rk's holder signed this statement and this proof, and that the proof proves
// the statement (docs/spec.md §§3.2, 10.4, rows 10 to 12). Verifiers use it for
// presentations, issuers for enrolments.
//
// # Caveats
//
// The caller forms the statement from its own request; a statement that came
// with the proof proves nothing about what was asked. rk changes with every
// presentation and identifies nobody.
package presented

import (
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/redsig"
)

// What Check refuses; its errors wrap exactly one of them.
var (
	// ErrKey reports an rk that is not the one encoding of a point of the
	// curve, or that is a point for which everybody can sign.
	ErrKey = errors.New("presented: the key rk is not usable")
	// ErrSignature reports that rk's holder did not sign this statement and
	// this proof.
	ErrSignature = errors.New("presented: the holder's signature does not fit this statement and proof")
	// ErrProof reports bytes that do not prove this statement.
	ErrProof = errors.New("presented: the proof does not prove this statement")
)

// A Key verifies the proofs of one circuit.
type Key interface {
	Verify(publicInputs []fr.Element, proof consent.Proof) error
}

// Shown is what a holder shows with a statement.
type Shown struct {
	Rk        [redsig.PointSize]byte
	Proof     consent.Proof
	Signature [consent.SignatureSize]byte
}

// Check decodes rk once and strictly, asks for the statement with rk's
// coordinates in it, and verifies first the signature and then the proof: the
// pairing is the dearer of the two. Errors of statement are returned as they
// are; all others wrap ErrKey, ErrSignature or ErrProof.
func Check(key Key, shown Shown, statement func(rkX, rkY fr.Element) (*consent.Statement, error)) error {
	if key == nil {
		return errors.New("presented: no verifying key")
	}
	rk, err := redsig.DecodePoint(shown.Rk[:])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	if rk.IsSmallOrder() {
		return fmt.Errorf("%w: %w", ErrKey, redsig.ErrSmallOrder)
	}
	x, y := rk.X(), rk.Y()
	s, err := statement(x, y)
	if err != nil {
		return err
	}
	if !s.RkX.Equal(&x) || !s.RkY.Equal(&y) {
		return errors.New("presented: the statement does not contain the presented rk")
	}
	in, err := s.PublicInputs()
	if err != nil {
		return err
	}
	m, err := s.SignedDigest(shown.Proof)
	if err != nil { // the inputs are formed, so it is the proof's length
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	if err := redsig.Verify(rk, m, shown.Signature); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if err := key.Verify(in, shown.Proof); err != nil {
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	return nil
}

// CheckEnrolment verifies that an enrolment answers this request: that its
// sender holds ask behind the holder and that the nullifier is the holder's in
// the issuer's enrolment scope (docs/spec.md §4.4). That the request is the
// issuer's own, unexpired and unanswered is for the caller to know.
func CheckEnrolment(key Key, r *consent.EnrolRequest, n *consent.Enrolment) error {
	if n.Request != r.ID {
		return fmt.Errorf("%w: it answers another request", ErrSignature)
	}
	return Check(key, Shown{n.Rk, n.Proof, n.Signature}, func(x, y fr.Element) (*consent.Statement, error) {
		return r.Statement(n.Holder, n.Nullifier, x, y), nil
	})
}
