package verifier

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/presented"
)

// Verify decides a presentation, in the order of docs/spec.md §10.4. The same
// bytes again get the stored verdict, and nothing is written; only an accepted
// presentation is the answer to its request, so junk burns none.
//
// An error means that nothing could be decided, and the verdict is denied: it
// wraps ErrStaleHead, ErrSource, ErrNoLedger or an error of the store, or the
// context's where the time for one decision is over.
func (v *Verifier) Verify(ctx context.Context, presentation []byte) (Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, v.c.DecideWithin)
	defer cancel()
	verdict, err := v.verify(ctx, presentation)
	if err != nil {
		verdict.Accepted = false
		verdict.Reason = Undecided
		if errors.Is(err, ErrStaleHead) {
			verdict.Reason = StaleHead
		}
	}
	v.counts.add(verdict)
	return verdict, err
}

func (v *Verifier) verify(ctx context.Context, raw []byte) (Verdict, error) {
	now := v.c.Now()
	verdict := Verdict{At: consent.Time(max(now.Unix(), 0)), Digest: sha256.Sum256(raw)}
	deny := func(reason Reason) (Verdict, error) {
		verdict.Reason = reason
		return verdict, nil
	}

	p, err := consent.DecodePresentation(raw)
	if err != nil {
		return deny(Malformed)
	}
	verdict.RequestID = p.Request

	asked, err := v.asked(ctx, p.Request)
	if errors.Is(err, ErrNotFound) {
		return deny(UnknownRequest)
	}
	if err != nil {
		return verdict, err
	}
	r := asked.asked.Request
	if p.Answers(r.Circuit) != nil {
		return deny(Malformed)
	}
	if verdict.At > r.Expires+consent.Time(consent.ClockSkew/time.Second) {
		return deny(Expired)
	}

	switch answer, err := v.c.Store.Answer(ctx, p.Request); {
	case err == nil && answer.Digest == verdict.Digest:
		return v.storedVerdict(ctx, answer)
	case err == nil:
		return deny(AlreadyAnswered)
	case !errors.Is(err, ErrNotFound):
		return verdict, unable("looking for an answer", err)
	}

	s, err := v.ledger.lookFor(ctx, p.Epoch)
	if err != nil {
		return verdict, err
	}
	if err := v.stillValid(asked, s, now); err != nil {
		return deny(InvalidRequest)
	}
	key := v.c.Keys[r.Manifest]
	if key == nil {
		return verdict, fmt.Errorf("verifier: no verifying key for %s under manifest %x", r.Circuit, r.Manifest[:8])
	}

	epoch, successor, ok := s.epoch(p.Epoch)
	if !ok {
		return deny(UnknownEpoch)
	}
	if aged(successor, verdict.At, r.MaxRootAge) {
		return deny(StaleEpoch)
	}
	if distrusted(s.dir, &r.Trust, epoch) {
		return deny(Distrusted)
	}

	scope := r.Scope(p.Rk)
	if scope.IsZero() {
		return deny(InvalidRequest)
	}
	if r.Rule != consent.None {
		if gone, err := s.gone(ctx, r, scope, p.Watch); err != nil {
			return verdict, err
		} else if gone {
			return deny(Withdrawn)
		}
	}

	if r.Rule == consent.Once {
		spent, err := v.c.Store.Spent(ctx, scope, p.Nullifier)
		if err != nil {
			return verdict, unable("looking for the nullifier", err)
		}
		if spent {
			return v.spentBy(ctx, verdict)
		}
	}

	err = presented.Check(key, presented.Shown{Rk: p.Rk, Proof: p.Proof, Signature: p.Signature},
		func(x, y fr.Element) (*consent.Statement, error) {
			return asked.with(consent.Presented{Epoch: p.Epoch, Root: epoch.Root, Nullifier: p.Nullifier, Watch: p.Watch, Rk: p.Rk, RkX: x, RkY: y}), nil
		})
	if reason, bad := faults(err); bad {
		return deny(reason)
	}
	if err != nil {
		return verdict, fmt.Errorf("verifier: %w", err)
	}

	if r.Rule == consent.None {
		if gone, err := s.gone(ctx, r, scope, p.Watch); err != nil {
			return verdict, err
		} else if gone {
			return deny(Withdrawn)
		}
	}

	verdict.accept(r, p, s.dir)
	record, err := s.record(ctx, asked.asked, p, verdict)
	if err == nil {
		if late := v.inTime(ctx, now); late != nil {
			return denied(verdict, Undecided), late
		}
		err = v.c.Store.Accept(ctx, Answer{
			Request: p.Request, Digest: verdict.Digest, Rule: r.Rule, Scope: scope,
			Nullifier: p.Nullifier, Watch: p.Watch, Until: r.Until, Record: record,
		})
	}
	switch {
	case err == nil:
		return verdict, nil
	case errors.Is(err, ErrAnswered):
		return v.overtaken(ctx, verdict)
	case errors.Is(err, ErrSpent):
		return v.spentBy(ctx, verdict)
	}
	return denied(verdict, Undecided), unable("keeping the answer", err)
}

