package fhir_test

import (
	"errors"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/fhir"
	"github.com/zkconsent/zkconsent/consent/fhir/demo"
)

// refusal demands that every failure is typed and says where and why.
func refusal(t *testing.T, err error) {
	t.Helper()
	if e := new(fhir.Error); err != nil && (!errors.As(err, &e) || e.Path == "" || e.Reason == "" || e.Kind == nil) {
		t.Fatalf("an untyped refusal: %v", err)
	}
}

func FuzzConsent(f *testing.F) {
	f.Add(demo.Consent, byte(0))
	f.Add([]byte(document(permit(`,"provision":[{"type":"deny","securityLabel":[`+label("HIV")+`]}]`))), byte(0))
	f.Add([]byte(document(`{"period":{"start":"1964-01-01"}}`)), byte(1))
	f.Add([]byte(document("")), byte(2))
	f.Add([]byte(`{"resourceType":"Consent","resourceType":"Consent"}`), byte(0))
	f.Fuzz(func(t *testing.T, data []byte, base byte) {
		o := fhir.Options{Now: now, Base: fhir.Decision(base % 3)}
		if base >= 3 {
			o.Actors, o.Purposes, o.Categories = []string{"https://a.example.org"}, 1, 1
		}
		grants, err := fhir.Compile([][]byte{data}, o)
		refusal(t, err)
		if err != nil && grants != nil || len(grants) > fhir.MaxGrants {
			t.Fatalf("%d grants, %v", len(grants), err)
		}
		for _, g := range grants {
			terms := g.Terms
			if g.Actor == "" || terms.Purposes == 0 || terms.Categories == 0 || !terms.Purposes.Known() || !terms.Categories.Known() || !terms.Restrictions.Known() ||
				terms.NotBefore == 0 || terms.NotBefore > terms.NotAfter || terms.NotAfter > consent.MaxTime || terms.DataFrom > terms.DataTo || terms.DataTo > consent.MaxTime {
				t.Fatalf("%+v", g)
			}
		}
		// A second Consent that denies everything leaves nothing.
		if len(grants) > 0 && grants[0].Patient == "Patient/p" {
			left, err := fhir.Compile([][]byte{data, []byte(document(`{"type":"deny"}`))}, o)
			if err != nil || len(left) != 0 {
				t.Fatalf("%d grants beside a denial of everything, %v", len(left), err)
			}
		}
	})
}

func FuzzRecords(f *testing.F) {
	for _, d := range [][]byte{demo.Patient, demo.Coverage, demo.Condition, demo.Observation} {
		f.Add(d)
	}
	f.Add([]byte(`{"resourceType":"CoverageEligibilityResponse"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := fhir.Read(data)
		refusal(t, err)
		if err != nil {
			return
		}
		schema, _ := consent.BuiltinSchema(consent.ClinicalSchema)
		var a *fhir.Attributes
		switch v.(type) {
		case *fhir.Insurance:
			a, err = fhir.Coverage(data, nil, fhir.AttributeOptions{})
		case *fhir.Person:
			a, err = fhir.Clinical(schema, fhir.Records{Patient: data}, fhir.AttributeOptions{BirthDate: consent.Youngest})
		case *fhir.Diagnosis:
			a, err = fhir.Clinical(schema, fhir.Records{Patient: demo.Patient, Conditions: [][]byte{data}}, fhir.AttributeOptions{})
		case *fhir.Measurement:
			a, err = fhir.Clinical(schema, fhir.Records{Patient: demo.Patient, Observations: [][]byte{data}}, fhir.AttributeOptions{})
		}
		refusal(t, err)
		if err != nil {
			return
		}
		for i, s := range a.Schema.Slots {
			at := a.Values[i+1]
			if !at.Present {
				continue
			}
			shown, err := s.Decode(at.Value)
			if err != nil {
				t.Fatalf("slot %s does not read: %v", s.Name, err)
			}
			if again, err := s.Encode(shown); s.Type != consent.Text && (err != nil || again != at) {
				t.Fatalf("slot %s became %q: %v", s.Name, shown, err)
			}
			if a.Schema.Categories(1<<(i+1), at.Value, at.Value) == 0 {
				t.Fatalf("slot %s needs no category", s.Name)
			}
		}
	})
}
