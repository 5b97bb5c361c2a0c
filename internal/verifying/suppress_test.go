package verifying

import (
	"testing"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/verifier"
)

// TestAttack_CountsBySubtraction plays every scope up to a size, and for each
// answer of the service the one who knows its rule and goes through all scopes
// that give this answer: no part of any of them is a small number for certain.
func TestAttack_CountsBySubtraction(t *testing.T) {
	for smallest := uint32(3); smallest <= 5; smallest++ {
		subtract(t, smallest, 18)
	}
}

func subtract(t *testing.T, smallest uint32, most uint64) {
	type view [4]struct {
		n      uint64
		hidden bool
	}
	of := func(r *zkconsentv1.ScopeStatsResponse) (v view) {
		for i, c := range []*zkconsentv1.Count{r.Answers, r.Nullifiers, r.Standing, r.Withdrawn} {
			v[i].n, v[i].hidden = c.Count, c.Suppressed
			if c.Suppressed && c.Count != 0 {
				t.Fatalf("a suppressed count: %v", r)
			}
		}
		return v
	}
	type parts [6]uint64 // answers, nullifiers, standing, withdrawn, past their end, repeated
	names := [6]string{"answers", "nullifiers", "standing", "withdrawn", "past their end", "repeated"}
	scopes := map[view][]parts{}
	for answers := range most + 1 {
		for standing := range answers + 1 {
			for withdrawn := range answers - standing + 1 {
				for nullifiers := min(answers, 1); nullifiers <= answers; nullifiers++ {
					c := verifier.ScopeCount{Answers: answers, Nullifiers: nullifiers, Standing: standing, Withdrawn: withdrawn}
					v := of(suppress(&c, smallest))
					scopes[v] = append(scopes[v], parts{answers, nullifiers, standing, withdrawn, answers - standing - withdrawn, answers - nullifiers})
				}
			}
		}
	}
	for v, all := range scopes {
		for i, name := range names {
			certain := true
			for _, p := range all[1:] {
				certain = certain && p[i] == all[0][i]
			}
			if n := all[0][i]; certain && n > 0 && n < uint64(smallest) {
				t.Errorf("below %d, %+v: %s are %d for certain", smallest, v, name, n)
			}
		}
	}
	if len(scopes) < 100 {
		t.Errorf("only %d different answers: everything is suppressed", len(scopes))
	}
}

func TestWhatIsLargeIsTold(t *testing.T) {
	r := suppress(&verifier.ScopeCount{Answers: 100, Nullifiers: 80, Standing: 60, Withdrawn: 20}, 10)
	if r.Answers.Count != 100 || r.Nullifiers.Count != 80 || r.Standing.Count != 60 || r.Withdrawn.Count != 20 || r.Smallest != 10 {
		t.Errorf("%v", r)
	}
	r = suppress(&verifier.ScopeCount{Answers: 100, Nullifiers: 99, Standing: 97, Withdrawn: 3}, 10)
	if r.Answers.Count != 100 || !r.Nullifiers.Suppressed || !r.Standing.Suppressed || !r.Withdrawn.Suppressed {
		t.Errorf("%v", r)
	}
}

// TestAttack_AnswerUnderAnIdThatWasSent: with an idempotency key a request that
// was purged is made again under its id. That an earlier answer under it was
// sent must not keep a stream from sending the new one.
func TestAttack_AnswerUnderAnIdThatWasSent(t *testing.T) {
	f := &feed{sent: map[answer]struct{}{}}
	one, two := verifier.Standing{RequestID: [16]byte{1}, Digest: [32]byte{1}}, verifier.Standing{RequestID: [16]byte{1}, Digest: [32]byte{2}}
	if !f.first(&one) || f.first(&one) {
		t.Error("an answer is sent once")
	}
	if !f.first(&two) {
		t.Error("another answer under the same id is left out")
	}
}
