package consent

import (
	"crypto/sha256"
	"math"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// Rule says what a verifier does with a nullifier (docs/spec.md §10.2).
type Rule string

// The nullifier rules.
const (
	Once      Rule = "once"      // one accepted presentation per holder and scope
	Pseudonym Rule = "pseudonym" // the nullifier is a lasting pseudonym in the scope
	None      Rule = "none"      // a nullifier that is never seen again
)

// A RangeQuestion is a range with the words in which it is shown to a patient.
type RangeQuestion struct {
	Label string
	Range
}

// A SetQuestion is a set predicate with its words and its whole value set.
type SetQuestion struct {
	Label string
	Mask  uint16
	Set   ValueSet
}

// A Request is what a verifier asks a patient to prove. It is complete: with
// it and a verified directory both sides rebuild the same statement.
type Request struct {
	ID         [16]byte   // random; names the request in a presentation
	Signer     fr.Element // authority id; also the grantee of the consent asked for
	Genesis    [32]byte   // of the ledger
	Nonce      [32]byte   // random
	Issued     Time       // also the statement's now
	Expires    Time       // for the answer
	Circuit    CircuitID
	Manifest   [32]byte // of the circuit's keys, as in the directory
	Purpose    codes.Purposes
	Accepted   codes.Restrictions // restrictions that the verifier promises to keep
	Categories codes.Categories   // of the data that it will rely on
	QFrom, QTo Time               // the period of that data
	Until      Time               // until when it will rely on the answer
	Policy     string             // the common policy text that the consent agreed to
	Schema     []byte             // schema message; empty in the consent circuit
	Trust      TrustList          // issuers, or in the consent circuit registrars
	Ranges     []RangeQuestion
	Sets       []SetQuestion
	Links      []Link
	Rule       Rule
	Context    string // names the scope within the signer, such as a claim's number
	Opened     uint64 // the day on which the scope opened, days since 1970; 0 if it does not matter
	MaxRootAge uint64 // seconds
	Return     string // where a presentation may be posted; may be empty
}

// The bounds of a request.
const (
	MaxRequest    = 1 << 20
	maxLabel      = 200
	maxPolicyText = 8 << 10
	maxSchema     = 16 << 10
	maxContext    = 200
	maxReturn     = 500
)

// Encode is the message of kind "request" (docs/spec.md §10.1).
func (r *Request) Encode() []byte {
	e := tlv.NewEncoder("request")
	e.Bytes(1, r.ID[:])
	e.Element(2, r.Signer)
	e.Bytes(3, r.Genesis[:])
	e.Bytes(4, r.Nonce[:])
	e.Uint(5, uint64(r.Issued))
	e.Uint(6, uint64(r.Expires))
	e.String(7, string(r.Circuit))
	e.Bytes(8, r.Manifest[:])
	e.Uint(9, uint64(r.Purpose))
	e.Uint(10, uint64(r.Accepted))
	e.Uint(11, uint64(r.Categories))
	e.Uint(12, uint64(r.QFrom))
	e.Uint(13, uint64(r.QTo))
	e.Uint(14, uint64(r.Until))
	e.String(15, r.Policy)
	e.Bytes(16, r.Schema)
	e.Bytes(17, r.Trust.Encode())
	e.List(18, len(r.Ranges), func(i int, e *tlv.Encoder) {
		e.String(1, r.Ranges[i].Label)
		e.Uint(2, uint64(r.Ranges[i].Mask))
		e.Uint(3, r.Ranges[i].Lo)
		e.Uint(4, r.Ranges[i].Hi)
	})
	e.List(19, len(r.Sets), func(i int, e *tlv.Encoder) {
		e.String(1, r.Sets[i].Label)
		e.Uint(2, uint64(r.Sets[i].Mask))
		e.Bytes(3, r.Sets[i].Set.Encode())
	})
	e.List(20, len(r.Links), func(i int, e *tlv.Encoder) {
		e.Bool(1, r.Links[i].On)
		e.Uint(2, uint64(r.Links[i].Offset))
	})
	e.String(21, string(r.Rule))
	e.String(22, r.Context)
	e.Uint(23, r.Opened)
	e.Uint(24, r.MaxRootAge)
	e.String(25, r.Return)
	return e.Encoded()
}

// DecodeRequest reads a request message. It is well-formed then, not valid.
func DecodeRequest(b []byte) (*Request, error) {
	d := tlv.NewDecoder("request", b, MaxRequest)
	r := &Request{}
	copy(r.ID[:], d.Bytes(1, "id", 16, 16))
	r.Signer = d.Element(2, "signer")
	copy(r.Genesis[:], d.Bytes(3, "genesis", 32, 32))
	copy(r.Nonce[:], d.Bytes(4, "nonce", 32, 32))
	r.Issued = Time(d.Uint(5, "issued", uint64(MaxTime)))
	r.Expires = Time(d.Uint(6, "expires", uint64(MaxTime)))
	r.Circuit = CircuitID(d.String(7, "circuit", 64))
	copy(r.Manifest[:], d.Bytes(8, "manifest", 32, 32))
	r.Purpose = codes.Purposes(d.Uint(9, "purpose", math.MaxUint64))
	r.Accepted = codes.Restrictions(d.Uint(10, "accepted", math.MaxUint32))
	r.Categories = codes.Categories(d.Uint(11, "categories", math.MaxUint64))
	r.QFrom = Time(d.Uint(12, "qFrom", uint64(MaxTime)))
	r.QTo = Time(d.Uint(13, "qTo", uint64(MaxTime)))
	r.Until = Time(d.Uint(14, "until", uint64(MaxTime)))
	r.Policy = d.String(15, "policy", maxPolicyText)
	r.Schema = d.Bytes(16, "schema", 0, maxSchema)
	trust := d.Bytes(17, "trust", 1, 1<<15)
	if d.Err() == nil {
		if t, err := DecodeTrustList(trust); err != nil {
			d.Fail("trust", err.Error())
		} else {
			r.Trust = *t
		}
	}
	d.List(18, "ranges", 4, func(_ int, d *tlv.Decoder) {
		r.Ranges = append(r.Ranges, RangeQuestion{
			Label: d.String(1, "label", maxLabel),
			Range: Range{uint16(d.Uint(2, "mask", AllSlots)), d.Uint(3, "lo", math.MaxUint64), d.Uint(4, "hi", math.MaxUint64)},
		})
	})
	d.List(19, "sets", 2, func(_ int, d *tlv.Decoder) {
		q := SetQuestion{Label: d.String(1, "label", maxLabel), Mask: uint16(d.Uint(2, "mask", AllSlots))}
		set := d.Bytes(3, "set", 1, maxIntervals*32)
		if d.Err() == nil {
			if s, err := DecodeValueSet(set); err != nil {
				d.Fail("set", err.Error())
			} else {
				q.Set = *s
			}
		}
		r.Sets = append(r.Sets, q)
	})
	d.List(20, "links", 5, func(_ int, d *tlv.Decoder) {
		r.Links = append(r.Links, Link{On: d.Bool(1, "on"), Offset: uint8(d.Uint(2, "offset", 2*LinkBias))})
	})
	r.Rule = Rule(d.String(21, "rule", 16))
	r.Context = d.String(22, "context", maxContext)
	r.Opened = d.Uint(23, "opened", 1<<24)
	r.MaxRootAge = d.Uint(24, "maxRootAge", uint64(MaxTime))
	r.Return = d.String(25, "return", maxReturn)
	if err := d.Done(); err != nil {
		return nil, err
	}
	return r, nil
}

// Challenge binds every proof and signature to this request.
func (r *Request) Challenge() fr.Element { return field.Of("challenge", r.Encode()) }

// Scope is the scope of the request's nullifier. The wallet derives it for
// itself, so that nobody can ask for another verifier's pseudonym. Under the
// rule none it depends on the presentation's rk, so that even a repeated nonce
// does not make a pseudonym (docs/spec.md §10.2).
func (r *Request) Scope(rk [32]byte) fr.Element {
	if r.Rule == None {
		signer, challenge := r.Signer.Bytes(), r.Challenge()
		c := challenge.Bytes()
		return field.Of("scope-none", r.Genesis[:], signer[:], []byte(r.Context), c[:], rk[:])
	}
	return scope(r.Genesis, r.Rule, r.Signer, r.Context, r.Opened)
}

// EnrolmentScope is the scope in which an authority enrols its holders; a
// custodian recognises its own patients in it (docs/spec.md §4.4).
func EnrolmentScope(genesis [32]byte, authority fr.Element) fr.Element {
	return scope(genesis, Pseudonym, authority, reservedContext, 0)
}

// reservedContext is the context of enrolment. No request may name it: a
// pseudonym in that scope is tied to a person in the authority's register.
const reservedContext = "release"

func scope(genesis [32]byte, rule Rule, authority fr.Element, context string, opened uint64) fr.Element {
	id, day := authority.Bytes(), uint64Bytes(opened)
	return field.Of("scope", genesis[:], []byte(rule), id[:], []byte(context), day[:])
}

func uint64Bytes(v uint64) (b [8]byte) {
	for i := range b {
		b[i] = byte(v >> (56 - 8*i))
	}
	return b
}

// Roots are the roots of the trees that a request brings. They depend on its
// trust list, its value sets and its circuit alone. A large set takes a second
// to hash: who sees many requests with one set keeps its root.
type Roots struct {
	Trust fr.Element
	Sets  []fr.Element
}

// Roots hashes the request's trees.
func (r *Request) Roots() (Roots, error) {
	trust, err := r.Trust.Tree()
	if err != nil {
		return Roots{}, err
	}
	out := Roots{Trust: trust.Root()}
	if !r.Circuit.ProvesCredential() {
		return out, nil
	}
	for i := range r.Sets {
		tree, err := r.Sets[i].Set.Tree(r.Circuit.SetDepth())
		if err != nil {
			return Roots{}, err
		}
		out.Sets = append(out.Sets, tree.Root())
	}
	return out, nil
}

// Statement is the statement that a presentation of this request proves.
// The presented values come from the wallet or from a presentation.
func (r *Request) Statement(p Presented) (*Statement, error) {
	roots, err := r.Roots()
	if err != nil {
		return nil, err
	}
	return r.StatementUnder(roots, p), nil
}

// StatementUnder is Statement with the request's roots, which the caller has
// hashed already.
func (r *Request) StatementUnder(roots Roots, p Presented) *Statement {
	s := &Statement{
		Circuit: r.Circuit, Epoch: p.Epoch, Root: p.Root, Now: r.Issued, Until: r.Until,
		TrustRoot: roots.Trust, Links: slices.Clone(r.Links),
		Scope: r.Scope(p.Rk), Challenge: r.Challenge(), Nullifier: p.Nullifier, RkX: p.RkX, RkY: p.RkY,
	}
	if r.Circuit.ProvesConsent() {
		s.Purpose, s.Accepted, s.Categories = r.Purpose, r.Accepted, r.Categories
		s.QFrom, s.QTo = r.QFrom, r.QTo
		s.Grantee, s.Policy, s.Watch = r.Signer, PolicyDigest(r.Policy), p.Watch
	}
	if r.Circuit.ProvesCredential() {
		s.Schema = field.Of("schema", r.Schema)
		for _, q := range r.Ranges {
			s.Ranges = append(s.Ranges, q.Range)
		}
		for i, root := range roots.Sets {
			s.Sets = append(s.Sets, SetRange{Mask: r.Sets[i].Mask, Root: root})
		}
	}
	return s
}

// Presented are the values of a statement that are not in the request.
type Presented struct {
	Epoch     uint64
	Root      fr.Element // of the epoch
	Nullifier fr.Element
	Watch     fr.Element // zero where no consent is proved
	Rk        [32]byte
	RkX, RkY  fr.Element // the coordinates of Rk
}

// ComparisonCode is shown by both sides when a presentation crosses devices;
// the patient confirms that they agree (docs/spec.md §10.3).
func ComparisonCode(challenge fr.Element, rk [32]byte) uint32 {
	c := challenge.Bytes()
	h := sha256.New()
	h.Write([]byte(field.Prefix + "compare"))
	h.Write(c[:])
	h.Write(rk[:])
	d := h.Sum(nil)
	return (uint32(d[0])<<16 | uint32(d[1])<<8 | uint32(d[2])) % 1_000_000
}
