package fhir_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/fhir"
	"github.com/zkconsent/zkconsent/consent/fhir/demo"
)

func builtin(t testing.TB, name string) *consent.Schema {
	t.Helper()
	s, ok := consent.BuiltinSchema(name)
	if !ok {
		t.Fatalf("no schema %q", name)
	}
	return s
}

func expect(t *testing.T, a *fhir.Attributes, want map[string]string) {
	t.Helper()
	for _, s := range a.Schema.Slots {
		got, _ := a.Get(s.Name)
		if w := want[s.Name]; s.Type == consent.Text && w != "" {
			v, err := s.Encode(w)
			if err != nil {
				t.Fatal(err)
			}
			if shown, _ := s.Decode(v.Value); shown != got {
				t.Errorf("%s is %q, want that of %q", s.Name, got, w)
			}
		} else if got != w {
			t.Errorf("%s is %q, want %q", s.Name, got, w)
		}
	}
	if a.Values[0].Present {
		t.Error("slot 0 is the issuer's")
	}
}

func TestDemoCoverage(t *testing.T) {
	a, err := fhir.Coverage(demo.Coverage, demo.Patient, fhir.AttributeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, a, map[string]string{"payer": demo.Insurer, "type": "http://terminology.hl7.org/CodeSystem/v3-ActCode|EHCPOL",
		"plan": "DEMO-GOLD", "group": "DEMO-GROUP", "start": "2025-01-01", "end": "2027-12-31", "birthDate": "1961-07-14",
		"region": "US-MA", "relationship": "self", "status": "active"})
}

func TestDemoClinical(t *testing.T) {
	a, err := fhir.Clinical(builtin(t, consent.ClinicalSchema), fhir.Records{Patient: demo.Patient,
		Conditions: [][]byte{demo.Condition}, Observations: [][]byte{demo.Observation}}, fhir.AttributeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, a, map[string]string{"birthDate": "1961-07-14", "sex": "FEMALE", "region": "US-MA", "dx1": "E11.9", "dx1Date": "2024-03-02",
		"hba1c": "7.4", "hba1cDate": "2026-02-10", "deceased": "0"})
	lo, hi, err := consent.CodePrefix("E11")
	i, _ := a.Schema.Find("dx1")
	if err != nil || a.Values[i].Value < lo || a.Values[i].Value > hi {
		t.Error("E11.9 is not in E11*")
	}
}

func TestAttributesStayOutOfLogs(t *testing.T) {
	a, err := fhir.Coverage(demo.Coverage, demo.Patient, fhir.AttributeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("imported", "attributes", a)
	fmt.Fprint(&b, a)
	if s := b.String(); strings.Count(s, "REDACTED") != 2 || strings.Contains(s, "Present") {
		t.Error(s)
	}
}

func replaced(doc []byte, pairs ...string) []byte {
	s := string(doc)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(s, pairs[i]) {
			panic("not in the document: " + pairs[i])
		}
		s = strings.Replace(s, pairs[i], pairs[i+1], 1)
	}
	return []byte(s)
}

