package consent

// CircuitID names a circuit, its profile and its proof system (docs/spec.md §9.1).
type CircuitID string

// The circuits. Enrol and Consent have no part that depends on the profile and
// exist in the normal one alone.
const (
	Enrol           CircuitID = "enrol/normal/groth16"
	ConsentOnly     CircuitID = "consent/normal/groth16"
	Eligibility     CircuitID = "eligibility/normal/groth16"
	EligibilityWide CircuitID = "eligibility/wide/groth16"
	Claim           CircuitID = "claim/normal/groth16"
	ClaimWide       CircuitID = "claim/wide/groth16"
)

// Circuits lists all circuit ids in a fixed order.
func Circuits() []CircuitID {
	return []CircuitID{Enrol, ConsentOnly, Eligibility, EligibilityWide, Claim, ClaimWide}
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

// ProvesConsent reports whether the circuit opens a consent.
func (c CircuitID) ProvesConsent() bool { return c == ConsentOnly || c == Claim || c == ClaimWide }

// ProvesCredential reports whether the circuit opens a credential.
func (c CircuitID) ProvesCredential() bool {
	return c == Eligibility || c == EligibilityWide || c == Claim || c == ClaimWide
}

// Ranges is the number of range predicates.
func (c CircuitID) Ranges() int {
	if c.ProvesCredential() {
		return 4
	}
	return 0
}

// Sets is the number of value-set predicates.
func (c CircuitID) Sets() int {
	switch c {
	case Eligibility, Claim:
		return 1
	case EligibilityWide, ClaimWide:
		return 2
	}
	return 0
}

// SetDepth is the depth of the circuit's value-set trees.
func (c CircuitID) SetDepth() int {
	switch c {
	case Eligibility, Claim:
		return 5
	case EligibilityWide, ClaimWide:
		return 7
	}
	return 0
}

// Links is the number of links: ranges 1 to 3 and the sets to range 0.
func (c CircuitID) Links() int {
	if c.Ranges() == 0 {
		return 0
	}
	return c.Ranges() - 1 + c.Sets()
}
