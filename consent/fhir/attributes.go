package fhir

import (
	"errors"
	"log/slog"

	"github.com/zkconsent/zkconsent/consent"
)

// AttributeOptions state what documents may leave out.
type AttributeOptions struct {
	BirthDate consent.Precision // reading of a birth date without day or month; Exact refuses it
	OpenEnd   bool              // an active coverage without an end lasts (9999-12-31); otherwise the end is absent
	Inactive  bool              // take diagnoses that are resolved, inactive or in remission too
}

// Attributes are the values of a credential's slots. Slot 0 is left to the
// issuer, which knows since when the holder is enrolled.
type Attributes struct {
	Schema *consent.Schema
	Values [consent.Slots]consent.Attribute
	Texts  consent.Texts // the words behind values of type text, where they can be shown
	Notes  []Note        // what was assumed, left out or skipped
}

// LogValue keeps a patient's values out of logs.
func (a *Attributes) LogValue() slog.Value { return slog.StringValue("REDACTED") }

// String keeps a patient's values out of logs.
func (a *Attributes) String() string { return "REDACTED" }

// Get is the value of the named slot as it reads; ok is false when it is absent.
func (a *Attributes) Get(name string) (value string, ok bool) {
	i, known := a.Schema.Find(name)
	if !known || !a.Values[i].Present {
		return "", false
	}
	slot, _ := a.Schema.Slot(i)
	value, err := slot.Decode(a.Values[i].Value)
	return value, err == nil
}

// set encodes a value into a slot that the schema has. An empty value stays absent.
func (a *Attributes) set(path, name, value string) error {
	i, ok := a.Schema.Find(name)
	if !ok || value == "" {
		return nil
	}
	slot, _ := a.Schema.Slot(i)
	v, err := slot.Encode(value)
	if err != nil {
		return &Error{Path: path, Kind: ErrValue, Reason: err.Error()}
	}
	a.Values[i] = v
	if slot.Type == consent.Text && consent.Showable(value) {
		a.Texts[i] = value
	}
	return nil
}

func (a *Attributes) note(path, text string) { a.Notes = append(a.Notes, Note{path, text}) }

func (a *Attributes) setPerson(p *Person, o AttributeOptions) error {
	a.Notes = append(a.Notes, p.Notes...)
	if i, ok := a.Schema.Find("birthDate"); ok && p.BirthDate != "" {
		v, read, err := consent.EncodePartialDate(p.BirthDate, o.BirthDate)
		if err != nil {
			return &Error{Path: "Patient.birthDate", Kind: ErrValue, Reason: err.Error()}
		}
		if read {
			a.note("Patient.birthDate", map[consent.Precision]string{
				consent.Youngest: "imprecise; its youngest reading is taken", consent.Oldest: "imprecise; its oldest reading is taken"}[o.BirthDate])
		}
		a.Values[i] = consent.Attribute{Value: v, Present: true}
	} else if ok {
		a.note("Patient.birthDate", "absent")
	}
	if err := a.set("Patient.gender", "sex", p.Sex); err != nil {
		return err
	}
	// Countries and states are free text in FHIR; what has no short code form
	// stays absent.
	if err := a.set("Patient.address", "region", p.Region); err != nil {
		a.note("Patient.address", "country and state have no code form of 12 characters; the region is absent")
	}
	return a.set("Patient.deceased[x]", "deceased", p.Deceased)
}

