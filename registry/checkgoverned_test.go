package registry

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// TestCheckHoldsDirectoryAgainstItsPast exchanges the directory for another
// valid one, together with its digest: a program that lost a rule could have
// written it, and no hash would tell.
func TestCheckHoldsDirectoryAgainstItsPast(t *testing.T) {
	s, err := Open("state", &Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	pub := key.Public().(ed25519.PublicKey)
	id := directory.AuthorityID(pub)
	other := ed25519.NewKeyFromSeed([]byte("another seed of thirty-two bytes")).Public().(ed25519.PublicKey)
	authority := directory.Authority{ID: id, Key: pub, URI: "https://example.org/a", Name: "a", Roles: directory.Registrar, Active: true}
	g := &directory.Genesis{ChainID: "past", Time: 1_790_000_000, Directory: directory.Directory{
		Validators:  []directory.Validator{{Key: pub, Power: 1, Name: "v"}},
		Authorities: []directory.Authority{authority},
		Parameters:  directory.Parameters{Epoch: 60, MaxHeadAge: 60, Heartbeat: 6, Quota: 10, PowBits: 8, TrustPeriod: 1 << 20, EveryBlock: true},
	}}
	if _, err := s.InitGenesis(g.Encode()); err != nil {
		t.Fatal(err)
	}
	x := &transaction.Transaction{Genesis: directory.GenesisHash(g), Expiry: 9, Kind: transaction.CommitConsents,
		Payload: transaction.SealedPayload([]consent.Sealed{{Commitment: field.Uint(1), Lock: field.Uint(2)}})}
	x.Sign(id, key)
	if _, err := s.Apply(Block{Height: 1, Time: g.Time, Txs: [][]byte{x.Encode()}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	committed := *s.cur.dir
	for name, change := range map[string]func(d *directory.Directory){
		"":                               func(*directory.Directory) {},
		"development keys":               func(d *directory.Directory) { d.Parameters.DevelopmentKeys = true },
		"parameters that nobody decided": func(d *directory.Directory) { d.Parameters.Quota++ },
		"a key that nobody rotated":      func(d *directory.Directory) { d.Authorities[0].Key = other },
		"an authority that is gone":      func(d *directory.Directory) { d.Authorities[0].ID = field.Uint(9) },
		"a validator that is gone":       func(d *directory.Directory) { d.Validators[0].Key = other },
		"a power that nobody gave":       func(d *directory.Directory) { d.Validators[0].Power = 7 },
		"a count of leaves":              func(d *directory.Directory) { d.Authorities[0].Live++ },
		"a distrust that revoked nothing": func(d *directory.Directory) {
			d.Distrusts = []directory.Distrust{{Authority: id, To: 1, Epoch: 2}}
		},
		"a distrust of an epoch to come": func(d *directory.Directory) {
			d.Distrusts = []directory.Distrust{{Authority: id, From: 5, To: 6, Epoch: 3}}
		},
		"distrusts in another order": func(d *directory.Directory) {
			d.Distrusts = []directory.Distrust{{Authority: id, From: 5, To: 6, Epoch: 2}, {Authority: id, From: 5, To: 6, Epoch: 1}}
		},
	} {
		d := committed
		d.Authorities, d.Validators = slices.Clone(d.Authorities), slices.Clone(d.Validators)
		change(&d)
		if err := d.Validate(); err != nil {
			t.Errorf("%s: not a directory at all: %v", name, err)
			continue
		}
		f := s.cur.clone()
		f.dir = &d
		snap := s.db.NewSnapshot()
		c := &checker{ctx: t.Context(), r: snap, f: f, progress: func(string, uint64, uint64) {}, live: map[fr.Element]uint64{}, used: map[fr.Element]uint64{}}
		err := firstError(c.governed, c.replay, c.distrusted)
		snap.Close()
		var found *DamageError
		if errors.As(err, &found) != (name != "") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
