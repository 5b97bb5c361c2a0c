package reference

import (
	"fmt"
	"strings"
)

// The sizes that all circuits share (docs/spec.md §4.2, §5, §9.1).
const (
	Slots       = 11 // since and a_1 … a_10
	Ranges      = 4
	RecordDepth = 15
	TrustDepth  = 4
)

// A Circuit is what an id says about the statement; the proof system says
// nothing about it.
type Circuit struct {
	Name     string // enrol, consent, eligibility or claim
	Sets     int
	SetDepth int
}

// ParseID reads a circuit id: name/profile/scheme (docs/spec.md §9.1).
func ParseID(id string) (Circuit, error) {
	parts := strings.Split(id, "/")
	if len(parts) != 3 {
		return Circuit{}, fmt.Errorf("reference: %q is not name/profile/scheme", id)
	}
	c, profile := Circuit{Name: parts[0]}, parts[1]
	switch {
	case c.Name != "enrol" && !c.ProvesConsent() && !c.ProvesCredential():
		return Circuit{}, fmt.Errorf("reference: no circuit is named %q", c.Name)
	case c.ProvesCredential() && profile == "normal":
		c.Sets, c.SetDepth = 1, 5
	case c.ProvesCredential() && profile == "wide":
		c.Sets, c.SetDepth = 2, 7
	case profile != "normal":
		return Circuit{}, fmt.Errorf("reference: %s has no profile %q", c.Name, profile)
	}
	return c, nil
}

// ProvesConsent tells whether the statement is about a consent.
func (c Circuit) ProvesConsent() bool { return c.Name == "consent" || c.Name == "claim" }

// ProvesCredential tells whether the statement is about a credential.
func (c Circuit) ProvesCredential() bool { return c.Name == "eligibility" || c.Name == "claim" }

// Links is the number of links: of ranges 1 to 3 and of the sets to range 0.
func (c Circuit) Links() int {
	if !c.ProvesCredential() {
		return 0
	}
	return Ranges - 1 + c.Sets
}
