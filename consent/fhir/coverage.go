package fhir

import "slices"

// An Insurance is what an import takes from a Coverage.
type Insurance struct {
	Beneficiary  string
	Payer        string // reference, or system|value of an identifier
	Type         string // system|code
	Plan, Group  string // Coverage.class values
	Start, End   string // YYYY-MM-DD; End is empty when the document names none
	Relationship string // code
	Status       string
	Notes        []Note
}

// ReadCoverage reads a Coverage. A start must be named: without it a service
// before the insurance began would pass.
func ReadCoverage(data []byte) (*Insurance, error) {
	n, err := open(data, "Coverage")
	if err != nil {
		return nil, err
	}
	i := &Insurance{Status: n.get("status").need().text(), Beneficiary: n.get("beneficiary").need().get("reference").need().text()}
	if !slices.Contains([]string{"active", "cancelled"}, i.Status) {
		n.get("status").fail(ErrUnsupported, "only active and cancelled coverages are taken")
	}
	payers := n.get("payor").need().list()
	if n.doc.err == nil && len(payers) != 1 {
		n.get("payor").fail(ErrAmbiguous, "exactly one payer is read")
	}
	for _, p := range payers {
		i.Payer = p.actor()
	}
	if t := n.get("type"); t.present() {
		c := t.one()
		i.Type = c.system + "|" + c.code
	}
	for _, class := range n.get("class").list() {
		kind := ""
		for _, c := range class.get("type").codings() {
			if c.system == "http://terminology.hl7.org/CodeSystem/coverage-class" {
				kind = c.code
			}
		}
		var to *string
		switch kind {
		case "plan":
			to = &i.Plan
		case "group":
			to = &i.Group
		default:
			continue
		}
		if *to != "" {
			class.fail(ErrAmbiguous, "a second %s", kind)
		}
		*to = class.get("value").need().text()
	}
	if r := n.get("relationship"); r.present() {
		i.Relationship = r.one().code
	}
	period := n.get("period")
	i.Start = period.get("start").need().day()
	if n.doc.err == nil && i.Start == "" {
		period.get("start").fail(ErrValue, "only a year or a month; the day is needed")
	}
	if end := period.get("end"); end.present() {
		if i.End = end.day(); n.doc.err == nil && i.End == "" {
			end.fail(ErrValue, "only a year or a month; the day is needed")
		}
	} else {
		i.Notes = append(i.Notes, Note{end.path, "not named"})
	}
	if n.doc.err == nil && i.End != "" && i.End < i.Start {
		period.fail(ErrValue, "ends before it begins")
	}
	if n.doc.err != nil {
		return nil, n.doc.err
	}
	return i, nil
}
