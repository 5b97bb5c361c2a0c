package consent

import (
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// shaped is a statement of the circuit's shape whose every input differs.
func shaped(id CircuitID) *Statement {
	next := uint64(100)
	e := func() fr.Element { next++; return fr.NewElement(next) }
	s := &Statement{
		Circuit: id, Holder: e(), Root: e(), Now: 1, Until: 2, Purpose: 4, Accepted: 8, Categories: 16, QFrom: 32, QTo: 64,
		Grantee: e(), Policy: e(), TrustRoot: e(), Schema: e(),
		Scope: e(), Challenge: e(), Nullifier: e(), Watch: e(), RkX: e(), RkY: e(),
	}
	for i := range id.Ranges() {
		s.Ranges = append(s.Ranges, Range{Mask: uint16(200 + i), Lo: uint64(300 + i), Hi: uint64(400 + i)})
	}
	for i := range id.Sets() {
		s.Sets = append(s.Sets, SetRange{Mask: uint16(500 + i), Root: e()})
	}
	for i := range id.Links() {
		s.Links = append(s.Links, Link{On: true, Offset: uint8(i + 5)})
	}
	return s
}

func TestPublicInputsCount(t *testing.T) {
	for id, want := range map[CircuitID]int{Enrol: 6, ConsentOnly: 17, Eligibility: 32, EligibilityWide: 36, Claim: 40, ClaimWide: 44} {
		for _, scheme := range Schemes() {
			in, err := shaped(id.Under(scheme)).PublicInputs()
			if err != nil {
				t.Fatal(err)
			}
			if len(in) != want {
				t.Errorf("%s: %d inputs, want %d", id.Under(scheme), len(in), want)
			}
		}
	}
}

func TestStatementRefusesWrongShapesAndWidths(t *testing.T) {
	for _, c := range []struct {
		name, want string
		id         CircuitID
		change     func(s *Statement)
	}{
		{"unknown circuit", "unknown circuit", Claim, func(s *Statement) { s.Circuit = "claim/narrow/plonk" }},
		{"a range too few", "3 ranges", Claim, func(s *Statement) { s.Ranges = s.Ranges[:3] }},
		{"a set too many", "2 sets", Claim, func(s *Statement) { s.Sets = append(s.Sets, SetRange{Mask: 1}) }},
		{"the normal profile's sets in the wide one", "1 sets", ClaimWide, func(s *Statement) { s.Sets = s.Sets[:1] }},
		{"a link too few", "3 links", Eligibility, func(s *Statement) { s.Links = s.Links[1:] }},
		{"ranges where there is no credential", "1 ranges", ConsentOnly, func(s *Statement) { s.Ranges = []Range{{Mask: 1}} }},
		{"now of 41 bits", "2^40", Claim, func(s *Statement) { s.Now = 1 << 40 }},
		{"until of 41 bits", "2^40", Eligibility, func(s *Statement) { s.Until = 1 << 40 }},
		{"qFrom of 41 bits", "2^40", ConsentOnly, func(s *Statement) { s.QFrom = 1 << 40 }},
		{"qTo of 64 bits", "2^40", Claim, func(s *Statement) { s.QTo = 1<<64 - 1 }},
		{"empty mask", "range 1", Claim, func(s *Statement) { s.Ranges[1].Mask = 0 }},
		{"mask of 12 bits", "range 3", Claim, func(s *Statement) { s.Ranges[3].Mask = 1 << 11 }},
		{"empty mask of a set", "set 1", ClaimWide, func(s *Statement) { s.Sets[1].Mask = 0 }},
		{"set's mask of 12 bits", "set 0", Claim, func(s *Statement) { s.Sets[0].Mask = 1 << 11 }},
		{"offset 21", "link 2", Claim, func(s *Statement) { s.Links[2].Offset = 21 }},
		{"offset without link", "link 0", Claim, func(s *Statement) { s.Links[0].On = false }},
	} {
		s := shaped(c.id)
		c.change(s)
		if _, err := s.PublicInputs(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Each field that the circuit has moves exactly one input, and each input is
// moved by some field.
func TestEveryFieldIsItsOwnInput(t *testing.T) {
	seven := fr.NewElement(7)
	fields := map[string]func(s *Statement){
		"holder": func(s *Statement) { s.Holder = seven }, "root": func(s *Statement) { s.Root = seven },
		"now": func(s *Statement) { s.Now = 7 }, "until": func(s *Statement) { s.Until = 7 },
		"purpose": func(s *Statement) { s.Purpose = 7 }, "accepted": func(s *Statement) { s.Accepted = 7 },
		"categories": func(s *Statement) { s.Categories = 7 }, "qFrom": func(s *Statement) { s.QFrom = 7 },
		"qTo": func(s *Statement) { s.QTo = 7 }, "grantee": func(s *Statement) { s.Grantee = seven },
		"policy": func(s *Statement) { s.Policy = seven }, "trust root": func(s *Statement) { s.TrustRoot = seven },
		"schema": func(s *Statement) { s.Schema = seven }, "scope": func(s *Statement) { s.Scope = seven },
		"challenge": func(s *Statement) { s.Challenge = seven }, "nullifier": func(s *Statement) { s.Nullifier = seven },
		"watch": func(s *Statement) { s.Watch = seven }, "rk.x": func(s *Statement) { s.RkX = seven }, "rk.y": func(s *Statement) { s.RkY = seven },
	}
	for _, id := range Circuits() {
		base, err := shaped(id).PublicInputs()
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]func(s *Statement){}
		for name, f := range fields {
			all[name] = f
		}
		for i := range id.Ranges() {
			all["mask"+string(rune('0'+i))] = func(s *Statement) { s.Ranges[i].Mask = 7 }
			all["lo"+string(rune('0'+i))] = func(s *Statement) { s.Ranges[i].Lo = 7 }
			all["hi"+string(rune('0'+i))] = func(s *Statement) { s.Ranges[i].Hi = 7 }
		}
		for i := range id.Sets() {
			all["set mask"+string(rune('0'+i))] = func(s *Statement) { s.Sets[i].Mask = 7 }
			all["set root"+string(rune('0'+i))] = func(s *Statement) { s.Sets[i].Root = seven }
		}
		for i := range id.Links() {
			all["flag"+string(rune('0'+i))] = func(s *Statement) { s.Links[i] = Link{Offset: 0} }
			all["off"+string(rune('0'+i))] = func(s *Statement) { s.Links[i].Offset = 19 }
		}
		moved := map[int]int{}
		for name, change := range all {
			s := shaped(id)
			change(s)
			in, err := s.PublicInputs()
			if err != nil {
				t.Fatalf("%s, %s: %v", id, name, err)
			}
			var at []int
			for i := range in {
				if !in[i].Equal(&base[i]) {
					at = append(at, i)
					moved[i]++
				}
			}
			// A link that is off has offset 0: flag and offset move together.
			if len(at) > 1 && !strings.HasPrefix(name, "flag") {
				t.Errorf("%s: %s moves the inputs %v", id, name, at)
			}
		}
		for i := range base {
			if moved[i] == 0 {
				t.Errorf("%s: no field moves input %d", id, i)
			}
		}
	}
}

// A prover that changes the statement it was given must not change the request
// that the wallet reviewed.
func TestStatementSharesNothingWithItsRequest(t *testing.T) {
	r := &Request{Circuit: Claim, Trust: TrustList{Authorities: []fr.Element{fr.NewElement(1)}}, Links: make([]Link, Claim.Links())}
	for range Claim.Ranges() {
		r.Ranges = append(r.Ranges, RangeQuestion{Range: Range{Mask: 1}})
	}
	r.Sets = []SetQuestion{{Mask: 1, Set: AnyValue()}}
	before := r.Encode()
	s, err := r.Statement(Presented{})
	if err != nil {
		t.Fatal(err)
	}
	s.Ranges[0].Hi, s.Sets[0].Mask, s.Links[0] = 1, 2, Link{On: true}
	if string(r.Encode()) != string(before) {
		t.Error("a change of the statement reached the request")
	}
}
