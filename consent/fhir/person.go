package fhir

import (
	"slices"
	"strings"
)

// A Person is what an import takes from a Patient, as it is written.
type Person struct {
	Reference string // Patient/id
	BirthDate string // YYYY, YYYY-MM or YYYY-MM-DD; empty if absent
	Sex       string // administrative gender
	Region    string // COUNTRY or COUNTRY-STATE of the one current home
	Deceased  string // "1", "0", or empty
	Notes     []Note
}

const animalExtension = "http://hl7.org/fhir/StructureDefinition/patient-animal"

// ReadPatient reads a Patient. Elements that are absent stay empty; a record
// that is inactive, replaced or of an animal is refused.
func ReadPatient(data []byte) (*Person, error) {
	n, err := open(data, "Patient")
	if err != nil {
		return nil, err
	}
	p := &Person{Reference: "Patient/" + n.get("id").text(), BirthDate: n.get("birthDate").text(), Sex: n.get("gender").text()}
	if active := n.get("active"); active.present() && !active.flag() {
		active.fail(ErrUnsupported, "the record is not in use")
	}
	for _, link := range n.get("link").list() {
		if kind := link.get("type"); kind.text() == "replaced-by" {
			kind.fail(ErrUnsupported, "another record replaces this one")
		}
	}
	for _, e := range n.get("extension").list() {
		if e.get("url").text() == animalExtension {
			e.fail(ErrUnsupported, "an animal holds no credential")
		}
	}
	if p.BirthDate != "" {
		n.get("birthDate").dateTime()
		if len(p.BirthDate) > len("2006-01-02") {
			n.get("birthDate").fail(ErrValue, "a date belongs here")
		}
	}
	if p.Sex != "" && !slices.Contains([]string{"male", "female", "other", "unknown"}, p.Sex) {
		n.get("gender").fail(ErrValue, "not a code of administrative gender")
	}
	yes, at := n.get("deceasedBoolean"), n.get("deceasedDateTime")
	switch {
	case yes.present() && at.present():
		at.fail(ErrMalformed, "two forms of one element")
	case at.present():
		at.dateTime()
		p.Deceased = "1"
	case yes.present():
		p.Deceased = "0"
		if yes.flag() {
			p.Deceased = "1"
		}
	}
	p.readRegion(n)
	if n.doc.err != nil {
		return nil, n.doc.err
	}
	return p, nil
}

// readRegion takes country and state, no finer, when all current homes agree.
func (p *Person) readRegion(n node) {
	var regions []string
	for _, a := range n.get("address").list() {
		if use := a.get("use").text(); use != "" && use != "home" || a.get("type").text() == "postal" || a.get("period").get("end").present() {
			continue
		}
		country, state := a.get("country").text(), a.get("state").text()
		switch {
		case country == "":
			p.Notes = append(p.Notes, Note{a.path + ".country", "absent, so the home names no region"})
			regions = append(regions, "")
		case state == "":
			regions = append(regions, strings.ToUpper(country))
		default:
			regions = append(regions, strings.ToUpper(country+"-"+state))
		}
	}
	regions = slices.Compact(regions)
	switch {
	case len(regions) == 1:
		p.Region = regions[0]
	case len(regions) > 1:
		p.Notes = append(p.Notes, Note{n.path + ".address", "the current homes lie in different regions; none is taken"})
	}
}

// refers tells whether a reference names the person.
func (p *Person) refers(reference string) bool {
	return p.Reference != "Patient/" && (reference == p.Reference || strings.HasSuffix(reference, "/"+p.Reference))
}
