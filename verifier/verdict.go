package verifier

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// A Reason says why a presentation was denied (docs/spec.md §10.4).
type Reason string

// The reasons, in the order of the checks.
const (
	Malformed       Reason = "malformed"
	UnknownRequest  Reason = "unknown-request"
	Expired         Reason = "expired"
	AlreadyAnswered Reason = "already-answered"
	StaleHead       Reason = "stale-head"      // no decision
	InvalidRequest  Reason = "invalid-request" // no longer acceptable under the newest directory
	UnknownEpoch    Reason = "unknown-epoch"
	StaleEpoch      Reason = "stale-epoch"
	Distrusted      Reason = "distrusted" // the epoch may hold records that the stewards took off the tree
	Withdrawn       Reason = "withdrawn"
	NullifierSpent  Reason = "nullifier-spent"
	BadKey          Reason = "bad-key"
	BadSignature    Reason = "bad-signature"
	BadProof        Reason = "bad-proof"
	Undecided       Reason = "undecided" // no decision: the ledger or the store could not be asked
)

// A Verdict is the decision on one presentation. The zero Verdict is denied.
type Verdict struct {
	Accepted bool
	Reason   Reason // empty if and only if accepted; empty in the zero Verdict too

	RequestID [16]byte
	Digest    [32]byte     // SHA-256 of the presentation's bytes
	At        consent.Time // by the verifier's clock

	// What follows is set in accepted verdicts alone.

	Circuit   consent.CircuitID
	Epoch     uint64
	Rule      consent.Rule
	Nullifier fr.Element   // the holder's pseudonym in the request's scope
	Until     consent.Time // the verdict says nothing after it

	// SpeaksForPerson tells that equal nullifiers mean one person. Where it is
	// false, several people may show one pseudonym and one person several.
	SpeaksForPerson bool
	// OncePer says, under rule once, within what the nullifier is unique.
	OncePer string
	// ComparisonCode is confirmed by the patient when the presentation crossed
	// devices; six decimal digits (docs/spec.md §10.3).
	ComparisonCode string
}

// reasonOf gives the zero Verdict a reason too.
func (v *Verdict) reasonOf() Reason {
	if !v.Accepted && v.Reason == "" {
		return Undecided
	}
	return v.Reason
}

// String is one line for people.
func (v Verdict) String() string {
	if v.Accepted {
		return "accepted"
	}
	return "denied: " + string(v.reasonOf())
}

type verdictJSON struct {
	Accepted        bool              `json:"accepted"`
	Reason          Reason            `json:"reason,omitempty"`
	Request         string            `json:"request"`
	Digest          string            `json:"digest"`
	At              consent.Time      `json:"at"`
	Circuit         consent.CircuitID `json:"circuit,omitempty"`
	Epoch           *uint64           `json:"epoch,omitempty"`
	Rule            consent.Rule      `json:"rule,omitempty"`
	Nullifier       string            `json:"nullifier,omitempty"`
	Until           consent.Time      `json:"until,omitempty"`
	SpeaksForPerson bool              `json:"speaksForPerson"`
	OncePer         string            `json:"oncePer,omitempty"`
	ComparisonCode  string            `json:"comparisonCode,omitempty"`
}

// MarshalJSON writes the verdict for programs and people; a record keeps its
// binary form.
func (v Verdict) MarshalJSON() ([]byte, error) {
	j := verdictJSON{
		Accepted: v.Accepted, Reason: v.reasonOf(), Request: hex.EncodeToString(v.RequestID[:]),
		Digest: hex.EncodeToString(v.Digest[:]), At: v.At,
	}
	if v.Accepted {
		j.Circuit, j.Epoch, j.Rule, j.Until = v.Circuit, &v.Epoch, v.Rule, v.Until
		j.Nullifier, j.SpeaksForPerson = field.Hex(v.Nullifier), v.SpeaksForPerson
		j.OncePer, j.ComparisonCode = v.OncePer, v.ComparisonCode
	}
	return json.Marshal(j)
}

// maxNamed bounds the issuers that OncePer names.
const maxNamed = 4

// accept fills in what a request, a presentation and a directory say of an
// accepted presentation.
func (v *Verdict) accept(r *consent.Request, p *consent.Presentation, dir *directory.Directory) {
	v.Accepted, v.Reason = true, ""
	v.Circuit, v.Epoch, v.Rule = r.Circuit, p.Epoch, r.Rule
	v.Nullifier, v.Until = p.Nullifier, r.Until
	v.SpeaksForPerson = r.SpeaksForPerson()
	if r.Rule == consent.Once {
		v.OncePer = oncePer(&r.Trust, dir)
	}
	v.ComparisonCode = fmt.Sprintf("%06d", consent.ComparisonCode(r.Challenge(), p.Rk))
}

// oncePer puts into words within what a nullifier is unique: somebody whom two
// issuers enrolled has a holder at each.
func oncePer(t *consent.TrustList, dir *directory.Directory) string {
	var names []string
	for i, id := range t.Authorities {
		if i == maxNamed {
			names = append(names, fmt.Sprintf("%d more", len(t.Authorities)-maxNamed))
			break
		}
		name := field.Hex(id)
		if a, ok := dir.Authority(id); ok {
			name = a.Name
		}
		names = append(names, name)
	}
	if len(t.Authorities) == 1 {
		return "once per person enrolled by " + names[0]
	}
	return "once per holder under " + strings.Join(names, ", ")
}

// maxVerdict bounds a verdict's message.
const maxVerdict = 2 << 10

// encode is the verdict's message, as records hold it.
func (v *Verdict) encode() []byte {
	e := tlv.NewEncoder("verdict")
	e.Bool(1, v.Accepted)
	e.String(2, string(v.Reason))
	e.Bytes(3, v.RequestID[:])
	e.Bytes(4, v.Digest[:])
	e.Uint(5, uint64(v.At))
	e.String(6, string(v.Circuit))
	e.Uint(7, v.Epoch)
	e.String(8, string(v.Rule))
	e.Element(9, v.Nullifier)
	e.Uint(10, uint64(v.Until))
	e.Bool(11, v.SpeaksForPerson)
	e.String(12, v.OncePer)
	e.String(13, v.ComparisonCode)
	return e.Encoded()
}

func decodeVerdict(b []byte) (Verdict, error) {
	d := tlv.NewDecoder("verdict", b, maxVerdict)
	var v Verdict
	v.Accepted = d.Bool(1, "accepted")
	v.Reason = Reason(d.String(2, "reason", 32))
	copy(v.RequestID[:], d.Bytes(3, "request", 16, 16))
	copy(v.Digest[:], d.Bytes(4, "digest", 32, 32))
	v.At = consent.Time(d.Uint(5, "at", uint64(consent.MaxTime)))
	v.Circuit = consent.CircuitID(d.String(6, "circuit", 64))
	v.Epoch = d.Uint(7, "epoch", math.MaxUint64)
	v.Rule = consent.Rule(d.String(8, "rule", 16))
	v.Nullifier = d.Element(9, "nullifier")
	v.Until = consent.Time(d.Uint(10, "until", uint64(consent.MaxTime)))
	v.SpeaksForPerson = d.Bool(11, "speaksForPerson")
	v.OncePer = d.String(12, "oncePer", 1<<10)
	v.ComparisonCode = d.String(13, "comparisonCode", 6)
	return v, d.Done()
}
