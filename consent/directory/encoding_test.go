package directory_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
)

func TestRoundTrips(t *testing.T) {
	g := sample()
	if got, err := directory.DecodeGenesis(g.Encode()); err != nil || !reflect.DeepEqual(got, g) {
		t.Errorf("genesis: %+v, %v", got, err)
	}
	if got, err := directory.DecodeDirectory(g.Directory.Encode()); err != nil || !reflect.DeepEqual(got, &g.Directory) {
		t.Errorf("directory: %+v, %v", got, err)
	}
	h := sampleHead()
	if got, err := directory.DecodeHead(h.Encode()); err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("head: %+v, %v", got, err)
	}
	if got, err := directory.DecodeState(h.State.Encode()); err != nil || *got != h.State {
		t.Errorf("state: %+v, %v", got, err)
	}
	e := directory.Epoch{Number: 1, Root: field.Uint(2), Records: 3, Withdrawals: 4, ClosedAt: 5}
	if got, err := directory.DecodeEpoch(e.Encode()); err != nil || got != e {
		t.Errorf("epoch: %+v, %v", got, err)
	}
}

// TestVectors pins the bytes, so that a change of the encoding is noticed as
// the change of protocol that it is.
func TestVectors(t *testing.T) {
	g, h := sample(), sampleHead()
	e := directory.Epoch{Number: 1, Root: field.Uint(2), Records: 3, Withdrawals: 4, ClosedAt: 5}
	if got, want := hex.EncodeToString(e.Encode()), "0000000000000001"+strings.Repeat("0", 63)+"2"+"000000000000000300000000000000040000000000000005"; got != want {
		t.Errorf("epoch entry %s, want %s", got, want)
	}
	for _, v := range []struct{ name, got, want string }{
		{"genesis", sum(g.Encode()), vectorGenesis},
		{"directory", sum(g.Directory.Encode()), vectorDirectory},
		{"state", sum(h.State.Encode()), vectorState},
		{"checkpoint", sum(h.Encode()), vectorCheckpoint},
	} {
		if v.got != v.want {
			t.Errorf("SHA-256 of the %s is %s, want %s", v.name, v.got, v.want)
		}
	}
	if d := directory.GenesisHash(g); hex.EncodeToString(d[:]) != vectorGenesis {
		t.Error("GenesisHash is not SHA-256 of the message")
	}
}

func sum(b []byte) string { d := sha256.Sum256(b); return hex.EncodeToString(d[:]) }

