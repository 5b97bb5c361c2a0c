package reference

// An Assertion is one of docs/spec.md §9.3 about given values.
type Assertion struct {
	Name  string
	Holds func() bool
}

// A FalseError says which assertion is false, and never of what.
type FalseError struct{ Assertion string }

func (e *FalseError) Error() string { return "reference: false: " + e.Assertion }

// Evaluate returns nil if the statement is true, and otherwise a *[FalseError]
// with the first assertion that is not.
func Evaluate(c Circuit, v *Values) error {
	for _, a := range Assertions(c, v) {
		if !a.Holds() {
			return &FalseError{a.Name}
		}
	}
	return nil
}

// Assertions lists what the circuit asserts about the values, which must have
// the lengths that [New] gives. Each is checked only when it is asked.
func Assertions(c Circuit, v *Values) []Assertion {
	var l list
	p := &v.Public
	holder := l.holder(&v.Holder, p)
	if c.Name == "enrol" {
		l.assert("holder", func() bool { return p.Holder == holder })
		return l
	}
	l.assert("now ≤ until", func() bool { return atMost(p.Now, p.Until, timeBits) })
	if c.ProvesConsent() {
		l.consent(&v.Consent, p, holder)
	}
	if c.Name == "consent" {
		l.trusted("registrar", v.Consent.Authority, v.Registrar, p.TrustRoot)
	}
	if c.ProvesCredential() {
		l.credential(c, &v.Credential, p, holder)
	}
	return l
}

// list grows by one assertion after the other.
type list []Assertion

func (l *list) assert(name string, holds func() bool) {
	*l = append(*l, Assertion{name, holds})
}
