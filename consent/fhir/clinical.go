package fhir

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Coded is a code with its system.
type Coded struct{ System, Code string }

// A Diagnosis is what an import takes from a Condition.
type Diagnosis struct {
	Subject string
	Codes   []Coded // names of the one diagnosis in several systems
	Active  bool
	Since   string // YYYY-MM-DD of onset, or else of recording; empty if neither is known to the day
	Notes   []Note
}

const (
	systemVerification = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
	systemClinical     = "http://terminology.hl7.org/CodeSystem/condition-clinical"
	systemICD10CM      = "http://hl7.org/fhir/sid/icd-10-cm"
	systemUCUM         = "http://unitsofmeasure.org"
)

// ReadCondition reads a confirmed Condition. All others are refused with kind
// ErrUnsupported: a suspected, refuted or mistaken diagnosis is none.
func ReadCondition(data []byte) (*Diagnosis, error) {
	n, err := open(data, "Condition")
	if err != nil {
		return nil, err
	}
	if status := n.get("verificationStatus"); !status.present() {
		status.fail(ErrUnsupported, "absent; only confirmed diagnoses are taken")
	} else if c := status.one(); c.system != systemVerification || c.code != "confirmed" {
		status.fail(ErrUnsupported, "only confirmed diagnoses are taken")
	}
	d := &Diagnosis{Subject: n.subject()}
	if status := n.get("clinicalStatus"); status.present() {
		c := status.one()
		d.Active = c.system == systemClinical && slices.Contains([]string{"active", "recurrence", "relapse"}, c.code)
	}
	// An end says that it is over, whatever the status still says.
	for _, form := range []string{"DateTime", "Age", "Period", "Range", "String"} {
		d.Active = d.Active && !n.get("abatement"+form).present()
	}
	for _, c := range n.get("code").need().codings() {
		if c.system == "" || c.code == "" {
			continue
		}
		code := c.code
		if c.system == systemICD10CM && len(code) > 3 && !strings.Contains(code, ".") {
			code = code[:3] + "." + code[3:]
		}
		d.Codes = append(d.Codes, Coded{c.system, code})
	}
	if n.doc.err == nil && len(d.Codes) == 0 {
		n.get("code").fail(ErrUnsupported, "only a text; a diagnosis needs a code")
	}
	onset, recorded := n.get("onsetDateTime"), n.get("recordedDate")
	if d.Since = onset.day(); d.Since == "" {
		if d.Since = recorded.day(); d.Since != "" {
			d.Notes = append(d.Notes, Note{onset.path, "not known to the day; the day of recording is taken"})
		} else {
			d.Notes = append(d.Notes, Note{onset.path, "neither onset nor recording is known to the day"})
		}
	}
	if n.doc.err != nil {
		return nil, n.doc.err
	}
	return d, nil
}

// day is the civil date of a dateTime as it is written; "" if it is absent or
// less precise.
func (n node) day() string {
	s := n.dateTime()
	if !n.present() || n.doc.err != nil || !s.day {
		return ""
	}
	return n.text()[:len("2006-01-02")]
}

// subject is the reference to the patient of a record.
func (n node) subject() string {
	reference := n.get("subject").need().get("reference").need()
	s := reference.text()
	if n.doc.err == nil && !strings.HasPrefix(s, "Patient/") && !strings.Contains(s, "/Patient/") {
		reference.fail(ErrUnsupported, "not the reference of a Patient outside of the document")
	}
	return s
}

// A Measurement is what an import takes from an Observation.
type Measurement struct {
	Subject string
	Codes   []Coded
	Value   string // decimal, as it is written
	Unit    string // UCUM code
	Date    string // YYYY-MM-DD; empty if not known to the day
	Notes   []Note
}

// ReadObservation reads a final Observation whose value is one quantity with a
// UCUM unit. All others are refused with kind ErrUnsupported.
func ReadObservation(data []byte) (*Measurement, error) {
	n, err := open(data, "Observation")
	if err != nil {
		return nil, err
	}
	if status := n.get("status").need(); !slices.Contains([]string{"final", "amended", "corrected"}, status.text()) {
		status.fail(ErrUnsupported, "only final, amended and corrected observations are taken")
	}
	m := &Measurement{Subject: n.subject()}
	if reason := n.get("dataAbsentReason"); reason.present() {
		reason.fail(ErrUnsupported, "there is no value")
	}
	object, _ := n.value.(map[string]any)
	for key := range object {
		if strings.HasPrefix(key, "value") && key != "valueQuantity" && n.doc.err == nil {
			node{doc: n.doc, path: n.path + "." + printable(key)}.fail(ErrUnsupported, "only a quantity has a slot in version 1")
		}
	}
	quantity := n.get("valueQuantity")
	if n.doc.err == nil && !quantity.present() {
		node{doc: n.doc, path: n.path + ".value[x]"}.fail(ErrUnsupported, "no value of its own; only a quantity has a slot in version 1")
	}
	quantity.only("value", "comparator", "unit", "system", "code")
	if c := quantity.get("comparator"); c.present() {
		c.fail(ErrUnsupported, "a bound is not a value")
	}
	m.Value, m.Unit = quantity.get("value").need().number(), quantity.get("code").text()
	if quantity.present() && (m.Unit == "" || quantity.get("system").text() != systemUCUM) {
		quantity.get("system").fail(ErrUnsupported, "the unit is not a UCUM code")
	}
	for _, c := range n.get("code").need().codings() {
		if c.system != "" && c.code != "" {
			m.Codes = append(m.Codes, Coded{c.system, c.code})
		}
	}
	if n.doc.err == nil && len(m.Codes) == 0 {
		n.get("code").fail(ErrUnsupported, "only a text; an observation needs a code")
	}
	if focus := n.get("focus"); focus.present() {
		focus.fail(ErrUnsupported, "the observation is about somebody or something else than the patient")
	}
	if m.Date = n.get("effectiveDateTime").day(); m.Date == "" {
		m.Notes = append(m.Notes, Note{n.path + ".effectiveDateTime", "not known to the day"})
	}
	if n.doc.err != nil {
		return nil, n.doc.err
	}
	return m, nil
}

// Read reads any resource that is a source of attributes: *[Person],
// *[Insurance], *[Diagnosis] or *[Measurement].
func Read(data []byte) (any, error) {
	for _, read := range []func([]byte) (any, error){
		func(b []byte) (any, error) { return ReadPatient(b) },
		func(b []byte) (any, error) { return ReadCoverage(b) },
		func(b []byte) (any, error) { return ReadCondition(b) },
		func(b []byte) (any, error) { return ReadObservation(b) },
	} {
		v, err := read(data)
		if err == nil {
			return v, nil
		}
		if e := new(Error); !errors.As(err, &e) || e.Kind != ErrMismatch {
			return nil, err
		}
	}
	return nil, &Error{Path: "resourceType", Kind: ErrUnsupported, Reason: fmt.Sprintf("not a source of attributes in version 1; %s are", "Patient, Coverage, Condition and Observation")}
}
