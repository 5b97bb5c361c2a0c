package fhir_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/consent/fhir"
	"github.com/zkconsent/zkconsent/consent/fhir/demo"
)

func identified(system, value string) string {
	return strings.Replace(actor(""), `{"reference":""}`, `{"identifier":{"system":"`+system+`","value":"`+value+`"}}`, 1)
}

// permitTo permits to one actor, and deny denies one.
func permitTo(who string) string {
	return document(strings.Replace(permit(""), actor("https://a.example.org"), who, 1))
}

func deny(who string) string { return document(`{"type":"deny","actor":[` + who + `]}`) }

// A recipient goes by many names. A denial under one of them must not be passed
// by a permit under another.
func TestAttack_DeniedRecipientUnderAnotherName(t *testing.T) {
	for _, c := range []struct{ name, permitted, denied string }{
		{"another system of identifiers", identified("urn:npi", "1"), identified("urn:tax", "77")},
		{"a group", actor("Practitioner/1"), actor("Group/insurers")},
		{"a care team on a server", actor("https://a.example.org/CareTeam/2"), actor("https://a.example.org/CareTeam/1")},
		{"an organisation and its member", actor("PractitionerRole/2"), actor("Organization/1")},
		{"an address and a resource of it", actor("https://a.example.org"), actor("https://a.example.org/fhir/Organization/1")},
		{"a resource of another server", actor("https://a.example.org"), actor("https://hospital.example.org/fhir/Organization/a")},
		{"resources of two servers", actor("https://a.example.org/Organization/2"), actor("https://hospital.example.org/Organization/1")},
	} {
		grants, err := compile(fhir.Options{}, permitTo(c.permitted), deny(c.denied))
		if e := new(fhir.Error); !errors.Is(err, fhir.ErrAmbiguous) || !errors.As(err, &e) || e.Path != "Consent.provision.actor" {
			t.Errorf("%s: %s, %v", c.name, show(grants), err)
		}
	}
	for _, c := range []struct{ name, permitted, denied string }{
		{"a port", actor("https://a.example.org"), actor("https://a.example.org:443/")},
		{"a dot", actor("https://a.example.org"), actor("http://A.example.org.")},
		{"a relative reference", actor("https://a.example.org/fhir/Organization/1"), actor("organization/1")},
		{"an identifier in capitals", identified("urn:npi", "ab"), identified("urn:npi", "AB")},
	} {
		if grants, err := compile(fhir.Options{}, permitTo(c.permitted), deny(c.denied)); err == nil && len(grants) != 0 {
			t.Errorf("%s: %s", c.name, show(grants))
		}
	}
	for _, spelled := range []string{"https://a.example.org/%6frg", "https://u@a.example.org", "https://a.example.org/x/../org", "https://a.example.org//org", `https://a.example.org\\org`} {
		if grants, err := compile(fhir.Options{}, permitTo(actor("https://a.example.org/org")), deny(actor(spelled))); !errors.Is(err, fhir.ErrValue) {
			t.Errorf("%s: %s, %v", spelled, show(grants), err)
		}
	}
	// What can be told apart is told apart.
	for _, c := range [][2]string{
		{identified("urn:npi", "1"), identified("urn:npi", "2")},
		{actor("Organization/1"), actor("Organization/2")},
		{actor("https://a.example.org/Organization/1"), actor("https://a.example.org/Organization/2")},
		{actor("https://a.example.org"), actor("https://b.example.org")},
	} {
		if grants, err := compile(fhir.Options{}, permitTo(c[0]), deny(c[1])); err != nil || len(grants) != 1 {
			t.Errorf("%s and %s: %s, %v", c[0], c[1], show(grants), err)
		}
	}
}

// A denial whose period ends before it begins must not read as a denial of
// nothing.
func TestAttack_DenialWithItsPeriodTurnedAround(t *testing.T) {
	for _, element := range []string{"period", "dataPeriod"} {
		turned := document(permit(`,"provision":[{"type":"deny","` + element + `":{"start":"2026-09-01","end":"2026-03-01"}}]`))
		grants, err := compile(fhir.Options{}, turned)
		if e := new(fhir.Error); !errors.As(err, &e) || e.Kind != fhir.ErrValue || e.Path != "Consent.provision.provision[0]."+element {
			t.Errorf("%s: %s, %v", element, show(grants), err)
		}
	}
}

