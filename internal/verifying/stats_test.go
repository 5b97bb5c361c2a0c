package verifying_test

import (
	"testing"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"google.golang.org/grpc/codes"
)

func (d *desk) stats(scope string) *zkconsentv1.ScopeStatsResponse {
	d.w.t.Helper()
	r, err := d.api.ScopeStats(as(d.w.ctx, "cert:clerk"), &zkconsentv1.ScopeStatsRequest{Rule: "pseudonym", Context: scope})
	d.w.must(err)
	return r
}

func TestAScopeOfNobodyIsEmpty(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	r := d.stats("nobody's")
	if r.Smallest != 10 || r.HeadTime == 0 {
		t.Errorf("%v", r)
	}
	for _, c := range []*zkconsentv1.Count{r.Answers, r.Nullifiers, r.Standing, r.Withdrawn} {
		if c.Count != 0 || c.Suppressed {
			t.Errorf("%v", r)
		}
	}
	_, err := d.api.ScopeStats(w.ctx, &zkconsentv1.ScopeStatsRequest{Rule: "none", Context: "x"})
	refused(t, err, codes.InvalidArgument, refusal.Malformed)
}
