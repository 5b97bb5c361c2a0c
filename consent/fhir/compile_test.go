package fhir_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/consent/fhir"
	"github.com/zkconsent/zkconsent/consent/fhir/demo"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// document is an active Consent with the given provision (JSON, or empty).
func document(provision string) string {
	if provision != "" {
		provision = `,"provision":` + provision
	}
	return `{"resourceType":"Consent","status":"active",
		"scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
		"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],
		"patient":{"reference":"Patient/p"},"dateTime":"2026-01-01T00:00:00Z",
		"policy":[{"uri":"https://policy.example.org/1"}]` + provision + `}`
}

func actor(name string) string { return role("PRCP", name) }

func role(code, name string) string {
	return `{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"` + code + `"}]},"reference":{"reference":"` + name + `"}}`
}

func purpose(code string) string {
	return `{"system":"` + codes.SystemPurpose + `","code":"` + code + `"}`
}

func class(code string) string {
	return `{"system":"` + codes.SystemResource + `","code":"` + code + `"}`
}

func label(code string) string {
	system := codes.SystemSensitivity
	if len(code) == 1 {
		system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	}
	return `{"system":"` + system + `","code":"` + code + `"}`
}

func duo(code string) string {
	return `{"coding":[{"system":"` + codes.SystemDUO + `","code":"DUO:` + code + `"}]}`
}

// permit is a provision that names all that a permit needs, with more elements.
func permit(more string) string {
	return `{"type":"permit","period":{"start":"2026-01-01T00:00:00Z","end":"2026-12-31T00:00:00Z"},"actor":[` + actor("https://a.example.org") +
		`],"purpose":[` + purpose("TREAT") + `],"class":[` + class("Condition") + `]` + more + `}`
}

func compile(o fhir.Options, docs ...string) ([]fhir.Grant, error) {
	if o.Now.IsZero() {
		o.Now = now
	}
	var data [][]byte
	for _, d := range docs {
		data = append(data, []byte(d))
	}
	return fhir.Compile(data, o)
}

// show writes grants in one comparable line each.
func show(grants []fhir.Grant) string {
	var out []string
	for _, g := range grants {
		t := g.Terms
		line := fmt.Sprintf("%s %s %s", g.Actor, t.Purposes, t.Categories)
		if t.Restrictions != 0 {
			line += " if " + t.Restrictions.String()
		}
		out = append(out, line)
	}
	return strings.Join(out, "; ")
}

func TestDemoConsentCompiles(t *testing.T) {
	grants, err := fhir.Compile([][]byte{demo.Consent}, fhir.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	want := "https://insurer.example.org HPAYMT,CLMATTCH,COVAUTH,COVERAGE,ELIGDTRM,ELIGVER,ENROLLM,MILDCRG,REMITADV demographics,coverage; " +
		"https://research.example.org CLINTRCH,CLINTRCHNPC,CLINTRCHPC,PRECLINTRCH demographics,conditions,observations if NPU,IRB"
	if got := show(grants); got != want {
		t.Errorf("%s", got)
	}
	for _, g := range grants {
		if g.Terms.NotBefore != consent.Time(time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC).Unix()) || !g.EndNamed || len(g.Notes) != 0 ||
			g.Policy != "https://hospital.example.org/policies/sharing/1" || g.Patient != "Patient/demo-patient" {
			t.Errorf("%+v", g)
		}
	}
}