func TestRefusesInvalidGenesis(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(g *directory.Genesis)
		where string
	}{
		{"no chain id", func(g *directory.Genesis) { g.ChainID = "" }, "chain id"},
		{"chain id with upper case", func(g *directory.Genesis) { g.ChainID = "Chain" }, "chain id"},
		{"chain id too long", func(g *directory.Genesis) { g.ChainID = strings.Repeat("a", 51) }, "chain id"},
		{"no time", func(g *directory.Genesis) { g.Time = 0 }, "time"},
		{"no validators", func(g *directory.Genesis) { g.Directory.Validators = nil }, "validators"},
		{"validators out of order", func(g *directory.Genesis) {
			g.Directory.Validators[0], g.Directory.Validators[1] = g.Directory.Validators[1], g.Directory.Validators[0]
		}, "validators[1].key"},
		{"one validator twice", func(g *directory.Genesis) { g.Directory.Validators[1] = g.Directory.Validators[0] }, "validators[1].key"},
		{"validator without power", func(g *directory.Genesis) { g.Directory.Validators[0].Power = 0 }, "validators[0]"},
		{"validator with a key of everybody's", func(g *directory.Genesis) { g.Directory.Validators[0].Key = make([]byte, 32) }, "validators[0]"},
		{"validator without a name", func(g *directory.Genesis) { g.Directory.Validators[0].Name = "" }, "validators[0]"},
		{"no trust period", func(g *directory.Genesis) { g.Directory.Parameters.TrustPeriod = 0 }, "parameters.trust period"},
		{"a trust period shorter than heads may be old", func(g *directory.Genesis) { g.Directory.Parameters.TrustPeriod = 599 }, "parameters.trust period"},
		{"a revision at genesis", func(g *directory.Genesis) { g.Directory.Revision = 1 }, "revision"},
		{"a distrust at genesis", func(g *directory.Genesis) {
			g.Directory.Distrusts = []directory.Distrust{{Authority: g.Directory.Authorities[0].ID, To: 1}}
		}, "distrusts"},
		{"scope of strangers", func(g *directory.Genesis) { g.Directory.Scopes[0].Members[0] = field.Uint(1) }, "scopes[0].members"},
		{"scope with a member twice", func(g *directory.Genesis) { m := g.Directory.Scopes[0].Members; m[1] = m[0] }, "scopes[0]"},
		{"no epoch", func(g *directory.Genesis) { g.Directory.Parameters.Epoch = 0 }, "parameters.epoch"},
		{"no head age", func(g *directory.Genesis) { g.Directory.Parameters.MaxHeadAge = 0 }, "parameters.max head age"},
		{"heartbeat slower than the head may be", func(g *directory.Genesis) { g.Directory.Parameters.Heartbeat = 601 }, "parameters.heartbeat"},
		{"no quota", func(g *directory.Genesis) { g.Directory.Parameters.Quota = 0 }, "parameters.quota"},
		{"stamps for nothing", func(g *directory.Genesis) { g.Directory.Parameters.PowBits = 0 }, "parameters.pow bits"},
		{"stamps nobody can make", func(g *directory.Genesis) { g.Directory.Parameters.PowBits = 41 }, "parameters.pow bits"},
		{"more steward signatures than stewards", func(g *directory.Genesis) { g.Directory.Parameters.Stewards = 2 }, "parameters.stewards"},
		{"stewards who need not sign", func(g *directory.Genesis) { g.Directory.Parameters.Stewards = 0 }, "parameters.stewards"},
		{"the only steward inactive", func(g *directory.Genesis) { steward(g).Active = false }, "parameters.stewards"},
		{"a heartbeat slower than an epoch", func(g *directory.Genesis) {
			g.Directory.Parameters.Epoch, g.Directory.Parameters.Heartbeat = 60, 61
		}, "parameters.heartbeat"},
		{"authorities out of order", func(g *directory.Genesis) {
			a := g.Directory.Authorities
			a[0], a[1] = a[1], a[0]
		}, "authorities[1].id"},
		{"an authority twice", func(g *directory.Genesis) { g.Directory.Authorities[1] = g.Directory.Authorities[0] }, "authorities[1].id"},
		{"a shared key", func(g *directory.Genesis) { g.Directory.Authorities[1].Key = g.Directory.Authorities[0].Key }, "authorities[1].key"},
		{"a shared uri", func(g *directory.Genesis) { g.Directory.Authorities[1].URI = g.Directory.Authorities[0].URI }, "authorities[1].uri"},
		{"an id of another key", func(g *directory.Genesis) { g.Directory.Scopes, g.Directory.Authorities[0].ID = nil, field.Uint(1) }, "authorities[0].id"},
		{"no roles", func(g *directory.Genesis) { g.Directory.Authorities[0].Roles = 0 }, "authorities[0]"},
		{"unknown roles", func(g *directory.Genesis) { g.Directory.Authorities[0].Roles |= 32 }, "authorities[0]"},
		{"no name", func(g *directory.Genesis) { g.Directory.Authorities[0].Name = "" }, "authorities[0]"},
		{"a name that reads backwards", func(g *directory.Genesis) { g.Directory.Authorities[0].Name = "a\u202eb" }, "authorities[0]"},
		{"a name too long", func(g *directory.Genesis) { g.Directory.Authorities[0].Name = strings.Repeat("n", 129) }, "authorities[0]"},
		{"a relative uri", func(g *directory.Genesis) { g.Directory.Authorities[0].URI = "hospital" }, "authorities[0]"},
		{"a uri of a scheme alone", func(g *directory.Genesis) { g.Directory.Authorities[0].URI = "https:" }, "authorities[0]"},
		{"a uri without a scheme", func(g *directory.Genesis) { g.Directory.Authorities[0].URI = ":hospital" }, "authorities[0]"},
		{"a uri with a path for a scheme", func(g *directory.Genesis) { g.Directory.Authorities[0].URI = "a/b:c" }, "authorities[0]"},
		{"a uri with a number for a scheme", func(g *directory.Genesis) { g.Directory.Authorities[0].URI = "1a:b" }, "authorities[0]"},
		{"a uri with a space", func(g *directory.Genesis) { g.Directory.Authorities[0].URI = "https://a b" }, "authorities[0]"},
		{"a uri too long", func(g *directory.Genesis) {
			g.Directory.Authorities[0].URI = "https://" + strings.Repeat("a", 250)
		}, "authorities[0]"},
		{"a short key", func(g *directory.Genesis) {
			g.Directory.Authorities[0].Key = g.Directory.Authorities[0].Key[:31]
		}, "authorities[0]"},
		{"leaves at genesis", func(g *directory.Genesis) { g.Directory.Authorities[0].Live = 1 }, "authorities[0]"},
		{"a sequence at genesis", func(g *directory.Genesis) { g.Directory.Authorities[0].Sequence = 1 }, "authorities[0]"},
		{"schemas out of order", func(g *directory.Genesis) {
			s := g.Directory.Schemas
			s[0], s[1] = s[1], s[0]
		}, "schemas[1].name"},
		{"a schema twice", func(g *directory.Genesis) { g.Directory.Schemas[1].Name = g.Directory.Schemas[0].Name }, "schemas[1].name"},
		{"a manifest without circuit", func(g *directory.Genesis) { g.Directory.Manifests[0].Circuit = "" }, "manifests[0].circuit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := sample()
			c.spoil(g)
			var e *directory.InvalidError
			if err := g.Validate(); !errors.As(err, &e) || e.Where != c.where {
				t.Errorf("Validate = %v, want an InvalidError at %q", err, c.where)
			}
			if _, err := directory.DecodeGenesis(g.Encode()); err == nil {
				t.Error("DecodeGenesis took it")
			}
		})
	}
}

