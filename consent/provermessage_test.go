package consent_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/sample"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/internal/redsig"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// sampled is the case of a seed.
func sampled(id consent.CircuitID, seed uint64) *sample.Case {
	c, err := sample.New(id, rand.New(rand.NewPCG(seed, 1)))
	if err != nil {
		panic(err)
	}
	c.Statement.Epoch = seed
	if id.Enrols() {
		c.Statement.Epoch = 0
	}
	return c
}

// proverMessages are the statements and witnesses of the smallest and of the
// largest circuit, and the witness of the one with a registrar's path.
func proverMessages() (all []message) {
	for _, id := range []consent.CircuitID{consent.Enrol, consent.ClaimWide} {
		all = append(all, codec("statement of "+string(id), &sampled(id, 1).Statement, consent.DecodeStatement))
	}
	for _, id := range []consent.CircuitID{consent.Enrol, consent.ConsentOnly, consent.ClaimWide} {
		all = append(all, message{"witness of " + string(id), sampled(id, 1).Witness.EncodeSecret(), rewitness(id)})
	}
	return all
}

// rewitness decodes a witness and encodes it again.
func rewitness(id consent.CircuitID) func(b []byte) ([]byte, error) {
	return func(b []byte) ([]byte, error) {
		w, err := consent.DecodeSecretWitness(id, b)
		if err != nil {
			return nil, err
		}
		return w.EncodeSecret(), nil
	}
}

// What the circuit takes from the statement comes back as zero.
func carried(w consent.Witness) consent.Witness {
	if w.Consent != nil {
		r := *w.Consent
		r.Opening.Holder, r.Opening.Grantee, r.Opening.Policy = fr.Element{}, fr.Element{}, fr.Element{}
		w.Consent = &r
	}
	if w.Credential != nil {
		r := *w.Credential
		r.Opening.Holder, r.Opening.Schema = fr.Element{}, fr.Element{}
		w.Credential = &r
	}
	return w
}

// Every circuit under both schemes, many cases: what is decoded is what was
// encoded, it gives the circuit the same values, and even the largest fills a
// fraction of the bound.
func TestStatementsAndWitnessesSurvive(t *testing.T) {
	largest := [2]int{}
	for _, id := range consent.Circuits() {
		for seed := range uint64(8) {
			c := sampled(id, seed)
			s, err := consent.DecodeStatement(c.Statement.Encode())
			if err != nil {
				t.Fatalf("%s, seed %d: %v", id, seed, err)
			}
			if !reflect.DeepEqual(*s, c.Statement) {
				t.Fatalf("%s, seed %d: another statement", id, seed)
			}
			w, err := consent.DecodeSecretWitness(id, c.Witness.EncodeSecret())
			if err != nil {
				t.Fatalf("%s, seed %d: %v", id, seed, err)
			}
			if !reflect.DeepEqual(*w, carried(c.Witness)) {
				t.Fatalf("%s, seed %d: another witness", id, seed)
			}
			want, err := circuits.NewWitness(&c.Statement, &c.Witness)
			if err != nil {
				t.Fatal(err)
			}
			got, err := circuits.NewWitness(s, w)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Vector(), want.Vector()) {
				t.Fatalf("%s, seed %d: other values in the circuit", id, seed)
			}
			largest = [2]int{max(largest[0], len(c.Statement.Encode())), max(largest[1], len(c.Witness.EncodeSecret()))}
		}
	}
	t.Logf("largest statement %d bytes, largest witness %d", largest[0], largest[1])
	if largest[0] > consent.MaxStatement/4 || largest[1] > consent.MaxWitness/4 {
		t.Errorf("the largest messages, %v bytes, leave little room", largest)
	}
}

