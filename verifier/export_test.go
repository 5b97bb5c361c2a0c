package verifier_test

import (
	"errors"
	"testing"

	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/prover/provertest"
	"github.com/zkconsent/zkconsent/verifier"
)

// A record's proof can be checked with nothing but the keys, and is worth
// nothing for other inputs, other keys or another circuit.
func TestRefusesExportedProofs(t *testing.T) {
	for _, c := range []consent.CircuitID{consent.Claim, consent.Eligibility, consent.ConsentOnly} {
		w := newWorld(t)
		_, _, b := recorded(t, w, c)
		r, err := verifier.DecodeRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		dir, m := provertest.Keys(t, consent.Claim, consent.Eligibility, consent.ConsentOnly)
		check := func(name string, want error, change func(p *consent.ExportedProof)) {
			t.Helper()
			p, err := r.Export()
			if err != nil {
				t.Fatal(err)
			}
			change(p)
			if err := verifier.CheckExported(dir, m, p); !errors.Is(err, want) {
				t.Errorf("%s, %s: %v", c, name, err)
			}
		}
		check("as it is", nil, func(*consent.ExportedProof) {})
		check("another root", verifier.ErrInvalidProof, func(p *consent.ExportedProof) { p.Inputs[0] = w.element() })
		check("an input less", verifier.ErrInvalidProof, func(p *consent.ExportedProof) { p.Inputs = p.Inputs[1:] })
		check("no proof", verifier.ErrInvalidProof, func(p *consent.ExportedProof) { p.Proof = consent.Proof(make([]byte, proof.Size)) })
		check("other keys", verifier.ErrOtherKeys, func(p *consent.ExportedProof) { p.Manifest[31] ^= 1 })
		check("another circuit", verifier.ErrOtherKeys, func(p *consent.ExportedProof) { p.Circuit = consent.EligibilityWide })
		m = &manifest.Manifest{Entries: []manifest.Entry{*mustFind(t, m, c)}}
		m.Entries[0].VerifyingKey[0] ^= 1
		check("a key that is not the manifest's", proof.ErrKeyDigest, func(p *consent.ExportedProof) { p.Manifest = m.Entries[0].Digest() })
	}
}

func mustFind(t *testing.T, m *manifest.Manifest, c consent.CircuitID) *manifest.Entry {
	t.Helper()
	e, err := m.Find(string(c))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRefusesToExportDamagedRecords(t *testing.T) {
	w := newWorld(t)
	_, _, b := recorded(t, w, consent.Claim)
	for name, c := range map[string]struct {
		part   string
		change func(r *verifier.Record)
	}{
		"no request":      {"request", func(r *verifier.Record) { r.Request = r.Request[1:] }},
		"no presentation": {"presentation", func(r *verifier.Record) { r.Presentation = nil }},
		"rk of no point":  {"presentation", func(r *verifier.Record) { copy(r.Presentation[92:], make([]byte, 31)); r.Presentation[123] = 0xff }},
	} {
		r, err := verifier.DecodeRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		c.change(r)
		_, err = r.Export()
		var typed *verifier.RecordError
		if !errors.As(err, &typed) || typed.Part != c.part {
			t.Errorf("%s: %v", name, err)
		}
	}
}
