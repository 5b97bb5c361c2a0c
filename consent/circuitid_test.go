package consent_test

import (
	"testing"

	"github.com/zkconsent/zkconsent/consent"
)

// Each circuit exists under each scheme with the same questions, and the names
// of the constants say what the ids say.
func TestCircuitsUnderEachScheme(t *testing.T) {
	groth16, plonk := consent.CircuitsOf(consent.Groth16), consent.CircuitsOf(consent.Plonk)
	if len(groth16) != 6 || len(plonk) != 6 || len(consent.Circuits()) != 12 {
		t.Fatalf("%d and %d of %d circuits", len(groth16), len(plonk), len(consent.Circuits()))
	}
	seen := map[consent.CircuitID]bool{}
	for i, g := range groth16 {
		p := plonk[i]
		if seen[g] || seen[p] || !g.Known() || !p.Known() {
			t.Errorf("%s, %s: repeated or unknown", g, p)
		}
		seen[g], seen[p] = true, true
		if g.Under(consent.Plonk) != p || p.Under(consent.Groth16) != g || g.Under(consent.Groth16) != g {
			t.Errorf("%s and %s are not one circuit", g, p)
		}
		type questions struct {
			enrols, consent, credential, alone bool
			ranges, sets, depth, links         int
		}
		of := func(c consent.CircuitID) questions {
			return questions{c.Enrols(), c.ProvesConsent(), c.ProvesCredential(), c.ProvesConsentAlone(), c.Ranges(), c.Sets(), c.SetDepth(), c.Links()}
		}
		if of(g) != of(p) {
			t.Errorf("%s asks %+v, %s %+v", g, of(g), p, of(p))
		}
		if g.ProofSize() != 128 || p.ProofSize() != 512 {
			t.Errorf("%s: proofs of %d bytes, %s: %d", g, g.ProofSize(), p, p.ProofSize())
		}
	}
	if !consent.EnrolPlonk.Enrols() || !consent.ClaimWidePlonk.ProvesConsent() || consent.ClaimWidePlonk.Sets() != 2 || consent.EligibilityPlonk.SetDepth() != 5 {
		t.Error("a constant names another circuit than its id")
	}
}

func TestUnknownCircuitsAskNothing(t *testing.T) {
	for _, c := range []consent.CircuitID{"", "claim", "claim/normal", "claim/normal/", "claim/narrow/plonk", "claim/normal/marlin", "enrol/wide/plonk", "claim/normal/plonk/", " claim/normal/plonk", "Claim/normal/plonk"} {
		if c.Known() || c.Enrols() || c.ProvesConsent() || c.ProvesCredential() || c.Scheme() != "" || c.ProofSize() != 0 || c.PresentationSize() != 0 || c.Sets() != 0 || c.SetDepth() != 0 || c.Links() != 0 {
			t.Errorf("%q is taken for a circuit", string(c))
		}
		if c.Under(consent.Plonk).Known() {
			t.Errorf("%q has a twin", string(c))
		}
	}
}

func TestParseScheme(t *testing.T) {
	for _, s := range consent.Schemes() {
		if got, err := consent.ParseScheme(string(s)); err != nil || got != s {
			t.Errorf("%s: %q, %v", s, got, err)
		}
	}
	for _, name := range []string{"", "Groth16", "plonk ", "marlin"} {
		if _, err := consent.ParseScheme(name); err == nil {
			t.Errorf("%q is taken for a scheme", name)
		}
	}
}