// A message with the parts of another circuit is none of this one's.
func TestRefusesPartsThatTheCircuitDoesNotHave(t *testing.T) {
	for _, of := range consent.CircuitsOf(consent.Groth16) {
		b := sampled(of, 3).Witness.EncodeSecret()
		for _, id := range consent.CircuitsOf(consent.Groth16) {
			if _, err := consent.DecodeSecretWitness(id, b); (err == nil) != (id == of) {
				t.Errorf("the witness of %s for %s: %v", of, id, err)
			}
		}
	}
	for _, of := range consent.CircuitsOf(consent.Groth16) {
		for _, id := range consent.CircuitsOf(consent.Groth16) {
			c := sampled(of, 3)
			b := c.Statement.Encode()
			// The parts of one under the name of the other, both as long.
			name := []byte(of)
			field := append([]byte{1, 0, 0, 0, byte(len(name))}, name...)
			other := append([]byte{1, 0, 0, 0, byte(len(id))}, id...)
			if _, err := consent.DecodeStatement(bytes.Replace(b, field, other, 1)); (err == nil) != (id == of) {
				t.Errorf("the statement of %s as one of %s: %v", of, id, err)
			}
		}
	}
}

func TestRefusesStatementsBeyondTheirBounds(t *testing.T) {
	for name, change := range map[string]func(s *consent.Statement){
		"unknown circuit":  func(s *consent.Statement) { s.Circuit = "claim/narrow/groth16" },
		"no circuit":       func(s *consent.Statement) { s.Circuit = "" },
		"now":              func(s *consent.Statement) { s.Now = consent.MaxTime + 1 },
		"until":            func(s *consent.Statement) { s.Until = consent.MaxTime + 1 },
		"qFrom":            func(s *consent.Statement) { s.QFrom = consent.MaxTime + 1 },
		"qTo":              func(s *consent.Statement) { s.QTo = 1 << 63 },
		"mask of no slot":  func(s *consent.Statement) { s.Ranges[2].Mask = 0 },
		"mask of slot 11":  func(s *consent.Statement) { s.Ranges[2].Mask = 1 << 11 },
		"set's mask":       func(s *consent.Statement) { s.Sets[0].Mask = 0 },
		"link too far":     func(s *consent.Statement) { s.Links[1] = consent.Link{On: true, Offset: 21} },
		"distance of none": func(s *consent.Statement) { s.Links[1] = consent.Link{Offset: 1} },
		"a range less":     func(s *consent.Statement) { s.Ranges = s.Ranges[1:] },
		"a range more":     func(s *consent.Statement) { s.Ranges = append(s.Ranges, s.Ranges[0]) },
		"a set more":       func(s *consent.Statement) { s.Sets = append(s.Sets, s.Sets[0]) },
		"no link":          func(s *consent.Statement) { s.Links = nil },
	} {
		c := sampled(consent.Claim, 4)
		change(&c.Statement)
		_, err := consent.DecodeStatement(c.Statement.Encode())
		var at *tlv.Error
		if !errors.As(err, &at) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusesWitnessesBeyondTheirBounds(t *testing.T) {
	ell, _ := new(big.Int).SetString("2736030358979909402780800718157159386076813972158567259200215660948447373041", 10)
	for name, change := range map[string]func(w *consent.Witness){
		"alpha 0":                 func(w *consent.Witness) { w.Holder.Alpha = [32]byte{} },
		"alpha the group's order": func(w *consent.Witness) { ell.FillBytes(w.Holder.Alpha[:]) },
		"alpha above the field":   func(w *consent.Witness) { w.Holder.Alpha[0] = 0xff },
		"no consent":              func(w *consent.Witness) { w.Consent = nil },
		"no credential":           func(w *consent.Witness) { w.Credential = nil },
		"a registrar's path":      func(w *consent.Witness) { w.Consent.Trust = &w.Credential.Trust },
		"a time":                  func(w *consent.Witness) { w.Consent.Opening.Terms.NotAfter = consent.MaxTime + 1 },
		"expires":                 func(w *consent.Witness) { w.Credential.Opening.Expires = consent.MaxTime + 1 },
		"a value that is absent": func(w *consent.Witness) {
			w.Credential.Opening.Attributes[4] = consent.Attribute{Value: 1}
		},
		"an index beyond the tree": func(w *consent.Witness) { w.Consent.Path.Index = merkle.Capacity(merkle.MaxDepth) },
		"a level less":             func(w *consent.Witness) { w.Consent.Path.Siblings = w.Consent.Path.Siblings[1:] },
		"a level more": func(w *consent.Witness) {
			w.Credential.Trust.Siblings = append(w.Credential.Trust.Siblings, [3]fr.Element{})
		},
		"a choice less":           func(w *consent.Witness) { w.Credential.Ranges = w.Credential.Ranges[1:] },
		"slot 11":                 func(w *consent.Witness) { w.Credential.Ranges[0] = consent.Slots },
		"slot −1":                 func(w *consent.Witness) { w.Credential.Ranges[0] = -1 },
		"a set's slot":            func(w *consent.Witness) { w.Credential.Sets[0].Slot = consent.Slots },
		"a set less":              func(w *consent.Witness) { w.Credential.Sets = nil },
		"an interval's path":      func(w *consent.Witness) { w.Credential.Sets[0].Path.Siblings = nil },
		"an index beyond the set": func(w *consent.Witness) { w.Credential.Sets[0].Path.Index = 1 << 10 },
	} {
		c := sampled(consent.Claim, 5)
		change(&c.Witness)
		if _, err := consent.DecodeSecretWitness(consent.Claim, c.Witness.EncodeSecret()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	c := sampled(consent.Enrol, 5)
	if _, err := consent.DecodeSecretWitness("enrol/narrow/groth16", c.Witness.EncodeSecret()); err == nil {
		t.Error("an unknown circuit: accepted")
	}
}

// Field elements at or above the modulus are refused wherever they stand.
func TestAttack_TwoNamesOfOneSecret(t *testing.T) {
	c := sampled(consent.Claim, 6)
	b := c.Witness.EncodeSecret()
	h, r := &c.Witness.Holder, c.Witness.Credential
	for name, e := range map[string]fr.Element{
		"ak.x": h.AkX, "nk": h.Nk, "salt": r.Opening.Salt, "lock": r.Lock, "sibling": r.Path.Siblings[14][2],
	} {
		one := e.Bytes()
		sum := new(big.Int).SetBytes(one[:])
		two := sum.Add(sum, fr.Modulus()).FillBytes(make([]byte, 32))
		changed := bytes.Replace(b, one[:], two, 1)
		if bytes.Equal(changed, b) {
			t.Fatalf("%s is not in the message", name)
		}
		if _, err := consent.DecodeSecretWitness(consent.Claim, changed); err == nil {
			t.Errorf("%s plus r: accepted", name)
		}
	}
}

// A witness that is cut, or shifted, so that secrets stand where lengths and
// numbers belong: the error quotes none of them.
func TestAttack_WitnessQuotedByItsDecoder(t *testing.T) {
	c := sampled(consent.Claim, 7)
	b := c.Witness.EncodeSecret()
	seen := map[string]bool{}
	try := func(b []byte) {
		_, err := consent.DecodeSecretWitness(consent.Claim, b)
		if err == nil {
			return
		}
		var at *tlv.Error
		if !errors.As(err, &at) {
			t.Fatalf("%T", err)
		}
		if want := fmt.Sprintf("%s: field %s at byte %d: not of its form", at.Message, at.Field, at.Offset); err.Error() != want {
			t.Fatalf("%q", err)
		}
		seen[at.Message+" "+at.Field] = true
	}
	for i := range b {
		try(b[:i])
		try(append(bytes.Clone(b[:i]), b[i+1:]...))
		changed := bytes.Clone(b)
		changed[i] ^= 0x80
		try(changed)
	}
	if len(seen) < 20 {
		t.Errorf("only %d places were reached", len(seen))
	}
}

// nothing tells whether a value holds zeros alone.
func nothing(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return v.IsNil() || nothing(v.Elem())
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if !nothing(v.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Struct:
		for i := range v.NumField() {
			if !nothing(v.Field(i)) {
				return false
			}
		}
		return true
	}
	return v.IsZero()
}

// Erasing reaches everything that the witness points to.
func TestErasedWitnessHoldsNothing(t *testing.T) {
	for _, id := range consent.CircuitsOf(consent.Groth16) {
		w, err := consent.DecodeSecretWitness(id, sampled(id, 8).Witness.EncodeSecret())
		if err != nil {
			t.Fatal(err)
		}
		inside := []any{w.Consent, w.Credential}
		if r := w.Consent; r != nil {
			inside = append(inside, r.Path.Siblings, r.Trust)
		}
		if r := w.Credential; r != nil {
			inside = append(inside, r.Path.Siblings, r.Trust.Siblings, r.Ranges, r.Sets)
			for i := range r.Sets {
				inside = append(inside, r.Sets[i].Path.Siblings)
			}
		}
		if nothing(reflect.ValueOf(w)) {
			t.Fatal("the search finds nothing where there is something")
		}
		w.Erase()
		for _, v := range append(inside, w) {
			if !nothing(reflect.ValueOf(v)) {
				t.Errorf("%s: something is left in a %T", id, v)
			}
		}
	}
}

// The scalar's order in this file's tests is the group's.
func TestAlphaEndsBelowTheOrder(t *testing.T) {
	ell, _ := new(big.Int).SetString("2736030358979909402780800718157159386076813972158567259200215660948447373041", 10)
	for d, want := range map[int64]bool{-1: true, 0: false} {
		c := sampled(consent.Enrol, 9)
		new(big.Int).Add(ell, big.NewInt(d)).FillBytes(c.Witness.Holder.Alpha[:])
		if _, err := redsig.DecodeScalar(c.Witness.Holder.Alpha[:]); (err == nil) != want {
			t.Fatal("not the order")
		}
		if _, err := consent.DecodeSecretWitness(consent.Enrol, c.Witness.EncodeSecret()); (err == nil) != want {
			t.Errorf("ℓ%+d: %v", d, err)
		}
	}
}

func FuzzDecodeStatement(f *testing.F) {
	for _, id := range consent.CircuitsOf(consent.Groth16) {
		f.Add(sampled(id, 1).Statement.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := consent.DecodeStatement(b)
		if err != nil {
			var at *tlv.Error
			if !errors.As(err, &at) || s != nil {
				t.Fatalf("%T, and a statement %v", err, s)
			}
			return
		}
		if !bytes.Equal(s.Encode(), b) {
			t.Fatal("two encodings of one statement")
		}
		if _, err := s.PublicInputs(); err != nil {
			t.Fatalf("read, but not a statement: %v", err)
		}
	})
}

func FuzzDecodeSecretWitness(f *testing.F) {
	all := consent.CircuitsOf(consent.Groth16)
	for i, id := range all {
		f.Add(uint8(i), sampled(id, 1).Witness.EncodeSecret())
	}
	statements := map[consent.CircuitID]*consent.Statement{}
	for _, id := range all {
		statements[id] = &sampled(id, 1).Statement
	}
	f.Fuzz(func(t *testing.T, circuit uint8, b []byte) {
		id := all[int(circuit)%len(all)]
		w, err := consent.DecodeSecretWitness(id, b)
		if err != nil {
			var at *tlv.Error
			if !errors.As(err, &at) || w != nil {
				t.Fatalf("%T, and a witness", err)
			}
			return
		}
		if !bytes.Equal(w.EncodeSecret(), b) {
			t.Fatal("two encodings of one witness")
		}
		if _, err := circuits.NewWitness(statements[id], w); err != nil {
			t.Fatalf("read, but not a witness of the circuit: %v", err)
		}
	})
}
