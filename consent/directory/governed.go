package directory

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// Address is a validator's name in consensus.
func (v Validator) Address() (a [20]byte) {
	d := sha256.Sum256(v.Key)
	copy(a[:], d[:])
	return a
}

// Voting returns the validators that have power, ascending by key.
func (d *Directory) Voting() (out []Validator) {
	for _, v := range d.Validators {
		if v.Power > 0 {
			out = append(out, v)
		}
	}
	return out
}

// Scope finds a shared scope by its id.
func (d *Directory) Scope(id fr.Element) (Scope, bool) {
	for _, s := range d.Scopes {
		if x := ScopeID(s.Name); x.Equal(&id) {
			return s, true
		}
	}
	return Scope{}, false
}

// Has reports whether an authority is a member of the scope.
func (s Scope) Has(id fr.Element) bool {
	for _, m := range s.Members {
		if m.Equal(&id) {
			return true
		}
	}
	return false
}

// Validate checks one record by itself.
func (v *Validator) Validate() error {
	switch {
	case len(v.Key) != ed25519.PublicKeySize:
		return invalid("key", "%d bytes, an Ed25519 key has %d", len(v.Key), ed25519.PublicKeySize)
	case WeakKey(v.Key):
		return invalid("key", "everybody can sign with it")
	case v.Power > MaxPower:
		return invalid("power", "%d is above %d", v.Power, uint64(MaxPower))
	case v.Sequence > maxSequence:
		return invalid("sequence", "%d is above 2^62", v.Sequence)
	}
	if reason := textFault(v.Name, MaxName); reason != "" {
		return invalid("name", "%s", reason)
	}
	return nil
}

// Validate checks one record by itself. That its members are authorities is
// the directory's to check.
func (s *Scope) Validate() error {
	if reason := textFault(s.Name, MaxName); reason != "" {
		return invalid("name", "%s", reason)
	}
	if s.Sequence > maxSequence {
		return invalid("sequence", "%d is above 2^62", s.Sequence)
	}
	if n := len(s.Members); n > MaxScopeSize {
		return invalid("members", "%d, at most %d are allowed", n, MaxScopeSize)
	}
	for i := range s.Members {
		if i > 0 && s.Members[i].Cmp(&s.Members[i-1]) <= 0 {
			return invalid("members", "ids must ascend and differ")
		}
	}
	return nil
}

// validateMembers checks who votes and who shares scopes.
func (d *Directory) validateMembers() error {
	if n := len(d.Validators); n > MaxMembers {
		return invalid("validators", "%d, at most %d are allowed", n, MaxMembers)
	}
	for i := range d.Validators {
		where := fmt.Sprintf("validators[%d]", i)
		if err := d.Validators[i].Validate(); err != nil {
			return invalid(where, "%v", err)
		}
		if i > 0 && bytes.Compare(d.Validators[i-1].Key, d.Validators[i].Key) >= 0 {
			return invalid(where+".key", "keys must ascend and differ")
		}
	}
	if n := len(d.Voting()); n == 0 || n > MaxValidators {
		return invalid("validators", "%d have power, allowed are 1 to %d", n, MaxValidators)
	}
	ids := make(map[fr.Element]bool, len(d.Authorities))
	for _, a := range d.Authorities {
		ids[a.ID] = true
	}
	if n := len(d.Scopes); n > MaxScopes {
		return invalid("scopes", "%d, at most %d are allowed", n, MaxScopes)
	}
	for i := range d.Scopes {
		where := fmt.Sprintf("scopes[%d]", i)
		if err := d.Scopes[i].Validate(); err != nil {
			return invalid(where, "%v", err)
		}
		if i > 0 && d.Scopes[i].Name <= d.Scopes[i-1].Name {
			return invalid(where+".name", "names must ascend and differ")
		}
		for _, m := range d.Scopes[i].Members {
			if !ids[m] {
				return invalid(where+".members", "no authority has one of the ids")
			}
		}
	}
	if n := len(d.Distrusts); n > MaxDistrusts {
		return invalid("distrusts", "%d, at most %d are allowed", n, MaxDistrusts)
	}
	for i, x := range d.Distrusts {
		if !ids[x.Authority] || x.From >= x.To || x.To > MaxLive || x.Epoch > maxSequence {
			return invalid(fmt.Sprintf("distrusts[%d]", i), "not a range of an authority's records")
		}
	}
	return nil
}

func (v *Validator) encode(e *tlv.Encoder) {
	e.Bytes(1, v.Key)
	e.Uint(2, v.Power)
	e.String(3, v.Name)
	e.Uint(4, v.Sequence)
}

func decodeValidator(r *tlv.Decoder) Validator {
	return Validator{
		Key:      ed25519.PublicKey(r.Bytes(1, "key", ed25519.PublicKeySize, ed25519.PublicKeySize)),
		Power:    r.Uint(2, "power", MaxPower),
		Name:     r.String(3, "name", MaxName),
		Sequence: r.Uint(4, "sequence", maxSequence),
	}
}

func (s *Scope) encode(e *tlv.Encoder) {
	e.String(1, s.Name)
	e.Uint(2, s.Sequence)
	e.List(3, len(s.Members), func(i int, e *tlv.Encoder) { e.Element(1, s.Members[i]) })
}

func decodeScope(r *tlv.Decoder) Scope {
	s := Scope{Name: r.String(1, "name", MaxName), Sequence: r.Uint(2, "sequence", maxSequence)}
	r.List(3, "members", MaxScopeSize, func(_ int, r *tlv.Decoder) { s.Members = append(s.Members, r.Element(1, "member")) })
	return s
}

func (x *Distrust) encode(e *tlv.Encoder) {
	e.Element(1, x.Authority)
	e.Uint(2, x.From)
	e.Uint(3, x.To)
	e.Uint(4, x.Epoch)
}

func decodeDistrust(r *tlv.Decoder) Distrust {
	return Distrust{
		Authority: r.Element(1, "authority"),
		From:      r.Uint(2, "from", MaxLive),
		To:        r.Uint(3, "to", MaxLive),
		Epoch:     r.Uint(4, "epoch", maxSequence),
	}
}
