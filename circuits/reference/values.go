package reference

import "github.com/consensys/gnark-crypto/ecc/bn254/fr"

// An Element is a value of a wire: any of 0 … r−1 (docs/spec.md §2.1).
type Element = fr.Element

// Values are all inputs of one statement. Parts that the circuit does not have
// are ignored.
type Values struct {
	Public     Public
	Holder     Holder
	Consent    Consent
	Registrar  Path // the consent's authority in the registrars' trust list; circuit consent
	Credential Credential
}

// Public are the public inputs, named as in docs/spec.md §9.2.
type Public struct {
	Holder                        Element // enrol
	Root, Now, Until              Element
	Purpose, Accepted, Categories Element
	QFrom, QTo, Grantee, Policy   Element
	TrustRoot                     Element // of registrars in consent, of issuers elsewhere
	Schema                        Element
	Ranges                        [Ranges]Range
	Sets                          []Set
	Links                         []Link // of ranges 1, 2, 3, then of the sets
	Scope, Challenge              Element
	Nullifier, Watch              Element
	Rk                            Point
}

// A Range asks for lo ≤ a ≤ hi of an attribute under the mask.
type Range struct{ Mask, Lo, Hi Element }

// A Set asks for an attribute under the mask inside the value set of the root.
type Set struct{ Mask, Root Element }

// A Link asks, if its flag is 1, for the slot that lies off − 10 after that of
// range 0.
type Link struct{ Flag, Off Element }

// Holder is the private part of a holder.
type Holder struct {
	Ak        Point
	Nk, Alpha Element
}

// Consent is the private part of a consent.
type Consent struct {
	Purposes, Terms, Categories Element
	NotBefore, NotAfter         Element
	DataFrom, DataTo            Element
	Source, W, Salt             Element
	Authority, Lock             Element
	Path                        Path // in the record tree
}

// Credential is the private part of a credential.
type Credential struct {
	Expires, Salt   Element
	Attributes      [Slots]Element
	Authority, Lock Element
	Path            Path // in the record tree
	Issuer          Path // the authority in the issuers' trust list
	Ranges          [Ranges]Choice
	Sets            []SetChoice
}

// A Choice says by one-hot e_0 … e_10 which slot answers a predicate.
type Choice [Slots]Element

// A SetChoice answers a set: the slot, and the set's interval around it.
type SetChoice struct {
	Slot   Choice
	Lo, Hi Element
	Path   Path // of the interval in the value set's tree
}

// New returns zero values with slices of the circuit's lengths.
func New(c Circuit) *Values {
	v := &Values{Registrar: make(Path, TrustDepth)}
	v.Consent.Path = make(Path, RecordDepth)
	v.Credential.Path = make(Path, RecordDepth)
	v.Credential.Issuer = make(Path, TrustDepth)
	v.Public.Sets = make([]Set, c.Sets)
	v.Public.Links = make([]Link, c.Links())
	v.Credential.Sets = make([]SetChoice, c.Sets)
	for i := range v.Credential.Sets {
		v.Credential.Sets[i].Path = make(Path, c.SetDepth)
	}
	return v
}
