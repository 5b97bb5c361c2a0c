// Package codes holds the code tables of consents: purposes of use,
// restrictions and categories of records, each a versioned table that gives
// every code one bit of a mask (docs/spec.md §11.2).
//
// Purposes are the HL7 v3 PurposeOfUse codes and, as codes of their own, the
// four general permissions of the GA4GH Data Use Ontology (DUO); no code of
// one system implies a code of the other. Restrictions are DUO's modifiers.
// Categories are FHIR resource types and HL7 sensitivity codes.
//
// # Caveats
//
// Bits are frozen: consents on a ledger commit to masks, so a bit that moved
// would change what a patient agreed to. New codes take free bits and raise the
// table's version, which changes its digest.
//
// A sensitivity code is a category of its own and is not implied by a class of
// records: a grant for conditions does not cover a diagnosis of HIV.
package codes

import "math/bits"

// Purposes is a set of purposes of use, bit by bit as in the purposes table.
type Purposes uint64

// Restrictions is a set of GA4GH DUO modifiers, bit by bit.
type Restrictions uint32

// Categories is a set of record categories and HL7 sensitivity codes.
type Categories uint64

// The systems of the tables' codes.
const (
	SystemPurpose     = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	SystemDUO         = "http://purl.obolibrary.org/obo/duo.owl"
	SystemResource    = "http://hl7.org/fhir/resource-types"
	SystemSensitivity = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
)

// Sensitivities are the category bits that sensitivity codes hold; the lower
// bits hold classes of records.
const Sensitivities Categories = 0xffffffff_00000000

// One reports whether p is exactly one known purpose, as a request must name.
func (p Purposes) One() bool {
	return bits.OnesCount64(uint64(p)) == 1 && uint64(p)&^PurposeTable().Known() == 0
}

// Closed adds every purpose that stands under one of p.
func (p Purposes) Closed() Purposes { return Purposes(PurposeTable().Down(uint64(p))) }

// Within reports whether all of p is in q.
func (p Purposes) Within(q Purposes) bool { return p&^q == 0 }

// Known reports whether p has no bit without a code.
func (p Purposes) Known() bool { return uint64(p)&^PurposeTable().Known() == 0 }

// String lists the short names, separated by commas, in order of their bits.
func (p Purposes) String() string { return PurposeTable().Format(uint64(p)) }

// Describe names the purposes for a patient: a purpose whose whole branch is
// in p stands for the branch.
func (p Purposes) Describe() []string { return PurposeTable().Describe(uint64(p)) }

// ParsePurposes reads what String writes. It does not close the set downward.
func ParsePurposes(s string) (Purposes, error) {
	m, err := PurposeTable().Parse(s)
	return Purposes(m), err
}

// Within reports whether all of r is in q.
func (r Restrictions) Within(q Restrictions) bool { return r&^q == 0 }

// Known reports whether r has no bit without a code.
func (r Restrictions) Known() bool { return uint64(r)&^RestrictionTable().Known() == 0 }

// String lists the short names, separated by commas.
func (r Restrictions) String() string { return RestrictionTable().Format(uint64(r)) }

// Describe names the restrictions for a patient.
func (r Restrictions) Describe() []string { return RestrictionTable().Describe(uint64(r)) }

// ParseRestrictions reads what String writes.
func ParseRestrictions(s string) (Restrictions, error) {
	m, err := RestrictionTable().Parse(s)
	return Restrictions(m), err
}

// Closed adds every category that stands under one of c.
func (c Categories) Closed() Categories { return Categories(CategoryTable().Down(uint64(c))) }

// Within reports whether all of c is in q.
func (c Categories) Within(q Categories) bool { return c&^q == 0 }

// Known reports whether c has no bit without a code.
func (c Categories) Known() bool { return uint64(c)&^CategoryTable().Known() == 0 }

// String lists the short names, separated by commas.
func (c Categories) String() string { return CategoryTable().Format(uint64(c)) }

// Describe names the categories for a patient.
func (c Categories) Describe() []string { return CategoryTable().Describe(uint64(c)) }

// ParseCategories reads what String writes. It does not close the set downward.
func ParseCategories(s string) (Categories, error) {
	m, err := CategoryTable().Parse(s)
	return Categories(m), err
}
