package verifying

import (
	"context"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
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
	return suppress(&c, s.c.Smallest), nil
}

// suppress hides the counts from 1 to below smallest, and each count that with
// the others would give such a number away: answers are those that stand, those
// that are withdrawn and those past their end, and nullifiers are no more than
// answers. Answers are told whenever they are enough, so it is the differences
// to them that must not be small, nor what both parts together leave of them.
func suppress(c *verifier.ScopeCount, smallest uint32) *zkconsentv1.ScopeStatsResponse {
	small := func(n uint64) bool { return n > 0 && n < uint64(smallest) }
	hideAll := small(c.Answers)
	hide := func(part uint64) bool { return hideAll || small(part) || small(c.Answers-min(part, c.Answers)) }
	standing, withdrawn := hide(c.Standing), hide(c.Withdrawn)
	if past := c.Answers - min(c.Standing+c.Withdrawn, c.Answers); small(past) {
		withdrawn = true // standing alone leaves the sum of two numbers
	}
	count := func(n uint64, hidden bool) *zkconsentv1.Count {
		if hidden {
			return &zkconsentv1.Count{Suppressed: true}
		}
		return &zkconsentv1.Count{Count: n}
	}
	return &zkconsentv1.ScopeStatsResponse{
		Answers: count(c.Answers, hideAll), Nullifiers: count(c.Nullifiers, hide(c.Nullifiers)),
		Standing: count(c.Standing, standing), Withdrawn: count(c.Withdrawn, withdrawn),
		HeadTime: int64(c.Head), Smallest: smallest,
	}
}