// TestDevelopmentKeysAreOneByteOfTheGenesis: a ledger cannot turn from a
// demonstration into one that counts, or back, and keep its name.
func TestDevelopmentKeysAreOneByteOfTheGenesis(t *testing.T) {
	g, demonstration := sample(), sample()
	demonstration.Directory.Parameters.DevelopmentKeys = true
	if directory.GenesisHash(g) == directory.GenesisHash(demonstration) || g.Directory.Digest() == demonstration.Directory.Digest() {
		t.Error("the genesis does not bind whether development keys are taken")
	}
	if d, err := directory.DecodeDirectory(demonstration.Directory.Encode()); err != nil || !d.Parameters.DevelopmentKeys {
		t.Errorf("%+v, %v", d, err)
	}
	b := g.Directory.Encode()
	b[bytes.Index(b, []byte{14, 0, 0, 0, 1, 0, 15, 0, 0, 0, 8})+5] = 2
	if _, err := directory.DecodeDirectory(b); err == nil || !strings.Contains(err.Error(), "development keys") {
		t.Errorf("neither yes nor no: %v", err)
	}
}

func TestRefusesEveryTruncationAndTrailingByte(t *testing.T) {
	h := sampleHead()
	g := sample()
	for name, c := range map[string]struct {
		good   []byte
		decode func([]byte) error
	}{
		"genesis":    {g.Encode(), func(b []byte) error { _, err := directory.DecodeGenesis(b); return err }},
		"directory":  {g.Directory.Encode(), func(b []byte) error { _, err := directory.DecodeDirectory(b); return err }},
		"state":      {h.State.Encode(), func(b []byte) error { _, err := directory.DecodeState(b); return err }},
		"checkpoint": {h.Encode(), func(b []byte) error { _, err := directory.DecodeHead(b); return err }},
		"authority":  {g.Directory.Authorities[0].Encode(), func(b []byte) error { _, err := directory.DecodeAuthority(b); return err }},
		"epoch":      {(&directory.Epoch{}).Encode(), func(b []byte) error { _, err := directory.DecodeEpoch(b); return err }},
	} {
		if err := c.decode(c.good); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for n := range c.good {
			if c.decode(c.good[:n]) == nil {
				t.Errorf("%s: %d of %d bytes were taken", name, n, len(c.good))
			}
		}
		if c.decode(append(bytes.Clone(c.good), 0)) == nil {
			t.Errorf("%s: a trailing byte was taken", name)
		}
	}
}

func TestRefusesStateWhoseEpochLogEndsElsewhere(t *testing.T) {
	s := sampleHead().State
	s.Epoch++
	if _, err := directory.DecodeState(s.Encode()); err == nil {
		t.Fatal("taken")
	}
}

func TestRefusesEpochOutOfBounds(t *testing.T) {
	for name, e := range map[string]directory.Epoch{
		"number": {Number: 1 << 63}, "records": {Records: 1 << 63}, "withdrawals": {Withdrawals: 1 << 63}, "closed at": {ClosedAt: 1 << 40},
	} {
		if _, err := directory.DecodeEpoch(e.Encode()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := (&directory.Epoch{}).Encode()
	for i := range 32 {
		b[8+i] = 0xff
	}
	if _, err := directory.DecodeEpoch(b); err == nil {
		t.Error("a root above the modulus was taken")
	}
}

// TestRefusesMoreStewardsThanATransactionHolds: such a ledger would start, and
// nobody could ever rotate a key or stop a thief.
func TestRefusesMoreStewardsThanATransactionHolds(t *testing.T) {
	g := sample()
	template := *steward(g)
	g.Directory.Authorities = nil
	for i := range directory.MaxStewards + 1 {
		a := template
		a.Key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i)}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
		a.ID, a.URI = directory.AuthorityID(a.Key), fmt.Sprintf("urn:steward:%d", i)
		g.Directory.Authorities = append(g.Directory.Authorities, a)
	}
	slices.SortFunc(g.Directory.Authorities, func(a, b directory.Authority) int { return a.ID.Cmp(&b.ID) })
	g.Directory.Parameters.Stewards = directory.MaxStewards
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	g.Directory.Parameters.Stewards++
	var e *directory.InvalidError
	if err := g.Validate(); !errors.As(err, &e) || e.Where != "parameters.stewards" {
		t.Errorf("%v, want an InvalidError at parameters.stewards", err)
	}
	if _, err := directory.DecodeGenesis(g.Encode()); err == nil {
		t.Error("DecodeGenesis took it")
	}
}

// TestURIsAreJudgedAlikeByEveryBuild holds texts that versions of net/url
// disagree about, or that it judges by more than their form: two validators
// that differ over one record would part.
func TestURIsAreJudgedAlikeByEveryBuild(t *testing.T) {
	for _, uri := range []string{"http://::1/", "https://example.org/%zz", "https://[::1/", "urn:oid:2.16.840.1", "Organization+x:1"} {
		g := sample()
		g.Directory.Authorities[0].URI = uri
		if err := g.Validate(); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
}
