package wallet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/redsig"
)

// A Prover makes proofs, in this process or as a service. It is not trusted
// with anything but the privacy of the witness: the wallet verifies its proofs
// and signs them itself.
type Prover interface {
	Prove(ctx context.Context, s *consent.Statement, w *consent.Witness) (consent.Proof, error)
}

// A VerifyingKey verifies the proofs of one circuit.
type VerifyingKey interface {
	Verify(publicInputs []fr.Element, proof consent.Proof) error
}

// VerifyingKeys finds the key of a circuit whose manifest has this digest, as
// the ledger's directory names it. It refuses a key of a setup by one party
// unless development is true, which is what the directory says of the ledger.
type VerifyingKeys func(c consent.CircuitID, manifest [32]byte, development bool) (VerifyingKey, error)

// Errors of proving.
var (
	// ErrNoPresentation is the one answer to the outside when a patient
	// declines, has no such record, or a predicate is false: which of them is
	// nobody's business. [Wallet.Explain] tells the patient.
	ErrNoPresentation = errors.New("wallet: no presentation")
	// ErrProver reports a prover that failed. Its own words are not passed on:
	// a solver's error holds parts of the witness.
	ErrProver = errors.New("wallet: the prover made no proof")
	// ErrLyingProver reports a proof that does not prove the statement.
	ErrLyingProver = errors.New("wallet: the prover returned a proof of something else; nothing was signed")
	// ErrNoKey reports a circuit for which the wallet has no verifying key.
	ErrNoKey = errors.New("wallet: no verifying key for this circuit")
)

// Prove answers a reviewed request, if approved. It chooses a consent and a
// credential, has the statement proved against the newest epoch, verifies the
// proof against public inputs that it forms itself, signs, records what was
// disclosed, and returns the presentation.
func (w *Wallet) Prove(ctx context.Context, l Ledger, p Prover, v *Review, approved bool) (*consent.Presentation, error) {
	if !approved {
		return nil, ErrNoPresentation
	}
	for range snapshots - 1 {
		out, err := w.prove(ctx, l, p, v)
		if !errors.Is(err, ErrEpochReplaced) {
			return out, err
		}
	}
	return w.prove(ctx, l, p, v)
}

// snapshots is how often a wallet starts again because an epoch closed while
// it was reading.
const snapshots = 3

func (w *Wallet) prove(ctx context.Context, l Ledger, p Prover, v *Review) (*consent.Presentation, error) {
	w.work.Lock()
	s, err := w.sync(ctx, l)
	w.work.Unlock()
	if err != nil {
		return nil, err
	}
	q := v.request.Request
	if _, err := v.request.Validate(w.view(s)); err != nil {
		return nil, err
	}
	c, k, err := w.current()
	if err != nil {
		return nil, err
	}
	all, err := c.choices(q)
	if err != nil {
		return nil, err
	}
	session, err := k.session(q.Challenge())
	if err != nil {
		return nil, err
	}
	var unread *NotReadError
	for _, one := range all {
		wit, err := one.witness(ctx, l, s, k, q)
		if errors.Is(err, ErrNoLeaf) || errors.As(err, &unread) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return w.present(ctx, p, v, s, k, session, &one, wit)
	}
	if unread != nil {
		return nil, unread
	}
	return nil, ErrNoPresentation
}

func (w *Wallet) present(ctx context.Context, p Prover, v *Review, s *Snapshot, k *keys, session *session, one *choice, wit *consent.Witness) (*consent.Presentation, error) {
	q := v.request.Request
	scope := q.Scope(session.rk.Bytes())
	if scope.IsZero() {
		return nil, errors.New("wallet: the scope is 0; ask for a new request")
	}
	shown := consent.Presented{
		Epoch: s.Epoch.Number, Root: s.Epoch.Root, Nullifier: consent.Nullifier(k.nk, scope),
		Rk: session.rk.Bytes(), RkX: session.rk.X(), RkY: session.rk.Y(),
	}
	if wit.Consent != nil {
		shown.Watch = consent.Watch(wit.Consent.Opening.W, scope)
	}
	wit.Holder.Alpha = session.alpha.Bytes()
	proof, signature, err := w.proved(ctx, p, k, session, named(q.Manifest, s), wit, func() (*consent.Statement, error) { return q.Statement(shown) })
	if err != nil {
		return nil, err
	}
	if err := w.record(v, s, one, shown.Nullifier); err != nil {
		return nil, err
	}
	return &consent.Presentation{
		Request: q.ID, Epoch: s.Epoch.Number, Nullifier: shown.Nullifier, Watch: shown.Watch,
		Rk: shown.Rk, Proof: proof, Signature: signature,
	}, nil
}