func TestRefusesAttributes(t *testing.T) {
	clinical := builtin(t, consent.ClinicalSchema)
	of := func(r fhir.Records) func() error {
		return func() error {
			if r.Patient == nil {
				r.Patient = demo.Patient
			}
			_, err := fhir.Clinical(clinical, r, fhir.AttributeOptions{})
			return err
		}
	}
	person := func(pairs ...string) func() error { return of(fhir.Records{Patient: replaced(demo.Patient, pairs...)}) }
	coverage := func(pairs ...string) func() error {
		return func() error {
			_, err := fhir.Coverage(replaced(demo.Coverage, pairs...), demo.Patient, fhir.AttributeOptions{})
			return err
		}
	}
	observation := func(pairs ...string) func() error {
		return of(fhir.Records{Observations: [][]byte{replaced(demo.Observation, pairs...)}})
	}
	for _, c := range []struct {
		name string
		do   func() error
		kind error
		path string
	}{
		{"birth date that is a year", person("1961-07-14", "1961"), fhir.ErrValue, "Patient.birthDate"},
		{"birth date that does not exist", person("1961-07-14", "1961-02-30"), fhir.ErrValue, "Patient.birthDate"},
		{"birth date with a time", person("1961-07-14", "1961-07-14T00:00:00Z"), fhir.ErrValue, "Patient.birthDate"},
		{"inactive patient", person(`"active": true`, `"active": false`), fhir.ErrUnsupported, "Patient.active"},
		{"replaced patient", person(`"active": true`, `"link": [{"type": "replaced-by", "other": {"reference": "Patient/x"}}]`), fhir.ErrUnsupported, "Patient.link[0].type"},
		{"two forms of deceased", person(`"active": true`, `"deceasedDateTime": "2020-01-01"`), fhir.ErrMalformed, "Patient.deceasedDateTime"},
		{"unknown gender", person(`"female"`, `"f"`), fhir.ErrValue, "Patient.gender"},
		{"modifierExtension", person(`"active": true`, `"modifierExtension": [{"url": "urn:x"}]`), fhir.ErrUnknown, "Patient.modifierExtension"},
		{"no start", coverage(`"start": "2025-01-01", `, ``), fhir.ErrMissing, "Coverage.period.start"},
		{"start of a year", coverage(`2025-01-01`, `2025`), fhir.ErrValue, "Coverage.period.start"},
		{"no period", coverage(`"period": {"start": "2025-01-01", "end": "2027-12-31"},`, ``), fhir.ErrMissing, "Coverage.period.start"},
		{"end before start", coverage(`2027-12-31`, `2024-12-31`), fhir.ErrValue, "Coverage.period"},
		{"mistaken coverage", coverage(`"status": "active"`, `"status": "entered-in-error"`), fhir.ErrUnsupported, "Coverage.status"},
		{"another beneficiary", coverage(`"beneficiary": {"reference": "Patient/demo-patient"}`, `"beneficiary": {"reference": "Patient/other"}`), fhir.ErrMismatch, "Coverage.beneficiary.reference"},
		{"two payers", coverage(`"payor": [`, `"payor": [{"reference": "Organization/1"}, `), fhir.ErrAmbiguous, "Coverage.payor"},
		{"two plans", coverage(`"code": "group"`, `"code": "plan"`), fhir.ErrAmbiguous, "Coverage.class[1]"},
		{"another patient's condition", of(fhir.Records{Conditions: [][]byte{replaced(demo.Condition, "Patient/demo-patient", "Patient/other")}}), fhir.ErrMismatch, "Condition.subject.reference"},
		{"a code in lower case", of(fhir.Records{Conditions: [][]byte{replaced(demo.Condition, "E11.9", "e11.9")}}), fhir.ErrValue, "Condition.code"},
		{"more conditions than slots", of(fhir.Records{Conditions: [][]byte{demo.Condition, demo.Condition, demo.Condition}}), fhir.ErrUnsupported, "Condition"},
		{"another unit", observation(`"code": "%"`, `"code": "mmol/mol"`), fhir.ErrValue, "Observation.valueQuantity.code"},
		{"too many places", observation(`7.4`, `7.4000001`), fhir.ErrValue, "Observation.valueQuantity.value"},
		{"an exponent", observation(`7.4`, `7.4e0`), fhir.ErrValue, "Observation.valueQuantity.value"},
		{"two observations of one slot", of(fhir.Records{Observations: [][]byte{demo.Observation, demo.Observation}}), fhir.ErrAmbiguous, "Observation.code"},
		{"a Condition among observations", of(fhir.Records{Observations: [][]byte{demo.Condition}}), fhir.ErrMismatch, "Observation.resourceType"},
	} {
		err := c.do()
		e := new(fhir.Error)
		if !errors.As(err, &e) || !errors.Is(err, c.kind) || e.Path != c.path {
			t.Errorf("%s: %v, want %v at %s", c.name, err, c.kind, c.path)
		}
	}
}