// Coverage fills the schema "coverage" from a Coverage and its beneficiary's
// Patient; without a Patient (nil) birth date and region are absent.
func Coverage(coverage, patient []byte, o AttributeOptions) (*Attributes, error) {
	schema, _ := consent.BuiltinSchema(consent.CoverageSchema)
	a := &Attributes{Schema: schema}
	i, err := ReadCoverage(coverage)
	if err != nil {
		return nil, err
	}
	if patient != nil {
		p, err := ReadPatient(patient)
		if err != nil {
			return nil, err
		}
		if !p.refers(i.Beneficiary) {
			return nil, &Error{Path: "Coverage.beneficiary.reference", Kind: ErrMismatch, Reason: "not the Patient that was given"}
		}
		if err := a.setPerson(p, o); err != nil {
			return nil, err
		}
	} else {
		a.note("Patient", "not given; birth date and region are absent")
	}
	a.Notes = append(a.Notes, i.Notes...)
	if i.End == "" && o.OpenEnd && i.Status == "active" {
		i.End = "9999-12-31"
		a.note("Coverage.period.end", "taken as lasting, as the caller stated")
	}
	for _, s := range [][3]string{
		{"payor", "payer", i.Payer}, {"type", "type", i.Type}, {"class", "plan", i.Plan}, {"class", "group", i.Group},
		{"period.start", "start", i.Start}, {"period.end", "end", i.End}, {"relationship", "relationship", i.Relationship}, {"status", "status", i.Status},
	} {
		if err := a.set("Coverage."+s[0], s[1], s[2]); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Records are the documents of one patient for a clinical schema.
type Records struct {
	Patient      []byte
	Conditions   [][]byte // in the order in which they take the slots
	Observations [][]byte
}

// Clinical fills a schema such as "clinical" from a patient's records. A
// condition takes the next slot of its code system, an observation the slot of
// its code; each brings its date into the date slot of the same group. Records
// that are not confirmed or not final, or have no slot, are skipped with a
// note; more than the slots hold are refused, so that the issuer chooses.
func Clinical(schema *consent.Schema, r Records, o AttributeOptions) (*Attributes, error) {
	a := &Attributes{Schema: schema}
	p, err := ReadPatient(r.Patient)
	if err != nil {
		return nil, err
	}
	if err := a.setPerson(p, o); err != nil {
		return nil, err
	}
	for _, data := range r.Conditions {
		d, err := ReadCondition(data)
		if a.skipped(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !p.refers(d.Subject) {
			return nil, &Error{Path: "Condition.subject.reference", Kind: ErrMismatch, Reason: "not the Patient that was given"}
		}
		if !d.Active && !o.Inactive {
			a.note("Condition.clinicalStatus", "not active; the diagnosis is skipped")
			continue
		}
		if err := a.setDiagnosis(d); err != nil {
			return nil, err
		}
	}
	for _, data := range r.Observations {
		m, err := ReadObservation(data)
		if a.skipped(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !p.refers(m.Subject) {
			return nil, &Error{Path: "Observation.subject.reference", Kind: ErrMismatch, Reason: "not the Patient that was given"}
		}
		if err := a.setMeasurement(m); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// skipped notes a record that version 1 does not take.
func (a *Attributes) skipped(err error) bool {
	e := new(Error)
	if errors.As(err, &e) && e.Kind == ErrUnsupported {
		a.note(e.Path, "the record is skipped: "+e.Reason)
		return true
	}
	return false
}

func (a *Attributes) setDiagnosis(d *Diagnosis) error {
	known := false
	for i := 1; i <= len(a.Schema.Slots); i++ {
		slot, _ := a.Schema.Slot(i)
		if (slot.Type != consent.Code && slot.Type != consent.ID) || slot.Group == 0 {
			continue
		}
		for _, c := range d.Codes {
			if c.System != slot.System {
				continue
			}
			if known = true; a.Values[i].Present {
				continue
			}
			if err := a.set("Condition.code", slot.Name, c.Code); err != nil {
				return err
			}
			a.Notes = append(a.Notes, d.Notes...)
			return a.setGroupDate(slot, "Condition.onset[x]", d.Since)
		}
	}
	if known {
		return &Error{Path: "Condition", Kind: ErrUnsupported, Reason: "more diagnoses than the schema has slots; choose, or issue another credential"}
	}
	a.note("Condition.code", "no slot of its code system; the diagnosis is skipped")
	return nil
}

func (a *Attributes) setMeasurement(m *Measurement) error {
	for i := 1; i <= len(a.Schema.Slots); i++ {
		slot, _ := a.Schema.Slot(i)
		for _, c := range m.Codes {
			if slot.Type != consent.Decimal || slot.Code == "" || c.System != slot.System || c.Code != slot.Code {
				continue
			}
			if m.Unit != slot.Unit {
				return &Error{Path: "Observation.valueQuantity.code", Kind: ErrValue, Reason: "the schema fixes the unit " + slot.Unit}
			}
			if a.Values[i].Present {
				return &Error{Path: "Observation.code", Kind: ErrAmbiguous, Reason: "a second observation for the slot " + slot.Name + "; choose one"}
			}
			if err := a.set("Observation.valueQuantity.value", slot.Name, m.Value); err != nil {
				return err
			}
			a.Notes = append(a.Notes, m.Notes...)
			return a.setGroupDate(slot, "Observation.effective[x]", m.Date)
		}
	}
	a.note("Observation.code", "no slot of its code; the observation is skipped")
	return nil
}

// setGroupDate fills the date slot that stands in a group with slot.
func (a *Attributes) setGroupDate(slot consent.Slot, path, date string) error {
	for _, s := range a.Schema.Slots {
		if slot.Group != 0 && s.Group == slot.Group && s.Type == consent.Date {
			return a.set(path, s.Name, date)
		}
	}
	return nil
}