// References into the document are the same text in documents of two patients.
func TestAttack_TwoPatientsUnderOneContainedReference(t *testing.T) {
	of := func(name string) string {
		return strings.Replace(document(permit("")), `"patient":{"reference":"Patient/p"}`,
			`"contained":[{"resourceType":"Patient","id":"p","name":[{"text":"`+name+`"}]}],"patient":{"reference":"#p"}`, 1)
	}
	for _, reference := range []string{"#p", "Patient/#p", "Group/p"} {
		grants, err := compile(fhir.Options{}, strings.Replace(of("a"), `"reference":"#p"`, `"reference":"`+reference+`"`, 1), of("b"))
		if e := new(fhir.Error); !errors.As(err, &e) || e.Kind != fhir.ErrValue || e.Path != "Consent.patient.reference" {
			t.Errorf("%s: %s, %v", reference, show(grants), err)
		}
	}
}

// The base that a caller states for one document must not open another whose
// root only holds its nested permits.
func TestAttack_BasePermitOpensABareRootOverNestedPermits(t *testing.T) {
	nested := document(`{"provision":[` + permit("") + `]}`)
	purposes, _ := codes.ParsePurposes("HMARKT")
	categories, _ := codes.ParseCategories("sequences")
	o := fhir.Options{Base: fhir.Permit, Actors: []string{"https://b.example.org"}, Purposes: purposes, Categories: categories}
	grants, err := compile(o, nested)
	if err != nil || len(grants) != 1 || grants[0].Actor != "https://a.example.org" {
		t.Errorf("%s, %v", show(grants), err)
	}
}

// What a record says of somebody else, or of the past, is no attribute of the
// patient of today.
func TestAttack_RecordsThatOnlyLookLikeThePatients(t *testing.T) {
	clinical := builtin(t, consent.ClinicalSchema)
	for _, c := range []struct {
		name string
		r    fhir.Records
		slot string
	}{
		{"an observation about the donor", fhir.Records{Observations: [][]byte{replaced(demo.Observation, `"status"`, `"focus":[{"reference":"Patient/donor"}],"status"`)}}, "hba1c"},
		{"a diagnosis that has abated", fhir.Records{Conditions: [][]byte{replaced(demo.Condition, `"subject"`, `"abatementDateTime":"2025-01-01","subject"`)}}, "dx1"},
		{"an address for letters", fhir.Records{Patient: replaced(demo.Patient, `"country"`, `"type":"postal","country"`)}, "region"},
	} {
		if c.r.Patient == nil {
			c.r.Patient = demo.Patient
		}
		t.Run(c.name, func(t *testing.T) {
			a, err := fhir.Clinical(clinical, c.r, fhir.AttributeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if v, ok := a.Get(c.slot); ok {
				t.Errorf("%s is %s", c.slot, v)
			}
		})
	}
}

// A denial that comes in a later import must find the grants of earlier ones.
func TestAttack_DenialAfterThePermitWasImported(t *testing.T) {
	permitted := document(`{"type":"deny","purpose":[` + purpose("TREAT") + `],"provision":[` + permit("") + `]}`)
	standing, err := compile(fhir.Options{}, permitted)
	if err != nil || len(standing) != 1 {
		t.Fatal(show(standing), err)
	}
	for _, c := range []struct {
		name, doc string
		denied    bool
	}{
		{"everything", document(`{"type":"deny"}`), true},
		{"a part", document(`{"type":"deny","purpose":[` + purpose("BTG") + `]}`), true},
		{"a recipient under another kind of name", deny(actor("Organization/1")), true},
		{"what no grant expresses", document(`{"type":"deny","actor":[` + role("AUT", "Practitioner/1") + `]}`), true},
		{"the base of another document", document(`{"type":"deny","purpose":[` + purpose("TREAT") + `],"provision":[` + strings.Replace(permit(""), "TREAT", "BTG", 1) + `]}`), true},
		{"the document itself", permitted, false},
		{"somebody else", deny(actor("https://b.example.org")), false},
		{"a permit", document(permit("")), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			denied, err := fhir.Denied([][]byte{[]byte(c.doc)}, standing, fhir.Options{Now: now})
			if err != nil || len(denied) > 0 != c.denied {
				t.Errorf("%v, %v", denied, err)
			}
		})
	}
	if _, err := fhir.Denied([][]byte{[]byte("{}")}, standing, fhir.Options{Now: now}); err == nil {
		t.Error("what is no document denies nothing")
	}
}

// Whoever forbids research on ancestry must not have granted it as a purpose.
func TestAttack_AncestryResearchUnderAPromiseToDoNone(t *testing.T) {
	const a = "https://a.example.org"
	for _, c := range []struct{ purposes, codes, want string }{
		{``, duo("0000042") + `,` + duo("0000044"), a + " GRU,HMB conditions if NPOA"},
		{`,"purpose":[` + purpose("POARCH") + `,` + purpose("DSRCH") + `]`, duo("0000044"), a + " DSRCH conditions if NPOA"},
		{`,"purpose":[` + purpose("POARCH") + `]`, duo("0000044"), ""},
	} {
		doc := document(strings.Replace(permit(`,"code":[`+c.codes+`]`), `,"purpose":[`+purpose("TREAT")+`]`, c.purposes, 1))
		grants, err := compile(fhir.Options{}, doc)
		if got := show(grants); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %v", got, err)
		}
	}
}