// A session is the re-randomised key of one presentation.
type session struct {
	secret
	alpha redsig.Scalar
	rsk   redsig.SecretKey
	rk    redsig.Point
}

func (k *keys) session(challenge fr.Element) (*session, error) {
	fresh, err := freshBytes()
	if err != nil {
		return nil, err
	}
	s := &session{}
	if s.alpha, err = redsig.Blind(k.nonceKey, fresh, challenge); err != nil {
		return nil, err
	}
	if s.rsk, err = redsig.Randomize(k.ask, s.alpha); err != nil {
		return nil, err
	}
	s.rk, err = redsig.RandomizePublic(k.ak, s.alpha)
	return s, err
}

func freshBytes() (b [redsig.FreshSize]byte, err error) {
	if _, err = rand.Read(b[:]); err != nil {
		err = fmt.Errorf("wallet: drawing fresh bytes: %w", err)
	}
	return b, err
}

// A keyName is what the ledger's directory says of a circuit's keys.
type keyName struct {
	manifest    [32]byte
	development bool // whether they may be of a setup by one party
}

func named(manifest [32]byte, s *Snapshot) keyName {
	return keyName{manifest, s.Directory.Parameters.DevelopmentKeys}
}

// proved has a statement proved, verifies the proof and signs it. The prover
// gets a statement of its own: the public inputs that are verified and signed
// come from one that it never saw.
func (w *Wallet) proved(ctx context.Context, p Prover, k *keys, session *session, name keyName, wit *consent.Witness, statement func() (*consent.Statement, error)) (proof consent.Proof, signature [consent.SignatureSize]byte, err error) {
	theirs, err := statement()
	if err != nil {
		return proof, signature, err
	}
	mine, err := statement()
	if err != nil {
		return proof, signature, err
	}
	in, err := mine.PublicInputs()
	if err != nil {
		return proof, signature, err
	}
	if w.vks == nil {
		return proof, signature, ErrNoKey
	}
	vk, err := w.vks(mine.Circuit, name.manifest, name.development)
	if err != nil {
		return proof, signature, fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	if proof, err = p.Prove(ctx, theirs, wit); err != nil {
		if ctx.Err() != nil {
			return proof, signature, ctx.Err()
		}
		return proof, signature, ErrProver
	}
	if vk.Verify(in, proof) != nil {
		return proof, signature, ErrLyingProver
	}
	fresh, err := freshBytes()
	if err != nil {
		return proof, signature, err
	}
	m, err := mine.SignedDigest(proof)
	if err != nil {
		return proof, signature, err
	}
	if signature, err = redsig.Sign(session.rsk, k.nonceKey, fresh, m); err != nil {
		return proof, signature, err
	}
	// A signature that a fault has spoiled could tell the key.
	return proof, signature, redsig.Verify(session.rk, m, signature)
}

// record writes the disclosure, unless the consent was taken back while the
// prover worked.
func (w *Wallet) record(v *Review, s *Snapshot, one *choice, nullifier fr.Element) error {
	q := v.request.Request
	h := Disclosure{
		At: w.moment(), Request: q.ID, Circuit: q.Circuit, Signer: q.Signer, SignerName: v.Verifier, Purpose: q.Purpose,
		Categories: q.Categories, Rule: q.Rule, Context: q.Context, Until: q.Until, Nullifier: nullifier, Epoch: s.Epoch.Number,
	}
	for _, a := range v.Questions {
		h.Labels = append(h.Labels, a.Asked)
	}
	w.work.Lock()
	defer w.work.Unlock()
	return w.update(func(c *contents) error {
		if one.consent != nil {
			r, err := c.consent(one.consent.id)
			if err != nil || r.mismatch(q) != "" {
				return ErrNoPresentation
			}
			h.Consent = r.id
		}
		if one.credential != nil {
			r, err := c.credential(one.credential.id)
			if err != nil || r.revoked {
				return ErrNoPresentation
			}
			h.Credential = r.id
		}
		c.history = append(c.history, h)
		return nil
	})
}