// gone tells whether the consent of a presentation was withdrawn, where one is
// proved. In a stable scope that is a look into a set. Under the rule none the
// scope is the presentation's own and the whole log is hashed for it: then it
// comes last, so that nobody who proves nothing causes that work.
func (s *sight) gone(ctx context.Context, r *consent.Request, scope, watch fr.Element) (bool, error) {
	if !r.Circuit.ProvesConsent() {
		return false, nil
	}
	_, withdrawn, err := s.withdrawn.find(ctx, scope, watch, r.Rule != consent.None)
	return withdrawn, err
}

// inTime tells whether the time for a decision that began then is not over, by
// both clocks: a process that stood still goes on before its timers ring, and in
// a machine that was asleep the timers slept too.
func (v *Verifier) inTime(ctx context.Context, began time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		return context.DeadlineExceeded
	}
	if v.c.Now().Round(0).Sub(began.Round(0)) > v.c.DecideWithin {
		return fmt.Errorf("verifier: %w by this machine's clock", context.DeadlineExceeded)
	}
	return nil
}

// asked finds a request of this verifier, on this ledger.
func (v *Verifier) asked(ctx context.Context, id [16]byte) (*prepared, error) {
	a, err := v.c.Store.Request(ctx, id)
	if err != nil {
		return nil, unable("looking for the request", err)
	}
	if p := v.prepared.get(id, sha256.Sum256(a.Signed)); p != nil {
		return p, nil
	}
	own, err := v.own(id, a.Signed)
	if err != nil {
		return nil, err
	}
	p, err := v.prepared.prepare(own, a.Signed)
	if err != nil {
		return nil, damagedRequest(err)
	}
	v.prepared.put(*p)
	return p, nil
}

// own reads a kept request that has this id. One of another verifier, or for
// another ledger, is as if it were not there.
func (v *Verifier) own(id [16]byte, stored []byte) (*consent.SignedRequest, error) {
	s, err := consent.DecodeSignedRequest(stored)
	if err != nil {
		return nil, damagedRequest(err)
	}
	if s.Request.ID != id {
		return nil, damagedRequest(errors.New("it has another id"))
	}
	if !s.Request.Signer.Equal(&v.c.ID) || s.Request.Genesis != v.c.Genesis {
		return nil, fmt.Errorf("%w: the request is another verifier's or another ledger's", ErrNotFound)
	}
	return s, nil
}

func damagedRequest(err error) error {
	return fmt.Errorf("verifier: the stored request is damaged: %w", err)
}

// stillValid puts the request through the shared validator again, since an
// issuer may have lost its trust after the question. Under an unchanged
// directory only the clock can have moved.
func (v *Verifier) stillValid(p *prepared, s *sight, now time.Time) error {
	if issued := p.asked.Request.Issued; consent.Time(max(now.Add(consent.ClockSkew).Unix(), 0)) < issued {
		return fmt.Errorf("verifier: the request was issued in the future")
	}
	if p.directory == s.head.State.Directory {
		return nil
	}
	if _, err := p.asked.Validate(v.view(s.dir, now)); err != nil {
		return err
	}
	p.directory = s.head.State.Directory
	v.prepared.put(*p)
	return nil
}

// overtaken resolves a race with another call that answered the request first.
func (v *Verifier) overtaken(ctx context.Context, verdict Verdict) (Verdict, error) {
	answer, err := v.c.Store.Answer(ctx, verdict.RequestID)
	if err != nil {
		return denied(verdict, Undecided), unable("looking for an answer", err)
	}
	if answer.Digest == verdict.Digest {
		return v.storedVerdict(ctx, answer)
	}
	return denied(verdict, AlreadyAnswered), nil
}

// spentBy denies a nullifier that is spent, unless it was an answer to this
// very request that spent it since this call looked for one: then the verdict
// is what it would have been had that answer been there already.
func (v *Verifier) spentBy(ctx context.Context, verdict Verdict) (Verdict, error) {
	out, err := v.overtaken(ctx, verdict)
	if errors.Is(err, ErrNotFound) {
		return denied(verdict, NullifierSpent), nil
	}
	return out, err
}

func damagedRecord(err error) error {
	return fmt.Errorf("verifier: the stored record is damaged: %w", err)
}

// denied is what is left of a verdict that could not be kept.
func denied(v Verdict, reason Reason) Verdict {
	return Verdict{Reason: reason, RequestID: v.RequestID, Digest: v.Digest, At: v.At}
}

// faults maps what is wrong with a presentation to its reason.
func faults(err error) (Reason, bool) {
	switch {
	case errors.Is(err, presented.ErrKey):
		return BadKey, true
	case errors.Is(err, presented.ErrSignature):
		return BadSignature, true
	case errors.Is(err, presented.ErrProof):
		return BadProof, true
	}
	return "", false
}