// An unknown element may narrow wherever it stands, not in provisions alone.
func TestAttack_UnknownElementsOutsideOfTheProvisions(t *testing.T) {
	coding := `{"system":"http://loinc.org","code":"59284-0"`
	for _, c := range []struct{ old, put, path string }{
		{`"category":[{`, `"category":[{"unless":"research",`, "Consent.category[0].unless"},
		{coding, coding + `,"_code":{"id":"x"}`, "Consent.category[0].coding[0]._code"},
		{coding, coding + `,"except":"x"`, "Consent.category[0].coding[0].except"},
		{`"policy":[{`, `"policy":[{"limit":"x",`, "Consent.policy[0].limit"},
		{`"policy":[{"uri":"https://policy.example.org/1"}]`, `"policyRule":{"text":"x","limit":"x"}`, "Consent.policyRule.limit"},
		{`"policy"`, `"verification":[{"verified":true,"verifiedFor":"x"}],"policy"`, "Consent.verification[0].verifiedFor"},
		{`"patient":{`, `"patient":{"onlyFor":"x",`, "Consent.patient.onlyFor"},
		{`"period":{`, `"period":{"except":"x",`, "Consent.provision.period.except"},
		{`"period":{`, `"period":{"_end":{"id":"x"},`, "Consent.provision.period._end"},
		{`"type":"permit"`, `"type":"permit","Type":"deny"`, "Consent.provision.Type"},
		{`"type":"permit"`, `"type":"permit","\u0074ype":"deny"`, "Consent.provision.type"},
		{`"start":"2026-01-01T00:00:00Z"`, `"start":20260101`, "Consent.provision.period.start"},
		{`"type":"permit"`, `"type":["permit"]`, "Consent.provision.type"},
		{`"provision":{`, `"provision":[{`, "Consent"},
	} {
		doc := strings.Replace(document(permit("")), c.old, c.put, 1)
		if doc == document(permit("")) {
			t.Fatal("not in the document: " + c.old)
		}
		grants, err := compile(fhir.Options{}, doc)
		if e := new(fhir.Error); !errors.As(err, &e) || e.Path != c.path || len(grants) != 0 {
			t.Errorf("%s: %s, %v", c.put, show(grants), err)
		}
	}
}

// A new version that says less must be known for one.
func TestAttack_NarrowerVersionBesideTheOldOne(t *testing.T) {
	with := func(elements string) []byte {
		return []byte(strings.Replace(document(permit("")), `"status"`, elements+`"status"`, 1))
	}
	for _, c := range []struct {
		newer, older string
		want         bool
	}{
		{`"id":"1","language":"de",`, `"id":"1",`, true},
		{`"id":"1",`, `"id":"1",`, false},
		{`"id":"2",`, `"id":"1",`, false},
		{`"language":"de",`, ``, false},
		{`"id":"1","identifier":[{"system":"urn:x","value":"7"}],`, `"id":"2","identifier":[{"value":"7"},{"system":"urn:x","value":"7"}],`, true},
		{`"id":"1","identifier":[{"system":"urn:x","value":"7"}],`, `"id":"1","identifier":[{"system":"urn:y","value":"7"}],`, false},
		{`"id":"1","identifier":[{"system":"urn:x","value":"7"}],`, `"id":"1",`, true},
	} {
		if got, err := fhir.Replaces(with(c.newer), with(c.older)); err != nil || got != c.want {
			t.Errorf("%s for %s: %v, %v", c.newer, c.older, got, err)
		}
	}
	if _, err := fhir.Replaces(with(`"identifier":[7],`), with("")); err == nil {
		t.Error("a malformed identifier is read as none")
	}
}

// A cancelled coverage of which no end is known must not last for ever.
func TestAttack_CancelledCoverageWithoutAnEnd(t *testing.T) {
	doc := replaced(demo.Coverage, `, "end": "2027-12-31"`, "", `"active"`, `"cancelled"`)
	a, err := fhir.Coverage(doc, demo.Patient, fhir.AttributeOptions{OpenEnd: true})
	if err != nil {
		t.Fatal(err)
	}
	if end, ok := a.Get("end"); ok {
		t.Errorf("lasts until %s", end)
	}
}
