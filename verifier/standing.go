package verifier

import (
	"context"
	"encoding/hex"
	"encoding/json"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
)

// A Standing is an accepted answer that is still relied on, and what has
// become of it.
type Standing struct {
	RequestID [16]byte
	Digest    [32]byte // of the presentation
	Rule      consent.Rule
	Nullifier fr.Element // the pseudonym whose data is meant
	Until     consent.Time
	Withdrawn bool
	Since     consent.Time // time of the withdrawal's block; 0 when not withdrawn
	AskAgain  bool         // it may rest on records that the stewards have distrusted since
}

// MarshalJSON writes ids and digests in hexadecimal.
func (s Standing) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Request   string       `json:"request"`
		Digest    string       `json:"digest"`
		Rule      consent.Rule `json:"rule"`
		Nullifier string       `json:"nullifier"`
		Until     consent.Time `json:"until"`
		Withdrawn bool         `json:"withdrawn"`
		Since     consent.Time `json:"since,omitempty"`
		AskAgain  bool         `json:"askAgain,omitempty"`
	}{hex.EncodeToString(s.RequestID[:]), hex.EncodeToString(s.Digest[:]), s.Rule, field.Hex(s.Nullifier), s.Until, s.Withdrawn, s.Since, s.AskAgain})
}

func standing(a *Answer) Standing {
	return Standing{RequestID: a.Request, Digest: a.Digest, Rule: a.Rule, Nullifier: a.Nullifier, Until: a.Until}
}

// standingPage is how many answers are read at once.
const standingPage = 512

// Standing goes through every answer under the rules once and pseudonym that
// is still relied on, and tells which are withdrawn and since when. It needs
// neither the patient nor a name: a withdrawal's watch tag in the request's
// scope is the one that the presentation showed (docs/spec.md §12).
//
// each is called in order of the requests' ids; its error ends the walk and is
// returned. Standing tests the whole withdrawal log of one fresh head and
// otherwise fails with ErrStaleHead: an old answer would read as good news.
// Answers to eligibility prove no consent, so they are never withdrawn here;
// any answer may have to be asked for again after the stewards' distrust.
func (v *Verifier) Standing(ctx context.Context, each func(Standing) error) error {
	s, err := v.ledger.look(ctx)
	if err != nil {
		return err
	}
	now := consent.Time(max(v.c.Now().Unix(), 0))
	var after *[16]byte
	for {
		page, err := v.c.Store.Standing(ctx, now, after, standingPage)
		if err != nil {
			return unable("kept answers", err)
		}
		if len(page) == 0 {
			return nil
		}
		for _, a := range page {
			st := standing(&a)
			if !a.Watch.IsZero() {
				m, withdrawn, err := s.withdrawn.find(ctx, a.Scope, a.Watch, true)
				if err != nil {
					return err
				}
				if withdrawn {
					st.Withdrawn, st.Since = true, consent.Time(m.at)
				}
			}
			if st.AskAgain, err = v.askAgain(ctx, s.dir, a.Request); err != nil {
				return err
			}
			if err := each(st); err != nil {
				return err
			}
		}
		last := page[len(page)-1].Request
		after = &last
	}
}

// Record returns the evidence of the answer to a request, or ErrNotFound.
func (v *Verifier) Record(ctx context.Context, request [16]byte) ([]byte, error) {
	_, record, err := v.Evidence(ctx, request)
	return record, err
}

// Evidence returns the verdict on the accepted answer to a request of this
// verifier, and its record, or ErrNotFound.
func (v *Verifier) Evidence(ctx context.Context, request [16]byte) (Verdict, []byte, error) {
	a, err := v.c.Store.Answer(ctx, request)
	if err != nil {
		return Verdict{}, nil, unable("looking for an answer", err)
	}
	verdict, err := v.storedVerdict(ctx, a)
	if err != nil {
		return Verdict{}, nil, err
	}
	return verdict, a.Record, nil
}

// Purge deletes what the verifier may no longer keep: answers past their Until
// and requests that can no longer be answered. Nullifiers that are spent in a
// scope with rule once stay. It returns how many answers went.
func (v *Verifier) Purge(ctx context.Context) (int, error) {
	now := v.c.Now().Add(-2 * consent.ClockSkew).Unix()
	n, err := v.c.Store.Purge(ctx, consent.Time(max(now, 0)))
	return n, unable("purging", err)
}
