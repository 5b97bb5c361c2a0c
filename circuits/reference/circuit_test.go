package reference

import "testing"

func TestReadsCircuitIDs(t *testing.T) {
	for id, want := range map[string]Circuit{
		"enrol/normal/groth16":       {"enrol", 0, 0},
		"consent/normal/plonk":       {"consent", 0, 0},
		"eligibility/normal/groth16": {"eligibility", 1, 5},
		"claim/wide/plonk":           {"claim", 2, 7},
	} {
		if got, err := ParseID(id); err != nil || got != want {
			t.Errorf("%s: %v, %v", id, got, err)
		}
	}
	for _, id := range []string{"", "claim", "claim/normal", "claims/normal/groth16", "claim/narrow/groth16", "enrol/wide/groth16", "a/b/c/d"} {
		if c, err := ParseID(id); err == nil {
			t.Errorf("%q: %v", id, c)
		}
	}
}
