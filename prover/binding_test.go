package prover_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/internal/assurance"
	"github.com/zkconsent/zkconsent/internal/presented"
	"github.com/zkconsent/zkconsent/internal/redsig"
)

// A pair names two public inputs; one input alone is paired with itself.
type pair struct{ i, j int }

// pairs lists every input alone and every pair of n inputs, or a sample.
func pairs(n int) (out []pair) {
	for i := range n {
		out = append(out, pair{i, i})
		for j := range i {
			out = append(out, pair{j, i})
		}
	}
	if assurance.Full() {
		return out
	}
	sample := out[:0:0]
	for k := 0; k < len(out); k += 11 {
		sample = append(sample, out[k])
	}
	return sample
}

// draw is a random field element.
func draw(rng *rand.Rand) (e fr.Element) {
	var b [40]byte
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return *e.SetBytes(b[:])
}

// changes are the ways in which a pair of values, or one value, is changed.
var changes = []struct {
	name   string
	change func(a, b *fr.Element, rng *rand.Rand)
}{
	{"random", func(a, b *fr.Element, rng *rand.Rand) { *a, *b = draw(rng), draw(rng) }},
	{"plus one", func(a, b *fr.Element, _ *rand.Rand) { one := fr.One(); a.Add(a, &one); b.Add(b, &one) }},
	{"one less in the second", func(a, b *fr.Element, _ *rand.Rand) { one := fr.One(); a.Add(a, &one); b.Sub(b, &one) }},
	{"swapped", func(a, b *fr.Element, _ *rand.Rand) { *a, *b = *b, *a }},
	{"zero", func(a, b *fr.Element, _ *rand.Rand) { a.SetZero(); b.SetZero() }},
	{"negated", func(a, b *fr.Element, _ *rand.Rand) { a.Neg(a); b.Neg(b) }},
}

// For a valid proof of each circuit, each public input and each pair of them
// changed in several ways: the key accepts none.
func TestAssurance_BindingOfPublicInputs(t *testing.T) {
	const seed = 41
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	accepted := 0
	for _, s := range everyCircuit(t) {
		tried, covered := 0, 0
		for _, p := range pairs(len(s.inputs)) {
			before := tried
			for _, c := range changes {
				changed := slices.Clone(s.inputs)
				x, y := changed[p.i], changed[p.j]
				c.change(&x, &y, rng)
				changed[p.j] = y
				changed[p.i] = x
				if p.i == p.j && c.name == "one less in the second" {
					continue // there is no second
				}
				if changed[p.i].Equal(&s.inputs[p.i]) || changed[p.j].Equal(&s.inputs[p.j]) {
					continue // not a change of both
				}
				tried++
				if err := s.key.Verify(changed, s.proof); err == nil {
					accepted++
					t.Errorf("%s: accepted with inputs %d and %d %s", s.id, p.i, p.j, c.name)
				}
			}
			if tried > before {
				covered++
			}
		}
		assurance.Record(t, "binding/"+string(s.id), covered, fmt.Sprintf("%d changed statements", tried))
	}
	assurance.Record(t, "binding/accepted", accepted, "")
}

// A field of a statement with a change that a verifier's program could make.
type field struct {
	name   string
	change func(s *consent.Statement, rng *rand.Rand)
}

