package ceremony

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

func sampleDescription() *Description {
	return &Description{
		ID: [16]byte{1}, Circuits: []Circuit{{consent.Claim, manifest.Digest{2}}, {consent.Enrol, manifest.Digest{3}}},
		Power: 14, Contributors: 3, Allowed: publicKeys(1, 2, 3),
	}
}

func sampleContribution() *Contribution {
	c := &Contribution{
		Ceremony: manifest.Digest{1}, Phase: 2, Number: 3, Previous: manifest.Digest{4},
		Payloads: []manifest.Digest{{5}, {6}}, Name: "Hospital A",
	}
	c.sign(key(1))
	return c
}

func sampleSeal() *Seal {
	return &Seal{Ceremony: manifest.Digest{1}, Phase: 1, Count: 3, Last: manifest.Digest{2}, Beacon: beacon(7), Source: "drand round 7"}
}

// encoders of each kind of message, with their decoders.
var kinds = map[string]struct {
	good   func() []byte
	decode func([]byte) (interface{ Encode() []byte }, error)
}{
	"description":  {func() []byte { return sorted(sampleDescription()).Encode() }, func(b []byte) (interface{ Encode() []byte }, error) { return DecodeDescription(b) }},
	"contribution": {func() []byte { return sampleContribution().Encode() }, func(b []byte) (interface{ Encode() []byte }, error) { return DecodeContribution(b) }},
	"seal":         {func() []byte { return sampleSeal().Encode() }, func(b []byte) (interface{ Encode() []byte }, error) { return DecodeSeal(b) }},
}

func TestMessagesRoundTrip(t *testing.T) {
	for name, k := range kinds {
		v, err := k.decode(k.good())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(v.Encode(), k.good()) {
			t.Errorf("%s encodes differently", name)
		}
		for n := range k.good() {
			if _, err := k.decode(k.good()[:n]); err == nil {
				t.Errorf("%s: %d bytes are taken", name, n)
			}
		}
		if _, err := k.decode(append(k.good(), 0)); err == nil {
			t.Errorf("%s: a trailing byte is taken", name)
		}
	}
	if c, err := DecodeContribution(sampleContribution().Encode()); err != nil || !reflect.DeepEqual(c, sampleContribution()) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestRefusesMalformedMessages(t *testing.T) {
	weak := make([]byte, 32)
	for name, c := range map[string]struct {
		in    []byte
		kind  string
		field string
	}{
		"circuits descend": {func() []byte {
			d := sorted(sampleDescription())
			d.Circuits[0], d.Circuits[1] = d.Circuits[1], d.Circuits[0]
			return d.Encode()
		}(), "description", "circuit"},
		"a circuit without id":   {edit(func(d *Description) { d.Circuits[0].ID = "" }), "description", "circuit"},
		"power 0":                {edit(func(d *Description) { d.Power = 0 }), "description", "power"},
		"power 21":               {edit(func(d *Description) { d.Power = 21 }), "description", "power"},
		"one contributor":        {edit(func(d *Description) { d.Contributors = 1 }), "description", "contributors"},
		"too many contributors":  {edit(func(d *Description) { d.Contributors = 1001 }), "description", "contributors"},
		"fewer keys than needed": {edit(func(d *Description) { d.Contributors = 4 }), "description", "allowed"},
		"keys descend":           {edit(func(d *Description) { d.Allowed[0], d.Allowed[1] = d.Allowed[1], d.Allowed[0] }), "description", "key"},
		"a weak key allowed":     {edit(func(d *Description) { d.Allowed[0] = weak }), "description", "key"},
		"phase 0":                {spoil(func(c *Contribution) { c.Phase = 0 }), "contribution", "contribution"},
		"phase 3":                {spoil(func(c *Contribution) { c.Phase = 3 }), "contribution", "phase"},
		"number 0":               {spoil(func(c *Contribution) { c.Number = 0 }), "contribution", "contribution"},
		"number 1001":            {spoil(func(c *Contribution) { c.Number = 1001 }), "contribution", "number"},
		"no name":                {spoil(func(c *Contribution) { c.Name = "" }), "contribution", "contribution"},
		"a long name":            {spoil(func(c *Contribution) { c.Name = strings.Repeat("n", 129) }), "contribution", "name"},
		"a name that reads back": {spoil(func(c *Contribution) { c.Name = "a\u202eb" }), "contribution", "name"},
		"a weak key":             {spoil(func(c *Contribution) { c.Key = weak }), "contribution", "key"},
		"a short key":            {spoil(func(c *Contribution) { c.Key = weak[:31] }), "contribution", "key"},
		"65 payloads":            {spoil(func(c *Contribution) { c.Payloads = make([]manifest.Digest, 65) }), "contribution", "payloads"},
		"seal of nothing":        {wax(func(s *Seal) { s.Count = 0 }), "seal", "seal"},
		"seal of phase 0":        {wax(func(s *Seal) { s.Phase = 0 }), "seal", "seal"},
		"a short beacon":         {wax(func(s *Seal) { s.Beacon = s.Beacon[:31] }), "seal", "beacon"},
		"a long beacon":          {wax(func(s *Seal) { s.Beacon = make([]byte, 65) }), "seal", "beacon"},
		"a long source":          {wax(func(s *Seal) { s.Source = strings.Repeat("s", 257) }), "seal", "source"},
	} {
		_, err := kinds[c.kind].decode(c.in)
		var e *tlv.Error
		if !errors.As(err, &e) || e.Field != c.field {
			t.Errorf("%s: %v, want field %s", name, err, c.field)
		}
	}
}

func edit(change func(*Description)) []byte {
	d := sorted(sampleDescription())
	change(d)
	return d.Encode()
}

func spoil(change func(*Contribution)) []byte {
	c := sampleContribution()
	change(c)
	return c.Encode()
}

func wax(change func(*Seal)) []byte {
	s := sampleSeal()
	change(s)
	return s.Encode()
}

func FuzzMessages(f *testing.F) {
	for _, k := range kinds {
		f.Add(k.good())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, k := range kinds {
			v, err := k.decode(b)
			if err != nil {
				if e := (*tlv.Error)(nil); !errors.As(err, &e) {
					t.Fatalf("%s: untyped error %v", name, err)
				}
				continue
			}
			if !bytes.Equal(v.Encode(), b) {
				t.Fatalf("%s: %x encodes differently", name, b)
			}
		}
	})
}

// FuzzPayload: whatever a contributor sends, it is refused with a reason.
func FuzzPayload(f *testing.F) {
	p, err := newPowers(2)
	if err != nil {
		f.Fatal(err)
	}
	k, err := newKeyChain(mustSystem(f), sealedPowers(f))
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range []chain{p, k} {
		b, err := c.contribute()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(make([]byte, c.size()))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := newPowers(2)
		if err != nil {
			t.Fatal(err)
		}
		k, err := newKeyChain(mustSystem(t), sealedPowers(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []chain{p, k} {
			if int64(len(b)) == c.size() {
				if refused := c.follow(b); refused != nil && (refused.Reason == "" || refused.Detail == "") {
					t.Fatalf("%+v", refused)
				}
			}
		}
	})
}

func sorted(d *Description) *Description {
	slices.SortFunc(d.Allowed, func(a, b ed25519.PublicKey) int { return bytes.Compare(a, b) })
	return d
}

func sealedPowers(tb testing.TB) *mpcsetup.SrsCommons {
	tb.Helper()
	srs := mpcsetup.NewPhase1(8).Seal(beacon(1))
	return &srs
}
