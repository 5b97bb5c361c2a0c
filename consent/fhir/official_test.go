//go:build fhirexamples

package fhir_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/consent/fhir"
)

var update = flag.Bool("update", false, "rewrite testdata/official/*.golden")

// examples reads the official documents of one resource type.
func examples(t *testing.T, resource string, want int) map[string][]byte {
	t.Helper()
	dir := os.Getenv("ZKCONSENT_FHIR_EXAMPLES")
	if dir == "" {
		t.Fatal("ZKCONSENT_FHIR_EXAMPLES is not set; run fetch-examples.sh and set it to the directory that it prints")
	}
	paths, err := filepath.Glob(filepath.Join(dir, resource+"-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != want {
		t.Fatalf("%d documents of type %s, want %d", len(paths), resource, want)
	}
	out := map[string][]byte{}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(strings.TrimPrefix(filepath.Base(p), resource+"-"), ".json")] = data
	}
	return out
}

// table compares one line for each document with the golden table, and counts
// those that were taken.
func table(t *testing.T, name string, docs map[string][]byte, line func(name string, data []byte) (string, error)) int {
	t.Helper()
	var names []string
	for n := range docs {
		names = append(names, n)
	}
	slices.Sort(names)
	var b strings.Builder
	taken := 0
	for _, n := range names {
		text, err := line(n, docs[n])
		if err != nil {
			e := new(fhir.Error)
			if !errors.As(err, &e) || e.Path == "" || e.Reason == "" {
				t.Errorf("%s: a refusal without element and reason: %v", n, err)
			}
			text = "refused " + err.Error()
		} else {
			taken++
		}
		fmt.Fprintf(&b, "%s: %s\n", n, text)
	}
	fmt.Fprintf(&b, "%d of %d taken\n", taken, len(names))
	path := filepath.Join("testdata", "official", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("%s differs:\n%s", path, b.String())
	}
	return taken
}

type written struct {
	Documents []struct {
		Name   string
		Caller struct {
			Base       string
			Actors     []string
			Purposes   string
			Categories string
			Actions    []string
		}
		Allows []struct{ Actor, Purposes, Categories, From, To string }
		Grants int
	}
}