// fields lists the fields of a circuit's statement. The epoch is one of them
// although it is no public input: the holder signs it.
func fields(id consent.CircuitID) (out []field) {
	element := func(name string, at func(s *consent.Statement) *fr.Element) {
		out = append(out, field{name, func(s *consent.Statement, rng *rand.Rand) { *at(s) = draw(rng) }})
	}
	number := func(name string, change func(s *consent.Statement, by uint64)) {
		out = append(out, field{name, func(s *consent.Statement, rng *rand.Rand) { change(s, 1+rng.Uint64N(9)) }})
	}
	element("scope", func(s *consent.Statement) *fr.Element { return &s.Scope })
	element("challenge", func(s *consent.Statement) *fr.Element { return &s.Challenge })
	element("nullifier", func(s *consent.Statement) *fr.Element { return &s.Nullifier })
	element("rk.x", func(s *consent.Statement) *fr.Element { return &s.RkX })
	element("rk.y", func(s *consent.Statement) *fr.Element { return &s.RkY })
	out = append(out, field{"circuit", func(s *consent.Statement, _ *rand.Rand) { s.Circuit = another(s.Circuit) }})
	number("epoch", func(s *consent.Statement, by uint64) { s.Epoch += by })
	if id.Enrols() {
		element("holder", func(s *consent.Statement) *fr.Element { return &s.Holder })
		return out
	}
	element("root", func(s *consent.Statement) *fr.Element { return &s.Root })
	element("trust root", func(s *consent.Statement) *fr.Element { return &s.TrustRoot })
	number("now", func(s *consent.Statement, by uint64) { s.Now -= consent.Time(by) })
	number("until", func(s *consent.Statement, by uint64) { s.Until += consent.Time(by) })
	if id.ProvesConsent() {
		element("grantee", func(s *consent.Statement) *fr.Element { return &s.Grantee })
		element("policy", func(s *consent.Statement) *fr.Element { return &s.Policy })
		element("watch", func(s *consent.Statement) *fr.Element { return &s.Watch })
		number("purpose", func(s *consent.Statement, by uint64) { s.Purpose ^= codes.Purposes(by) })
		number("accepted", func(s *consent.Statement, by uint64) { s.Accepted ^= codes.Restrictions(by) })
		number("categories", func(s *consent.Statement, by uint64) { s.Categories ^= codes.Categories(by) })
		number("qFrom", func(s *consent.Statement, by uint64) { s.QFrom -= consent.Time(by) })
		number("qTo", func(s *consent.Statement, by uint64) { s.QTo += consent.Time(by) })
	}
	if !id.ProvesCredential() {
		return out
	}
	element("schema", func(s *consent.Statement) *fr.Element { return &s.Schema })
	for i := range id.Ranges() {
		number(fmt.Sprintf("range %d's mask", i), func(s *consent.Statement, by uint64) { s.Ranges[i].Mask ^= uint16(by) })
		number(fmt.Sprintf("range %d's lower bound", i), func(s *consent.Statement, by uint64) { s.Ranges[i].Lo -= by })
		number(fmt.Sprintf("range %d's upper bound", i), func(s *consent.Statement, by uint64) { s.Ranges[i].Hi += by })
	}
	for i := range id.Sets() {
		number(fmt.Sprintf("set %d's mask", i), func(s *consent.Statement, by uint64) { s.Sets[i].Mask ^= uint16(by) })
		element(fmt.Sprintf("set %d's root", i), func(s *consent.Statement) *fr.Element { return &s.Sets[i].Root })
	}
	for i := range id.Links() {
		out = append(out, field{fmt.Sprintf("link %d off", i), func(s *consent.Statement, _ *rand.Rand) { s.Links[i] = consent.Link{} }})
		number(fmt.Sprintf("link %d's distance", i), func(s *consent.Statement, by uint64) {
			s.Links[i].On, s.Links[i].Offset = true, s.Links[i].Offset+uint8(by)
		})
	}
	return out
}

// another is the id of another circuit.
func another(id consent.CircuitID) consent.CircuitID {
	all := consent.Circuits()
	return all[(slices.Index(all, id)+1)%len(all)]
}

// The same with the typed fields of a statement, where a verifier's program
// could err: whoever changes one or two of them loses the holder's signature,
// and with it aside the proof.
func TestAssurance_BindingOfStatements(t *testing.T) {
	const seed = 42
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	tried, accepted := 0, 0
	for _, s := range everyCircuit(t) {
		shown := sign(t, s.made, s.proof)
		check := func(changed consent.Statement) error {
			return presented.Check(s.key, shown, func(fr.Element, fr.Element) (*consent.Statement, error) { return &changed, nil })
		}
		if err := check(s.made.Statement); err != nil {
			t.Fatalf("%s: the statement itself: %v", s.id, err)
		}
		all := fields(s.id)
		for _, p := range pairs(len(all)) {
			changed := s.made.Statement
			changed.Ranges, changed.Sets, changed.Links = slices.Clone(changed.Ranges), slices.Clone(changed.Sets), slices.Clone(changed.Links)
			all[p.i].change(&changed, rng)
			if p.j != p.i {
				all[p.j].change(&changed, rng)
			}
			tried++
			if check(changed) == nil {
				accepted++
				t.Errorf("%s: accepted with another %s and %s", s.id, all[p.i].name, all[p.j].name)
			}
			inputs, err := changed.PublicInputs()
			if err != nil {
				continue
			}
			if slices.Equal(inputs, s.inputs) {
				if changed.Epoch == s.made.Statement.Epoch && changed.Circuit == s.made.Statement.Circuit {
					t.Errorf("%s: another %s and %s are the same statement", s.id, all[p.i].name, all[p.j].name)
				}
				continue // only the signature tells them apart
			}
			if s.key.Verify(inputs, s.proof) == nil {
				accepted++
				t.Errorf("%s: proved with another %s and %s", s.id, all[p.i].name, all[p.j].name)
			}
		}
	}
	assurance.Record(t, "binding/statement fields", tried, "")
	assurance.Record(t, "binding/accepted as statement", accepted, "")
}

// sign is the holder's signature of a case's statement and proof.
func sign(t *testing.T, c *circuittest.Case, made consent.Proof) presented.Shown {
	t.Helper()
	var ask [64]byte
	c.Ask.FillBytes(ask[:])
	key, err := redsig.NewSecretKey(ask)
	if err != nil {
		t.Fatal(err)
	}
	alpha, err := redsig.DecodeScalar(c.Witness.Holder.Alpha[:])
	if err != nil {
		t.Fatal(err)
	}
	if key, err = redsig.Randomize(key, alpha); err != nil {
		t.Fatal(err)
	}
	rk, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Statement.SignedDigest(made)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := redsig.Sign(key, [redsig.NonceKeySize]byte{1}, [redsig.FreshSize]byte{2}, m)
	if err != nil {
		t.Fatal(err)
	}
	return presented.Shown{Rk: rk.Bytes(), Proof: made, Signature: signature}
}
