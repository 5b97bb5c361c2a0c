package wallet

import (
	"context"
	"errors"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// ReviewEnrolment validates an enrol request and returns the issuer that asks.
// Enrolling tells it a pseudonym that stays the same for this issuer; what
// person stands behind it, it knows already.
func (w *Wallet) ReviewEnrolment(ctx context.Context, l Ledger, r *consent.SignedEnrolRequest) (directory.Authority, error) {
	s, err := w.snapshot(ctx, l)
	if err != nil {
		return directory.Authority{}, err
	}
	return r.Validate(w.view(s))
}

// Enrol answers an issuer's enrol request: it proves that this wallet holds the
// key behind its holder value (docs/spec.md §4.4).
func (w *Wallet) Enrol(ctx context.Context, l Ledger, p Prover, r *consent.SignedEnrolRequest) (*consent.Enrolment, error) {
	r, err := consent.DecodeSignedEnrolRequest(r.Encode())
	if err != nil {
		return nil, err
	}
	s, err := w.snapshot(ctx, l)
	if err != nil {
		return nil, err
	}
	issuer, err := r.Validate(w.view(s))
	if err != nil {
		return nil, err
	}
	_, k, err := w.current()
	if err != nil {
		return nil, err
	}
	q := r.Request
	scope := consent.EnrolmentScope(q.Genesis, q.Issuer)
	if scope.IsZero() {
		return nil, errors.New("wallet: the scope is 0")
	}
	session, err := k.session(q.Challenge())
	if err != nil {
		return nil, err
	}
	wit := k.witness()
	wit.Holder.Alpha = session.alpha.Bytes()
	nullifier := consent.Nullifier(k.nk, scope)
	proof, signature, err := w.proved(ctx, p, k, session, named(q.Manifest, s), wit, func() (*consent.Statement, error) {
		return q.Statement(k.holder, nullifier, session.rk.X(), session.rk.Y()), nil
	})
	if err != nil {
		return nil, err
	}
	w.work.Lock()
	defer w.work.Unlock()
	err = w.update(func(c *contents) error {
		c.history = append(c.history, Disclosure{
			At: w.moment(), Request: q.ID, Circuit: q.Circuit, Signer: q.Issuer, SignerName: issuer.Name,
			Until: q.Expires, Nullifier: nullifier,
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &consent.Enrolment{
		Request: q.ID, Holder: k.holder, Nullifier: nullifier, Rk: session.rk.Bytes(), Proof: proof, Signature: signature,
	}, nil
}
