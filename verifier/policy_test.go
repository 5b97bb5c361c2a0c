package verifier_test

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/armor"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/policy"
)

// From a readable document to an accepted presentation, and to a refusal of
// somebody who does not satisfy it.
func TestPolicyIsAskedAndAnswered(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer) // born 1980-06-15, E11.9
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	list := w.clinicA()
	files := fstest.MapFS{
		"clinic-a.trust": {Data: armor.Encode("trust-list", list.Encode())},
		"test.schema":    {Data: armor.Encode("schema", w.schema.Encode())},
	}
	document := func(age, prefix string) consent.Request {
		t.Helper()
		parsed, err := policy.Parse([]byte(`{
			"circuit": "claim", "purpose": "CLMATTCH", "accept": ["NPU"], "categories": ["demographics", "conditions"],
			"data": {"from": "2025-01-01"}, "relyFor": "30d", "policyText": "`+policyText+`",
			"schema": "test.schema", "trust": "clinic-a.trust", "rule": "once", "context": "claim 7", "opened": "2026-06-01",
			"where": [
				{"slots": ["birthDate"], "age": {`+age+`, "on": "2026-06-15"}},
				{"slots": ["dx"], "prefix": [`+prefix+`]}
			]}`), files)
		if err != nil {
			t.Fatal(err)
		}
		template, err := parsed.Template(w.clock())
		if err != nil {
			t.Fatal(err)
		}
		return template
	}
	for _, c := range []struct {
		age, prefix string
		satisfied   bool
	}{
		{`"min": 47`, `"E11"`, false},
		{`"max": 45`, `"E11"`, false},
		{`"min": 46, "max": 46`, `"E12"`, false},
		{`"min": 46, "max": 46`, `"E11", "I10"`, true}, // the birthday itself
	} {
		r := w.askFor(v, document(c.age, c.prefix))
		s, wit, rsk, rk := p.statement(r)
		made, err := w.prover.Prove(context.Background(), s, wit)
		if (err == nil) != c.satisfied {
			t.Fatalf("age %s, prefix %s: proving says %v", c.age, c.prefix, err)
		}
		want := verifier.BadProof
		if c.satisfied {
			want = ""
		} else {
			made = consent.Proof(make([]byte, 128))
		}
		verify(t, v, p.sign(r, s, rsk, rk, made), want)
	}
}