func readWritten(t *testing.T) written {
	t.Helper()
	data, err := os.ReadFile("testdata/official/written.json")
	if err != nil {
		t.Fatal(err)
	}
	var w written
	if err := json.Unmarshal(data, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestOfficialExamplesConsent(t *testing.T) {
	docs := examples(t, "Consent", 12)
	w := readWritten(t)
	if len(w.Documents) != len(docs) {
		t.Fatalf("%d readings of %d documents", len(w.Documents), len(docs))
	}
	table(t, "consents", docs, func(name string, data []byte) (string, error) {
		at := slices.IndexFunc(w.Documents, func(d struct {
			Name   string
			Caller struct {
				Base       string
				Actors     []string
				Purposes   string
				Categories string
				Actions    []string
			}
			Allows []struct{ Actor, Purposes, Categories, From, To string }
			Grants int
		}) bool {
			return d.Name == name
		})
		if at < 0 {
			t.Fatalf("%s: no reading", name)
		}
		r := w.Documents[at]
		o := fhir.Options{Now: time.Date(2016, 7, 1, 0, 0, 0, 0, time.UTC), Actors: r.Caller.Actors, Actions: r.Caller.Actions}
		o.Base = map[string]fhir.Decision{"permit": fhir.Permit, "deny": fhir.Deny}[r.Caller.Base]
		var err error
		if o.Purposes, err = codes.ParsePurposes(r.Caller.Purposes); err != nil {
			t.Fatal(err)
		}
		if o.Categories, err = codes.ParseCategories(r.Caller.Categories); err != nil {
			t.Fatal(err)
		}
		// Without the caller's word on the base decision, none but the one
		// whose type is written compiles.
		unstated := o
		unstated.Base = fhir.Undecided
		if grants, err := fhir.Compile([][]byte{data}, unstated); err == nil && r.Caller.Base != "" {
			t.Errorf("%s: compiled to %d grants without a base decision", name, len(grants))
		}
		grants, err := fhir.Compile([][]byte{data}, o)
		if (err != nil) != (r.Grants < 0) || err == nil && len(grants) != r.Grants {
			t.Errorf("%s: %d grants, %v; want %d", name, len(grants), err, r.Grants)
		}
		if err != nil {
			return "", err
		}
		var lines []string
		for _, g := range grants {
			inside := false
			for _, a := range r.Allows {
				purposes, err1 := codes.ParsePurposes(a.Purposes)
				categories, err2 := codes.ParseCategories(a.Categories)
				from, err3 := time.Parse(time.RFC3339, a.From)
				to, err4 := time.Parse(time.RFC3339, a.To)
				if err := errors.Join(err1, err2, err3, err4); err != nil {
					t.Fatal(err)
				}
				inside = inside || (a.Actor == "*" || a.Actor == g.Actor) &&
					g.Terms.Purposes.Within(purposes.Closed()) && g.Terms.Categories.Within(categories.Closed()) &&
					consent.Time(max(0, from.Unix())) <= g.Terms.NotBefore && g.Terms.NotAfter <= consent.Time(to.Unix())
			}
			if !inside {
				t.Errorf("%s: compiled wider than it reads: %+v", name, g)
			}
			lines = append(lines, fmt.Sprintf("%s may, for %s, have %s from %s until %s (%s, policy %s)", g.Actor, g.Terms.Purposes, g.Terms.Categories,
				stamp(g.Terms.NotBefore), stamp(g.Terms.NotAfter), g.Path, g.Policy))
		}
		return fmt.Sprintf("base %q, %d grants %s", r.Caller.Base, len(grants), strings.Join(lines, "; ")), nil
	})
}

func stamp(at consent.Time) string { return time.Unix(int64(at), 0).UTC().Format(time.RFC3339) }

// values lists what the slots hold.
func values(a *fhir.Attributes) string {
	var out []string
	for _, s := range a.Schema.Slots {
		if v, ok := a.Get(s.Name); ok {
			out = append(out, s.Name+"="+v)
		}
	}
	if len(out) == 0 {
		return "nothing that has a slot"
	}
	return strings.Join(out, " ")
}

func schema(t *testing.T, name string) *consent.Schema {
	t.Helper()
	s, ok := consent.BuiltinSchema(name)
	if !ok {
		t.Fatal(name)
	}
	return s
}

func atLeast(t *testing.T, what string, taken, want int) {
	t.Helper()
	if taken < want {
		t.Errorf("%s: %d taken, want %d", what, taken, want)
	}
}

func TestOfficialExamplesPatient(t *testing.T) {
	taken := table(t, "patients", examples(t, "Patient", 22), func(_ string, data []byte) (string, error) {
		a, err := fhir.Clinical(schema(t, consent.ClinicalSchema), fhir.Records{Patient: data}, fhir.AttributeOptions{})
		if err != nil {
			return "", err
		}
		return values(a), nil
	})
	atLeast(t, "patients", taken, 21)
}

func TestOfficialExamplesCoverage(t *testing.T) {
	taken := table(t, "coverages", examples(t, "Coverage", 4), func(_ string, data []byte) (string, error) {
		a, err := fhir.Coverage(data, nil, fhir.AttributeOptions{})
		if err != nil {
			return "", err
		}
		return values(a), nil
	})
	atLeast(t, "coverages", taken, 2)
}

// person makes the Patient that a record refers to, since not all are among
// the examples.
func person(subject string) []byte {
	_, id, _ := strings.Cut(subject, "Patient/")
	return []byte(`{"resourceType":"Patient","id":"` + id + `"}`)
}

func TestOfficialExamplesCondition(t *testing.T) {
	taken := table(t, "conditions", examples(t, "Condition", 12), func(_ string, data []byte) (string, error) {
		d, err := fhir.ReadCondition(data)
		if err != nil {
			return "", err
		}
		a, err := fhir.Clinical(schema(t, consent.SnomedSchema), fhir.Records{Patient: person(d.Subject), Conditions: [][]byte{data}}, fhir.AttributeOptions{Inactive: true})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s active=%v", values(a), d.Active), nil
	})
	atLeast(t, "conditions", taken, 8)
}

func TestOfficialExamplesObservation(t *testing.T) {
	slotted := 0
	taken := table(t, "observations", examples(t, "Observation", 64), func(_ string, data []byte) (string, error) {
		m, err := fhir.ReadObservation(data)
		if err != nil {
			return "", err
		}
		v, err := consent.EncodeDecimal(m.Value)
		if err != nil {
			return "", &fhir.Error{Path: "Observation.valueQuantity.value", Kind: fhir.ErrValue, Reason: err.Error()}
		}
		a, err := fhir.Clinical(schema(t, consent.MeasurementsSchema), fhir.Records{Patient: person(m.Subject), Observations: [][]byte{data}}, fhir.AttributeOptions{})
		if err != nil {
			return "", err
		}
		in := values(a)
		if strings.Contains(in, "=") {
			slotted++
		}
		return fmt.Sprintf("%s|%s %s %s on %q, encoded %d; in measurements: %s", m.Codes[0].System, m.Codes[0].Code, m.Value, m.Unit, m.Date, v, in), nil
	})
	atLeast(t, "observations", taken, 19)
	atLeast(t, "observations with a slot", slotted, 12)
}

func TestOfficialExamplesEligibility(t *testing.T) {
	docs := examples(t, "CoverageEligibilityRequest", 2)
	for name, data := range examples(t, "CoverageEligibilityResponse", 4) {
		docs[name] = data
	}
	taken := table(t, "eligibility", docs, func(_ string, data []byte) (string, error) {
		v, err := fhir.Read(data)
		return fmt.Sprint(v), err
	})
	if taken != 0 {
		t.Errorf("%d eligibility documents became attributes", taken)
	}
}