// The refusals by name: a document that is ambiguous, unknown or beyond what a
// grant expresses never compiles.
func TestRefusesConsents(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 70) + `1` + strings.Repeat(`}`, 70)
	for _, c := range []struct {
		name string
		doc  string
		kind error
		path string
	}{
		{"root condition without a type", document(`{"purpose":[` + purpose("TREAT") + `]}`), fhir.ErrAmbiguous, "Consent.provision.type"},
		{"root period without a type", document(`{"period":{"start":"2026-01-01"}}`), fhir.ErrAmbiguous, "Consent.provision.type"},
		{"no provision", document(""), fhir.ErrAmbiguous, "Consent.provision.type"},
		{"only a nested deny", document(`{"provision":[{"type":"deny"}]}`), fhir.ErrAmbiguous, "Consent.provision.type"},
		{"root type of another kind", document(`{"type":"maybe"}`), fhir.ErrUnknown, "Consent.provision.type"},
		{"nested without a type", document(`{"type":"deny","provision":[{}]}`), fhir.ErrMissing, "Consent.provision.provision[0].type"},
		{"deeper nesting", document(`{"type":"deny","provision":[` + permit(`,"provision":[`+permit("")+`]`) + `]}`), fhir.ErrUnsupported, "Consent.provision.provision[0].provision"},
		{"unknown purpose", document(permit(`,"provision":[{"type":"deny","purpose":[` + purpose("TREET") + `]}]`)), fhir.ErrUnknown, "Consent.provision.provision[0].purpose[0]"},
		{"purpose of another system", document(`{"type":"permit","purpose":[{"system":"urn:oid:2.16.840.1.113883.3.18.7.1","code":"TREATMENT"}]}`), fhir.ErrUnknown, "Consent.provision.purpose[0]"},
		{"DUO permission as a purpose", document(`{"type":"permit","purpose":[{"system":"` + codes.SystemDUO + `","code":"DUO:0000042"}]}`), fhir.ErrUnknown, "Consent.provision.purpose[0]"},
		{"unknown class", document(permit(`,"provision":[{"type":"deny","class":[` + class("Basic") + `]}]`)), fhir.ErrUnknown, "Consent.provision.provision[0].class[0]"},
		{"sensitivity as a class", document(`{"type":"permit","class":[` + label("HIV") + `]}`), fhir.ErrUnknown, "Consent.provision.class[0]"},
		{"unknown label", document(permit(`,"securityLabel":[` + label("CEL") + `]`)), fhir.ErrUnknown, "Consent.provision.securityLabel[0]"},
		{"level of confidentiality", document(permit(`,"securityLabel":[` + label("R") + `]`)), fhir.ErrUnsupported, "Consent.provision.securityLabel[0]"},
		{"only labelled data", document(permit(`,"securityLabel":[` + label("PSY") + `]`)), fhir.ErrUnsupported, "Consent.provision.securityLabel"},
		{"unknown action", document(permit(`,"action":[{"coding":[{"system":"urn:x","code":"access"}]}]`)), fhir.ErrUnknown, "Consent.provision.action[0]"},
		{"action that is not enough", document(permit(`,"action":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentaction","code":"collect"}]}]`)), fhir.ErrUnsupported, "Consent.provision.action"},
		{"unknown code", document(permit(`,"code":[{"coding":[{"system":"http://loinc.org","code":"34133-9"}]}]`)), fhir.ErrUnknown, "Consent.provision.code[0]"},
		{"code that is only a text", document(permit(`,"code":[{"text":"not for profit"}]`)), fhir.ErrUnknown, "Consent.provision.code[0]"},
		{"two codings of one code", document(permit(`,"code":[{"coding":[{"system":"` + codes.SystemDUO + `","code":"DUO:0000045"},{"system":"` + codes.SystemDUO + `","code":"DUO:0000046"}]}]`)), fhir.ErrUnknown, "Consent.provision.code[0]"},
		{"disease-specific research", document(permit(`,"code":[` + duo("0000007") + `]`)), fhir.ErrUnsupported, "Consent.provision.code[0]"},
		{"DUO permission beside treatment", document(permit(`,"code":[` + duo("0000042") + `]`)), fhir.ErrUnsupported, "Consent.provision.code"},
		{"DUO code in a denial", document(permit(`,"provision":[{"type":"deny","code":[` + duo("0000045") + `]}]`)), fhir.ErrUnsupported, "Consent.provision.provision[0].code[0]"},
		{"data that is related", document(permit(`,"data":[{"meaning":"related","reference":{"reference":"Task/1"}}]`)), fhir.ErrUnsupported, "Consent.provision.data[0].meaning"},
		{"data of one record", document(permit(`,"data":[{"meaning":"instance","reference":{"reference":"Condition/1"}}]`)), fhir.ErrUnsupported, "Consent.provision.data[0]"},
		{"denial of one record", document(permit(`,"provision":[{"type":"deny","data":[{"meaning":"instance","reference":{"reference":"Condition/1"}}]}]`)), fhir.ErrUnsupported, "Consent.provision.provision[0].data[0]"},
		{"denial of data of normal confidentiality", document(permit(`,"provision":[{"type":"deny","securityLabel":[` + label("N") + `]}]`)), fhir.ErrUnsupported, "Consent.provision.provision[0].securityLabel[0]"},
		{"denial of a level and a sensitivity", document(permit(`,"provision":[{"type":"deny","securityLabel":[` + label("HIV") + `,` + label("R") + `]}]`)), fhir.ErrUnsupported, "Consent.provision.provision[0].securityLabel[1]"},
		{"denial of what an author wrote", document(permit(`,"provision":[{"type":"deny","actor":[` + role("AUT", "Practitioner/1") + `]}]`)), fhir.ErrUnsupported, "Consent.provision.provision[0].actor[0].role"},
		{"denial of an author or a recipient", document(permit(`,"provision":[{"type":"deny","actor":[` + actor("https://b.example.org") + `,` + role("AUT", "Practitioner/1") + `]}]`)), fhir.ErrUnsupported, "Consent.provision.provision[0].actor[1].role"},
		{"custodian as a recipient", document(`{"type":"permit","actor":[` + role("CST", "Organization/1") + `]}`), fhir.ErrUnsupported, "Consent.provision.actor[0].role"},
		{"denial under another kind of name", document(permit(`,"provision":[{"type":"deny","actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP"}]},"reference":{"identifier":{"system":"urn:x","value":"1"}}}]}]`)), fhir.ErrAmbiguous, "Consent.provision.provision[0].actor"},
		{"denial under a relative name", document(permit(`,"provision":[{"type":"deny","actor":[` + actor("Organization/1") + `]}]`)), fhir.ErrAmbiguous, "Consent.provision.provision[0].actor"},
		{"two names of an actor", document(`{"type":"permit","actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP"}]},"reference":{"reference":"Organization/1","identifier":{"system":"urn:x","value":"1"}}}]}`), fhir.ErrAmbiguous, "Consent.provision.actor[0].reference"},
		{"a reference into the document", document(permit(`,"provision":[{"type":"deny","actor":[` + actor("#org") + `]}]`)), fhir.ErrValue, "Consent.provision.provision[0].actor[0].reference.reference"},
		{"no recipient", document(`{"type":"permit","purpose":[` + purpose("TREAT") + `],"class":[` + class("Condition") + `]}`), fhir.ErrUnstated, "Consent.provision.actor"},
		{"no purpose", document(`{"type":"permit","actor":[` + actor("A/1") + `],"class":[` + class("Condition") + `]}`), fhir.ErrUnstated, "Consent.provision.purpose"},
		{"no class", document(`{"type":"permit","actor":[` + actor("A/1") + `],"purpose":[` + purpose("TREAT") + `]}`), fhir.ErrUnstated, "Consent.provision.class"},
		{"no common recipient", document(permit(`,"provision":[{"type":"permit","actor":[` + actor("https://b.example.org") + `]}]`)), fhir.ErrValue, "Consent.provision.provision[0].actor"},
		{"no common purpose", document(permit(`,"provision":[{"type":"permit","purpose":[` + purpose("HPAYMT") + `]}]`)), fhir.ErrValue, "Consent.provision.provision[0]"},
		{"no common class", document(permit(`,"provision":[{"type":"permit","class":[` + class("Coverage") + `]}]`)), fhir.ErrValue, "Consent.provision.provision[0].class"},
		{"no common time", document(permit(`,"provision":[{"type":"permit","period":{"start":"2027-01-01T00:00:00Z"}}]`)), fhir.ErrValue, "Consent.provision.provision[0].period"},
		{"a day by its narrower reading", document(strings.Replace(permit(""), `"start":"2026-01-01T00:00:00Z","end":"2026-12-31T00:00:00Z"`, `"start":"2026-01-01","end":"2026-01-01"`, 1)), fhir.ErrValue, "Consent.provision.period"},
		{"period of a year", document(strings.Replace(permit(""), "2026-12-31T00:00:00Z", "2026", 1)), fhir.ErrValue, "Consent.provision.period.end"},
		{"time without a zone", document(strings.Replace(permit(""), "2026-12-31T00:00:00Z", "2026-12-31T00:00:00", 1)), fhir.ErrValue, "Consent.provision.period.end"},
		{"ended before 1970", document(strings.Replace(permit(""), `"start":"2026-01-01T00:00:00Z","end":"2026-12-31T00:00:00Z"`, `"end":"1969-12-31T00:00:00Z"`, 1)), fhir.ErrValue, "Consent.provision.period.end"},
		{"unknown element in a provision", document(permit(`,"condition":[1]`)), fhir.ErrUnknown, "Consent.provision.condition"},
		{"primitive extension in a provision", document(permit(`,"_type":{"extension":[{"url":"urn:x"}]}`)), fhir.ErrUnknown, "Consent.provision._type"},
		{"modifierExtension in a provision", document(permit(`,"modifierExtension":[{"url":"urn:x"}]`)), fhir.ErrUnknown, "Consent.provision.modifierExtension"},
		{"modifierExtension in an actor", document(strings.Replace(permit(""), `{"role"`, `{"modifierExtension":[{"url":"urn:x"}],"role"`, 1)), fhir.ErrUnknown, "Consent.provision.actor[0].modifierExtension"},
		{"implicitRules", strings.Replace(document(permit("")), `"status"`, `"implicitRules":"urn:x","status"`, 1), fhir.ErrUnknown, "Consent.implicitRules"},
		{"element of another version", strings.Replace(document(permit("")), `"status"`, `"decision":"permit","status"`, 1), fhir.ErrUnknown, "Consent.decision"},
		{"not active", strings.Replace(document(permit("")), `"active"`, `"inactive"`, 1), fhir.ErrUnsupported, "Consent.status"},
		{"another scope", strings.Replace(document(permit("")), `"patient-privacy"`, `"treatment"`, 1), fhir.ErrUnsupported, "Consent.scope.coding[0]"},
		{"another category", strings.Replace(document(permit("")), `"59284-0"`, `"1-1"`, 1), fhir.ErrUnknown, "Consent.category[0].coding[0]"},
		{"not verified", strings.Replace(document(permit("")), `"policy"`, `"verification":[{"verified":false}],"policy"`, 1), fhir.ErrUnsupported, "Consent.verification[0].verified"},
		{"no policy", strings.Replace(document(permit("")), `"policy":[{"uri":"https://policy.example.org/1"}],`, ``, 1), fhir.ErrMissing, "Consent.policy"},
		{"unprintable policy", strings.Replace(document(permit("")), "policy.example.org/1", `policy.example.org/\u202e1`, 1), fhir.ErrValue, "Consent.policy"},
		{"no patient", strings.Replace(document(permit("")), `"patient":{"reference":"Patient/p"},`, ``, 1), fhir.ErrMissing, "Consent.patient"},
		{"duplicate key", document(permit(`,"type":"deny"`)), fhir.ErrMalformed, "Consent.provision.type"},
		{"empty list", document(permit(`,"securityLabel":[]`)), fhir.ErrMalformed, "Consent.provision.securityLabel"},
		{"null", document(permit(`,"securityLabel":null`)), fhir.ErrMalformed, "Consent.provision.securityLabel"},
		{"wrong kind of value", document(permit(`,"securityLabel":"PSY"`)), fhir.ErrMalformed, "Consent.provision.securityLabel"},
		{"another resource", `{"resourceType":"Patient"}`, fhir.ErrMismatch, "Consent.resourceType"},
		{"trailing data", document(permit("")) + "{}", fhir.ErrMalformed, "Consent"},
		{"not UTF-8", "{\"resourceType\":\"\xff\"}", fhir.ErrMalformed, "Consent"},
		{"too deep", deep, fhir.ErrMalformed, "Consent" + strings.Repeat(".a", 65)},
		{"too large", `"` + strings.Repeat("a", fhir.MaxDocument) + `"`, fhir.ErrMalformed, "Consent"},
		{"nothing", "", fhir.ErrMalformed, "Consent"},
		{"a list", "[1]", fhir.ErrMalformed, "Consent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			grants, err := compile(fhir.Options{}, c.doc)
			e := new(fhir.Error)
			if !errors.As(err, &e) || !errors.Is(err, c.kind) || e.Path != c.path || e.Reason == "" {
				t.Errorf("%v (%d grants), want %v at %s", err, len(grants), c.kind, c.path)
			}
			if len(grants) != 0 {
				t.Error("grants beside an error")
			}
		})
	}
	if _, err := fhir.Compile([][]byte{demo.Consent}, fhir.Options{}); !errors.Is(err, fhir.ErrMissing) {
		t.Errorf("without the time: %v", err)
	}
}

