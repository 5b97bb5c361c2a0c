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

// TestAttack_ScopesTriedOneByOne: who may count scopes tries the numbers of
// claims, each the context of one patient's request. One answer reads as none.
func TestAttack_ScopesTriedOneByOne(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient()
	d := w.open()
	made := d.ask(func(r *zkconsentv1.CreateRequestRequest) { r.Context = "claim 2026-00317" })
	if v := d.verdict(p.answer(made.SignedRequest)); !v.Accepted {
		t.Fatal(v)
	}
	for _, scope := range []string{"claim 2026-00317", "claim 2026-00318"} {
		r := d.stats(scope)
		if r.Smallest != 10 || r.HeadTime == 0 {
			t.Errorf("%v", r)
		}
		for _, c := range []*zkconsentv1.Count{r.Answers, r.Nullifiers, r.Standing, r.Withdrawn} {
			if c.Count != 0 || !c.Suppressed {
				t.Errorf("%s: %v", scope, r)
			}
		}
	}
	_, err := d.api.ScopeStats(w.ctx, &zkconsentv1.ScopeStatsRequest{Rule: "none", Context: "x"})
	refused(t, err, codes.InvalidArgument, refusal.Malformed)
}
