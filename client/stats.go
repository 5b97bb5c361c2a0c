package client

import (
	"context"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
)

// A Scope names one of a verifier's scopes (docs/spec.md §10.2).
type Scope struct {
	Rule    consent.Rule // once or pseudonym
	Context string
	Opened  uint64 // the day on which it was opened, in days since 1970; 0 for none
}

// A Count is a number of answers, or says that it is too small to be told.
type Count struct {
	N          uint64 `json:"count"`
	Suppressed bool   `json:"suppressed,omitempty"`
}

// Stats counts the answers in a scope that a verifier keeps.
type Stats struct {
	Answers    Count        `json:"answers"`    // accepted
	Nullifiers Count        `json:"nullifiers"` // different ones among them
	Standing   Count        `json:"standing"`   // relied on today
	Withdrawn  Count        `json:"withdrawn"`  // not past their end, and withdrawn
	HeadTime   consent.Time `json:"headTime"`   // of the newest verified block
	Smallest   uint32       `json:"smallest"`   // counts from 1 to below this one are suppressed
}

// ScopeStats counts the answers in a scope.
func (v *Verifier) ScopeStats(ctx context.Context, s Scope) (Stats, error) {
	const method = "VerifierService.ScopeStats"
	out, err := v.api.ScopeStats(ctx, &zkconsentv1.ScopeStatsRequest{Rule: string(s.Rule), Context: s.Context, Opened: s.Opened})
	if err != nil {
		return Stats{}, err
	}
	n := Stats{Smallest: out.Smallest}
	if err := moment(&n.HeadTime, out.HeadTime); err != nil {
		return Stats{}, wrong(method, "%v", err)
	}
	for _, c := range []struct {
		into *Count
		from *zkconsentv1.Count
	}{{&n.Answers, out.Answers}, {&n.Nullifiers, out.Nullifiers}, {&n.Standing, out.Standing}, {&n.Withdrawn, out.Withdrawn}} {
		if c.from == nil || c.from.Suppressed && c.from.Count != 0 {
			return Stats{}, wrong(method, "a count that is none")
		}
		*c.into = Count{c.from.Count, c.from.Suppressed}
	}
	return n, nil
}
