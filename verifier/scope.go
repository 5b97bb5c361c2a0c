package verifier

import (
	"context"
	"errors"

	"github.com/zkconsent/zkconsent/consent"
)

// A ScopeCount is how many answers of one scope are kept. The numbers are
// exact: who hands them on suppresses the small ones.
type ScopeCount struct {
	Answers    uint64 // kept
	Nullifiers uint64 // different ones among them
	Standing   uint64 // relied on today
	Withdrawn  uint64 // not past their end, whose consent was withdrawn
	Head       consent.Time
}

// CountScope counts the answers in one of the verifier's scopes
// (docs/spec.md §10.2): that of a rule, once or pseudonym, a context and the
// day on which the scope was opened.
//
// Answers that are accepted or purged while it counts may be in one number and
// not in another; Answers is never below Standing and Withdrawn together.
func (v *Verifier) CountScope(ctx context.Context, rule consent.Rule, scopeContext string, opened uint64) (ScopeCount, error) {
	if rule != consent.Once && rule != consent.Pseudonym {
		return ScopeCount{}, errors.New("verifier: only the rules once and pseudonym have lasting scopes")
	}
	s, err := v.ledger.look(ctx)
	if err != nil {
		return ScopeCount{}, err
	}
	r := consent.Request{Genesis: v.c.Genesis, Rule: rule, Signer: v.c.ID, Context: scopeContext, Opened: opened}
	scope := r.Scope([32]byte{})
	now := consent.Time(max(v.c.Now().Unix(), 0))
	c := ScopeCount{Head: consent.Time(s.head.Time)}
	var after *[16]byte
	for {
		page, err := v.c.Store.StandingIn(ctx, scope, now, after, standingPage)
		if err != nil {
			return ScopeCount{}, unable("kept answers", err)
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			gone := false
			if a := &page[i]; !a.Watch.IsZero() {
				if _, gone, err = s.withdrawn.find(ctx, scope, a.Watch, true); err != nil {
					return ScopeCount{}, err
				}
			}
			if gone {
				c.Withdrawn++
			} else {
				c.Standing++
			}
		}
		last := page[len(page)-1].Request
		after = &last
	}
	c.Answers, c.Nullifiers, _, err = v.c.Store.CountScope(ctx, scope, now)
	if err != nil {
		return ScopeCount{}, unable("counting a scope", err)
	}
	c.Answers = max(c.Answers, c.Standing+c.Withdrawn)
	return c, nil
}