// What must not enter a credential is skipped, and the result says so.
func TestSkipsWithAReason(t *testing.T) {
	clinical := builtin(t, consent.ClinicalSchema)
	for _, c := range []struct {
		name    string
		records fhir.Records
		path    string
	}{
		{"refuted", fhir.Records{Conditions: [][]byte{replaced(demo.Condition, `"confirmed"`, `"refuted"`)}}, "Condition.verificationStatus"},
		{"entered in error", fhir.Records{Conditions: [][]byte{replaced(demo.Condition, `"confirmed"`, `"entered-in-error"`)}}, "Condition.verificationStatus"},
		{"status of another system", fhir.Records{Conditions: [][]byte{replaced(demo.Condition, `condition-ver-status`, `other`)}}, "Condition.verificationStatus"},
		{"resolved", fhir.Records{Conditions: [][]byte{replaced(demo.Condition, `"active"`, `"resolved"`)}}, "Condition.clinicalStatus"},
		{"another code system", fhir.Records{Conditions: [][]byte{replaced(demo.Condition, `icd-10-cm`, `icd-10-gm`)}}, "Condition.code"},
		{"preliminary", fhir.Records{Observations: [][]byte{replaced(demo.Observation, `"final"`, `"preliminary"`)}}, "Observation.status"},
		{"a bound", fhir.Records{Observations: [][]byte{replaced(demo.Observation, `"value": 7.4`, `"value": 7.4, "comparator": "<"`)}}, "Observation.valueQuantity.comparator"},
		{"no UCUM unit", fhir.Records{Observations: [][]byte{replaced(demo.Observation, `unitsofmeasure`, `other`)}}, "Observation.valueQuantity.system"},
		{"another observation", fhir.Records{Observations: [][]byte{replaced(demo.Observation, `4548-4`, `4549-2`)}}, "Observation.code"},
	} {
		c.records.Patient = demo.Patient
		a, err := fhir.Clinical(clinical, c.records, fhir.AttributeOptions{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		expect(t, a, map[string]string{"birthDate": "1961-07-14", "sex": "FEMALE", "region": "US-MA", "deceased": "0"})
		if len(a.Notes) != 1 || a.Notes[0].Path != c.path {
			t.Errorf("%s: notes %v, want one at %s", c.name, a.Notes, c.path)
		}
	}
}

func TestStatedReadings(t *testing.T) {
	patient := replaced(demo.Patient, "1961-07-14", "1961")
	for reading, want := range map[consent.Precision]string{consent.Youngest: "1961-12-31", consent.Oldest: "1961-01-01"} {
		a, err := fhir.Coverage(replaced(demo.Coverage, `, "end": "2027-12-31"`, ""), patient, fhir.AttributeOptions{BirthDate: reading, OpenEnd: true})
		if err != nil {
			t.Fatal(err)
		}
		born, _ := a.Get("birthDate")
		end, _ := a.Get("end")
		if born != want || end != "9999-12-31" || len(a.Notes) != 3 || !strings.Contains(a.Notes[0].String(), "reading is taken") {
			t.Errorf("%s %s %v", born, end, a.Notes)
		}
	}
	a, err := fhir.Coverage(replaced(demo.Coverage, `, "end": "2027-12-31"`, ""), demo.Patient, fhir.AttributeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := a.Get("end"); ok {
		t.Error("an end that nobody named")
	}
	d, err := fhir.ReadCondition(replaced(demo.Condition, "E11.9", "E119", `"onsetDateTime": "2024-03-02",`, ""))
	if err != nil || d.Codes[0].Code != "E11.9" || d.Since != "2024-03-04" || len(d.Notes) != 1 {
		t.Errorf("%+v %v", d, err)
	}
}

func TestErrorsDoNotQuoteThePatient(t *testing.T) {
	_, err := fhir.Clinical(builtin(t, consent.ClinicalSchema), fhir.Records{Patient: demo.Patient, Conditions: [][]byte{replaced(demo.Condition, "E11.9", "zz-secret-zz")}}, fhir.AttributeOptions{})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	_, err = fhir.ReadPatient(replaced(demo.Patient, "1961-07-14", "secret-day"))
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}