func TestCompiles(t *testing.T) {
	const a = "https://a.example.org"
	psy := `,"securityLabel":[` + label("N") + `,` + label("PSY") + `,` + label("HIV") + `]`
	root := func(nested ...string) string {
		return document(permit(psy + `,"provision":[` + strings.Join(nested, ",") + `]`))
	}
	treat := "TREAT,CLINTRL,COC,ETREAT,BTG,ERTREAT,POPHLTH"
	for _, c := range []struct {
		name string
		docs []string
		want string
	}{
		{"a root permit", []string{document(permit(""))}, a + " " + treat + " conditions"},
		{"labels", []string{document(permit(psy))}, a + " " + treat + " conditions,HIV,PSY"},
		{"labels in common", []string{root(`{"type":"permit","purpose":[` + purpose("BTG") + `],"securityLabel":[` + label("N") + `,` + label("SPI") + `]}`)}, a + " " + treat + " conditions,HIV,PSY; " + a + " BTG conditions,PSY"},
		{"labels that only the nested permit has", []string{document(permit(`,"securityLabel":[` + label("N") + `],"provision":[{"type":"permit","purpose":[` + purpose("BTG") + `],"securityLabel":[` + label("N") + `,` + label("HIV") + `]}]`))}, a + " " + treat + " conditions; " + a + " BTG conditions"},
		{"label N alone", []string{document(permit(`,"securityLabel":[` + label("N") + `]`))}, a + " " + treat + " conditions"},
		{"modifiers", []string{document(permit(`,"code":[` + duo("0000045") + `]`))}, a + " " + treat + " conditions if NPU"},
		{"a DUO permission for research", []string{document(strings.Replace(permit(`,"code":[`+duo("0000004")+`]`), "TREAT", "HRESCH", 1))}, a + " HMB,POA conditions"},
		{"a nested permit only narrows", []string{document(permit(`,"provision":[{"type":"permit","purpose":[` + purpose("ETREAT") + `,` + purpose("HPAYMT") + `]}]`))}, a + " " + treat + " conditions; " + a + " ETREAT,BTG,ERTREAT conditions"},
		{"a nested permit keeps its parent's modifiers", []string{document(`{"type":"deny","code":[` + duo("0000045") + `],"provision":[` + permit("") + `]}`)}, a + " " + treat + " conditions if NPU"},
		{"a denied label", []string{root(`{"type":"deny","securityLabel":[` + label("HIV") + `]}`)}, a + " " + treat + " conditions,PSY"},
		{"a denied wider label", []string{root(`{"type":"deny","securityLabel":[` + label("SPI") + `]}`)}, a + " " + treat + " conditions,HIV"},
		{"a denied purpose takes those above", []string{document(permit(`,"provision":[{"type":"deny","purpose":[` + purpose("ETREAT") + `]}]`))}, a + " CLINTRL,COC,POPHLTH conditions"},
		{"a denial of research takes DUO's research", []string{document(strings.Replace(permit(`,"code":[`+duo("0000042")+`]`), `,"purpose":[`+purpose("TREAT")+`]`, "", 1)), document(`{"type":"deny","purpose":[` + purpose("CLINTRCH") + `]}`)}, ""},
		{"a denial of treatment takes the use without restriction", []string{document(strings.Replace(permit(`,"code":[`+duo("0000004")+`]`), `,"purpose":[`+purpose("TREAT")+`]`, "", 1)), document(`{"type":"deny","purpose":[` + purpose("TREAT") + `]}`)}, a + " GRU,HMB,POA conditions"},
		{"a denied class", []string{document(permit(`,"provision":[{"type":"deny","class":[` + class("Condition") + `]}]`))}, ""},
		{"a denied recipient", []string{document(permit(`,"provision":[{"type":"deny","actor":[` + actor(a) + `]}]`))}, ""},
		{"a denied recipient with a slash and capitals", []string{document(permit(`,"provision":[{"type":"deny","actor":[` + actor("HTTP://A.example.org/") + `]}]`))}, ""},
		{"another denied recipient", []string{document(permit(`,"provision":[{"type":"deny","actor":[` + actor("https://b.example.org") + `]}]`))}, a + " " + treat + " conditions"},
		{"everything denied", []string{document(permit("")), document(`{"type":"deny"}`)}, ""},
		{"a deny in another document", []string{document(permit("")), document(`{"type":"deny","actor":[` + actor(a) + `]}`)}, ""},
		{"a deny in an earlier document", []string{document(`{"type":"deny","purpose":[` + purpose("POPHLTH") + `]}`), document(permit(""))}, a + " CLINTRL,COC,ETREAT,BTG,ERTREAT conditions"},
		{"a deny's action does not limit it", []string{document(permit("")), document(`{"type":"deny","action":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentaction","code":"correct"}]}]}`)}, ""},
		{"a base of deny does not hit other documents", []string{document(`{"type":"deny","provision":[` + permit("") + `]}`), document(`{"type":"deny","provision":[` + strings.Replace(permit(""), "TREAT", "HPAYMT", 1) + `]}`)}, a + " " + treat + " conditions; " + a + " HPAYMT,CLMATTCH,COVAUTH,COVERAGE,ELIGDTRM,ELIGVER,ENROLLM,MILDCRG,REMITADV conditions"},
		{"but its conditions do", []string{document(permit("")), document(`{"type":"deny","purpose":[` + purpose("TREAT") + `],"provision":[` + strings.Replace(permit(""), "TREAT", "BTG", 1) + `]}`)}, a + " BTG conditions"},
		{"a deny that no grant expresses, where nothing is permitted", []string{document(`{"type":"deny","actor":[` + role("AUT", "Practitioner/1") + `]}`)}, ""},
		{"the same twice", []string{document(permit("")), document(permit(""))}, a + " " + treat + " conditions"},
	} {
		grants, err := compile(fhir.Options{}, c.docs...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := show(grants); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestNarrowerReadingOfTimes(t *testing.T) {
	for _, c := range []struct{ period, from, to string }{
		{`"start":"2026-01-01","end":"2026-02-01"`, "2026-01-01T12:00:00Z", "2026-02-01T09:59:59Z"},
		{`"start":"2026-01-01T00:00:00.5+01:00","end":"2026-02-01T00:00:00.5Z"`, "2025-12-31T23:00:01Z", "2026-02-01T00:00:00Z"},
		{`"start":"1964-01-01","end":"2026-02-01T00:00:00Z"`, "1970-01-01T00:00:01Z", "2026-02-01T00:00:00Z"},
		{`"end":"2026-02-01T00:00:00Z"`, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"},
		{`"start":"2026-01-01T00:00:00Z"`, "2026-01-01T00:00:00Z", "2027-11-21T12:00:00Z"},
	} {
		doc := document(strings.Replace(permit(""), `"start":"2026-01-01T00:00:00Z","end":"2026-12-31T00:00:00Z"`, c.period, 1))
		grants, err := compile(fhir.Options{}, doc)
		if err != nil || len(grants) != 1 {
			t.Errorf("%s: %v", c.period, err)
			continue
		}
		g := grants[0]
		from, to := time.Unix(int64(g.Terms.NotBefore), 0).UTC().Format(time.RFC3339), time.Unix(int64(g.Terms.NotAfter), 0).UTC().Format(time.RFC3339)
		if from != c.from || to != c.to {
			t.Errorf("%s: %s to %s", c.period, from, to)
		}
		if g.EndNamed == (len(g.Notes) > 0 && strings.HasSuffix(g.Notes[len(g.Notes)-1].Path, "period.end")) {
			t.Errorf("%s: an end that was set must be noted: %v", c.period, g.Notes)
		}
	}
}

func TestDenialOfTheDataBefore1970(t *testing.T) {
	doc := document(permit(`,"provision":[{"type":"deny","dataPeriod":{"start":"1960-01-01","end":"1965-01-01"}}]`))
	grants, err := compile(fhir.Options{}, doc)
	if err != nil || len(grants) != 1 || grants[0].Terms.DataFrom == consent.Unstated {
		t.Errorf("%+v, %v: a grant without a start would cover the denied years", grants, err)
	}
}

func TestRefusesMoreThanEightGrants(t *testing.T) {
	var actors []string
	for i := range 9 {
		actors = append(actors, actor(fmt.Sprintf("https://a%d.example.org", i)))
	}
	nine := strings.Replace(permit(""), actor("https://a.example.org"), strings.Join(actors, ","), 1)
	if _, err := compile(fhir.Options{}, document(nine)); !errors.Is(err, fhir.ErrUnsupported) {
		t.Errorf("%v", err)
	}
	eight := strings.Replace(permit(""), actor("https://a.example.org"), strings.Join(actors[:8], ","), 1)
	if grants, err := compile(fhir.Options{}, document(eight)); err != nil || len(grants) != fhir.MaxGrants {
		t.Errorf("%d, %v", len(grants), err)
	}
}

func TestRefusesMoreProvisionsThanAreHeldAgainstGrants(t *testing.T) {
	one := `{"type":"deny","period":{"end":"1971"}},`
	for _, n := range []int{fhir.MaxProvisions, fhir.MaxProvisions + 1} {
		grants, err := compile(fhir.Options{}, document(permit(`,"provision":[`+strings.TrimSuffix(strings.Repeat(one, n), ",")+`]`)))
		if n > fhir.MaxProvisions {
			if e := new(fhir.Error); !errors.As(err, &e) || e.Kind != fhir.ErrUnsupported || e.Path != "Consent.provision.provision" {
				t.Errorf("%d: %v", n, err)
			}
		} else if err != nil || len(grants) != 1 {
			t.Errorf("%d: %d grants, %v", n, len(grants), err)
		}
	}
}

// A document of a megabyte must not cost more than a moment.
func TestBoundedWork(t *testing.T) {
	nested := strings.TrimSuffix(strings.Repeat(`{"type":"permit"},{"type":"deny","actor":[`+actor("https://b.example.org")+`]},`, fhir.MaxProvisions/2), ",")
	start := time.Now()
	if _, err := compile(fhir.Options{}, document(permit(`,"provision":[`+nested+`]`))); !errors.Is(err, fhir.ErrUnsupported) {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestRefusesDocumentsOfTwoPatients(t *testing.T) {
	other := strings.Replace(document(permit("")), "Patient/p", "Patient/q", 1)
	if _, err := compile(fhir.Options{}, document(permit("")), other); !errors.Is(err, fhir.ErrMismatch) {
		t.Errorf("%v", err)
	}
}

func TestCallersWordFillsSilence(t *testing.T) {
	hpaymt, _ := codes.ParsePurposes("ELIGVER")
	coverage, _ := codes.ParseCategories("coverage")
	o := fhir.Options{Base: fhir.Permit, Actors: []string{"https://a.example.org"}, Purposes: hpaymt, Categories: coverage}
	grants, err := compile(o, document(""))
	if err != nil || show(grants) != "https://a.example.org ELIGVER coverage" || len(grants[0].Notes) != 5 {
		t.Errorf("%s %v %v", show(grants), grants, err)
	}
	// It never overrides what the document says.
	grants, err = compile(o, document(`{"type":"deny"}`))
	if err != nil || len(grants) != 0 {
		t.Errorf("%s %v", show(grants), err)
	}
	grants, err = compile(o, document(permit("")))
	if err != nil || !strings.HasPrefix(show(grants), "https://a.example.org TREAT,") {
		t.Errorf("%s %v", show(grants), err)
	}
}

func TestDiffWithdrawsAndCommits(t *testing.T) {
	both := document(`{"type":"deny","provision":[` + permit("") + `,` + strings.Replace(permit(""), "TREAT", "HPAYMT", 1) + `]}`)
	changed := document(`{"type":"deny","provision":[` + permit("") + `,` + strings.Replace(permit(""), "TREAT", "HRESCH", 1) + `]}`)
	before, err1 := compile(fhir.Options{}, both)
	after, err2 := compile(fhir.Options{}, changed)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	withdraw, commit := fhir.Diff(before, after)
	if len(withdraw) != 1 || !strings.Contains(show(withdraw), "HPAYMT") || len(commit) != 1 || !strings.Contains(show(commit), "HRESCH") {
		t.Errorf("withdraw %s, commit %s", show(withdraw), show(commit))
	}
	if withdraw, commit = fhir.Diff(before, before); len(withdraw)+len(commit) != 0 {
		t.Error("an unchanged document changes grants")
	}
	withdraw, commit = fhir.Diff(before, nil)
	if !slices.EqualFunc(withdraw, before, func(a, b fhir.Grant) bool { return a.Path == b.Path }) || len(commit) != 0 {
		t.Error("revoking everything")
	}
	open := document(strings.Replace(permit(""), `,"end":"2026-12-31T00:00:00Z"`, "", 1))
	today, _ := compile(fhir.Options{}, open)
	tomorrow, _ := compile(fhir.Options{Now: now.Add(24 * time.Hour)}, open)
	if withdraw, commit = fhir.Diff(today, tomorrow); len(withdraw)+len(commit) != 0 {
		t.Error("an end that was set by the compiler moves with the clock")
	}
	if withdraw, commit = fhir.Diff(today, before); len(withdraw) == 0 || len(commit) == 0 {
		t.Error("an end that is now named is a change")
	}
}

func TestDenialsCutToTheSecond(t *testing.T) {
	unix := func(month time.Month) consent.Time {
		return consent.Time(time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC).Unix())
	}
	cut := `{"start":"2026-03-01T00:00:00Z","end":"2026-04-01T00:00:00Z"}`
	grants, err := compile(fhir.Options{}, document(permit(`,"provision":[{"type":"deny","period":`+cut+`,"dataPeriod":`+cut+`}]`)))
	if err != nil {
		t.Fatal(err)
	}
	type square struct{ from, to, dataFrom, dataTo consent.Time }
	var got []square
	for _, g := range grants {
		got = append(got, square{g.Terms.NotBefore, g.Terms.NotAfter, g.Terms.DataFrom, g.Terms.DataTo})
	}
	want := []square{
		{unix(1), unix(3) - 1, consent.Unstated, consent.MaxTime},
		{unix(4) + 1, consent.Time(time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC).Unix()), consent.Unstated, consent.MaxTime},
		{unix(3), unix(4), consent.Unstated, unix(3) - 1},
		{unix(3), unix(4), unix(4) + 1, consent.MaxTime},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
