package consent

import "strings"

// CircuitID names a circuit, its profile and its proof system (docs/spec.md
// §9.1): "claim/normal/groth16". Only the ids of [Circuits] are known; every
// property of another is that of no circuit.
type CircuitID string

// The circuits under Groth16. Enrol and Consent have no part that depends on
// the profile and exist in the normal one alone.
const (
	Enrol           CircuitID = "enrol/normal/groth16"
	ConsentOnly     CircuitID = "consent/normal/groth16"
	Eligibility     CircuitID = "eligibility/normal/groth16"
	EligibilityWide CircuitID = "eligibility/wide/groth16"
	Claim           CircuitID = "claim/normal/groth16"
	ClaimWide       CircuitID = "claim/wide/groth16"
)

// The same circuits under PLONK.
const (
	EnrolPlonk           CircuitID = "enrol/normal/plonk"
	ConsentOnlyPlonk     CircuitID = "consent/normal/plonk"
	EligibilityPlonk     CircuitID = "eligibility/normal/plonk"
	EligibilityWidePlonk CircuitID = "eligibility/wide/plonk"
	ClaimPlonk           CircuitID = "claim/normal/plonk"
	ClaimWidePlonk       CircuitID = "claim/wide/plonk"
)

// Circuits lists all circuit ids in a fixed order: those of Groth16, then
// those of PLONK.
func Circuits() []CircuitID {
	return []CircuitID{
		Enrol, ConsentOnly, Eligibility, EligibilityWide, Claim, ClaimWide,
		EnrolPlonk, ConsentOnlyPlonk, EligibilityPlonk, EligibilityWidePlonk, ClaimPlonk, ClaimWidePlonk,
	}
}

// CircuitsOf lists the circuit ids of one scheme, in the order of [Circuits].
func CircuitsOf(s Scheme) (ids []CircuitID) {
	for _, c := range Circuits() {
		if c.Scheme() == s {
			ids = append(ids, c)
		}
	}
	return ids
}

// Known reports whether the id names a circuit of this version.
func (c CircuitID) Known() bool {
	for _, k := range Circuits() {
		if c == k {
			return true
		}
	}
	return false
}

// parts takes a known id apart; the parts of another are empty.
func (c CircuitID) parts() (name, profile string, s Scheme) {
	if !c.Known() {
		return "", "", ""
	}
	name, rest, _ := strings.Cut(string(c), "/")
	profile, scheme, _ := strings.Cut(rest, "/")
	return name, profile, Scheme(scheme)
}

// Scheme is the circuit's proof system.
func (c CircuitID) Scheme() Scheme {
	_, _, s := c.parts()
	return s
}

// Under is the same circuit in the same profile under another scheme.
func (c CircuitID) Under(s Scheme) CircuitID {
	name, profile, _ := c.parts()
	return CircuitID(name + "/" + profile + "/" + string(s))
}

// ProofSize is the length in bytes of the circuit's proofs.
func (c CircuitID) ProofSize() int { return c.Scheme().ProofSize() }

// Enrols reports whether the circuit is an enrolment's: it opens no record.
func (c CircuitID) Enrols() bool {
	name, _, _ := c.parts()
	return name == "enrol"
}

// ProvesConsent reports whether the circuit opens a consent.
func (c CircuitID) ProvesConsent() bool {
	name, _, _ := c.parts()
	return name == "consent" || name == "claim"
}

// ProvesCredential reports whether the circuit opens a credential.
func (c CircuitID) ProvesCredential() bool {
	name, _, _ := c.parts()
	return name == "eligibility" || name == "claim"
}

// ProvesConsentAlone reports whether the circuit opens a consent and no
// credential. There the trust list is one of registrars.
func (c CircuitID) ProvesConsentAlone() bool { return c.ProvesConsent() && !c.ProvesCredential() }

// Ranges is the number of range predicates.
func (c CircuitID) Ranges() int {
	if c.ProvesCredential() {
		return 4
	}
	return 0
}

// Sets is the number of value-set predicates.
func (c CircuitID) Sets() int {
	switch _, profile, _ := c.parts(); {
	case !c.ProvesCredential():
		return 0
	case profile == "wide":
		return 2
	}
	return 1
}

// SetDepth is the depth of the circuit's value-set trees.
func (c CircuitID) SetDepth() int {
	switch _, profile, _ := c.parts(); {
	case !c.ProvesCredential():
		return 0
	case profile == "wide":
		return 7
	}
	return 5
}

// Links is the number of links: ranges 1 to 3 and the sets to range 0.
func (c CircuitID) Links() int {
	if c.Ranges() == 0 {
		return 0
	}
	return c.Ranges() - 1 + c.Sets()
}
