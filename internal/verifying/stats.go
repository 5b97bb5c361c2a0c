package verifying

import (
	"context"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/verifier"
)

// ScopeStats counts the answers in one of the verifier's scopes.
func (s *Service) ScopeStats(ctx context.Context, r *zkconsentv1.ScopeStatsRequest) (*zkconsentv1.ScopeStatsResponse, error) {
	rule := consent.Rule(r.Rule)
	if rule != consent.Once && rule != consent.Pseudonym {
		return nil, refusal.Field("rule", "is neither once nor pseudonym")
	}
	c, err := s.c.Verifier.CountScope(ctx, rule, r.Context, r.Opened)
	if err != nil {
		return nil, s.refuse(ctx, err)
	}
	s.c.Log.InfoContext(ctx, "scope counted", "rule", r.Rule, "by", identity.From(ctx).Name) // its context may name a person's matter
	return suppress(&c, s.c.Smallest), nil
}

// suppress hides the counts from 1 to below smallest, and each that would give
// such a number away. Answers are those that stand, those that are withdrawn
// and those past their end, and some repeat a nullifier: where one of these
// parts is small, no other part is told either. To hide only as many as make
// the subtraction impossible is not enough: who knows the rule could tell from
// which ones are hidden what they must be. An empty scope reads like a small
// one: a context may be a claim's number, and one answer or none is what nobody
// is to learn who tries numbers.
func suppress(c *verifier.ScopeCount, smallest uint32) *zkconsentv1.ScopeStatsResponse {
	small := func(n uint64) bool { return n > 0 && n < uint64(smallest) }
	answers := c.Answers == 0 || small(c.Answers)
	nullifiers := answers || small(c.Nullifiers) || small(c.Answers-min(c.Nullifiers, c.Answers))
	past := c.Answers - min(c.Standing+c.Withdrawn, c.Answers)
	parts := answers || small(c.Standing) || small(c.Withdrawn) || small(past)
	count := func(n uint64, hidden bool) *zkconsentv1.Count {
		if hidden {
			return &zkconsentv1.Count{Suppressed: true}
		}
		return &zkconsentv1.Count{Count: n}
	}
	return &zkconsentv1.ScopeStatsResponse{
		Answers: count(c.Answers, answers), Nullifiers: count(c.Nullifiers, nullifiers),
		Standing: count(c.Standing, parts), Withdrawn: count(c.Withdrawn, parts),
		HeadTime: int64(c.Head), Smallest: smallest,
	}
}
