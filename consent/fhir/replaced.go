package fhir

import "bytes"

// Replaces tells whether newer is another version of the Consent older: another
// text with a common identifier or, where one of them has no identifier, with
// the same id. What older permits and newer does not is to be withdrawn.
func Replaces(newer, older []byte) (bool, error) {
	if bytes.Equal(newer, older) {
		return false, nil
	}
	a, err := open(newer, "Consent")
	if err != nil {
		return false, err
	}
	b, err := open(older, "Consent")
	if err != nil {
		return false, err
	}
	known, other := identifiers(a), identifiers(b)
	idA, idB := a.get("id").text(), b.get("id").text()
	for _, n := range []node{a, b} {
		if n.doc.err != nil {
			return false, n.doc.err
		}
	}
	if len(known) == 0 || len(other) == 0 {
		return idA != "" && idA == idB, nil
	}
	for name := range known {
		if other[name] {
			return true, nil
		}
	}
	return false, nil
}

func identifiers(n node) map[Coded]bool {
	out := map[Coded]bool{}
	for _, i := range n.get("identifier").list() {
		if value := i.get("value").text(); value != "" {
			out[Coded{i.get("system").text(), value}] = true
		}
	}
	return out
}
