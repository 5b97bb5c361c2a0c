package verifier

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/presented"
)

// storedVerdict is the verdict in an answer's record, if it is one on that
// answer. Whoever writes the database can write sums, and a verdict, but no
// proof: so a holder's signature and proof are verified again, for this
// verifier's request as it is kept, and the epoch against the ledger's as far
// as it was seen. What a database can still do is take away, and keep what was
// denied for its time; a whole record is for [Recheck].
func (v *Verifier) storedVerdict(ctx context.Context, a Answer) (Verdict, error) {
	unknown := Verdict{RequestID: a.Request, Digest: a.Digest}
	r, err := DecodeRecord(a.Record)
	if err != nil {
		return unknown, damagedRecord(err)
	}
	asked, err := v.asked(ctx, a.Request)
	if err != nil {
		return unknown, err
	}
	p, err := consent.DecodePresentation(r.Presentation)
	if err != nil {
		return unknown, damagedRecord(err)
	}
	if err := v.follows(ctx, r, asked, p); err != nil || r.Verdict.Digest != a.Digest {
		return unknown, damagedRecord(errors.Join(err, errors.New("it is no record of this answer")))
	}
	return r.Verdict, nil
}

// follows tells whether a record's verdict is that on a presentation of its own
// request.
func (v *Verifier) follows(ctx context.Context, r *Record, asked *prepared, p *consent.Presentation) error {
	q := asked.asked.Request
	if !bytes.Equal(r.Request, asked.asked.Encode()) || p.Request != q.ID || p.Answers(q.Circuit) != nil || r.Epoch.Number != p.Epoch {
		return errors.New("its parts do not belong together")
	}
	dir, err := directory.DecodeDirectory(r.Directory)
	if err != nil {
		return err
	}
	want := Verdict{RequestID: q.ID, Digest: sha256.Sum256(r.Presentation), At: r.Verdict.At}
	want.accept(q, p, dir)
	if r.Verdict != want {
		return errors.New("its verdict is another one")
	}
	if known, ok, err := v.ledger.known(ctx, p.Epoch); err != nil {
		return err
	} else if ok && known.Root != r.Epoch.Root {
		return errors.New("its epoch is not the ledger's")
	}
	key := v.c.Keys[q.Manifest]
	if key == nil {
		return nil // keys of before, which are not at hand any more
	}
	err = presented.Check(key, presented.Shown{Rk: p.Rk, Proof: p.Proof, Signature: p.Signature},
		func(x, y fr.Element) (*consent.Statement, error) {
			return asked.with(consent.Presented{Epoch: p.Epoch, Root: r.Epoch.Root, Nullifier: p.Nullifier, Watch: p.Watch, Rk: p.Rk, RkX: x, RkY: y}), nil
		})
	if err != nil {
		return fmt.Errorf("its presentation: %w", err)
	}
	return nil
}
