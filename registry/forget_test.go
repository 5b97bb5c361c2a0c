package registry

import (
	"crypto/ed25519"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// TestForgettingIsBounded lets many transactions expire with one height. No
// idle block changes the state for it, and no block drops more than its share.
func TestForgettingIsBounded(t *testing.T) {
	s, err := Open("state", &Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	pub := key.Public().(ed25519.PublicKey)
	id := directory.AuthorityID(pub)
	g := &directory.Genesis{ChainID: "forget", Time: 1_790_000_000, Directory: directory.Directory{
		Validators:  []directory.Validator{{Key: pub, Power: 1, Name: "v"}},
		Authorities: []directory.Authority{{ID: id, Key: pub, URI: "https://example.org/a", Name: "a", Roles: directory.Registrar, Active: true}},
		Parameters:  directory.Parameters{Epoch: 600, MaxHeadAge: 600, Heartbeat: 60, Quota: 10, PowBits: 8, TrustPeriod: 1 << 20},
	}}
	if _, err := s.InitGenesis(g.Encode()); err != nil {
		t.Fatal(err)
	}
	height, nonce := uint64(0), uint64(0)
	block := func(n int, expiry uint64) [32]byte {
		t.Helper()
		height++
		b := Block{Height: height, Time: g.Time}
		for range n {
			nonce++
			x := &transaction.Transaction{Genesis: directory.GenesisHash(g), Expiry: expiry, Nonce: nonce, Kind: transaction.Withdraw,
				Payload: transaction.WithdrawalPayload([]fr.Element{field.Uint(nonce)})}
			x.Sign(id, key)
			b.Txs = append(b.Txs, x.Encode())
		}
		out, err := s.Apply(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.Results {
			if r.Code != transaction.Executed {
				t.Fatal(r.Reason)
			}
		}
		if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
		return out.AppHash
	}
	remembered := func() (n int) {
		t.Helper()
		it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyExecuted}, UpperBound: []byte{keyExecuted + 1}})
		if err != nil {
			t.Fatal(err)
		}
		defer it.Close()
		for it.First(); it.Valid(); it.Next() {
			n++
		}
		return n
	}
	const many = forgetAtOnce + 100
	hash := block(many, 5)
	for range 7 {
		if block(0, 0) != hash {
			t.Fatal("an idle block changed the AppHash")
		}
	}
	if n := remembered(); n != many {
		t.Fatalf("idle blocks forgot %d", many-n)
	}
	block(2, 100)
	if n := remembered(); n != many+2-forgetAtOnce-4 {
		t.Errorf("%d are left after the first block", n)
	}
	block(1, 100)
	if n := remembered(); n != 3 {
		t.Errorf("%d are left after the second block, want the 3 that may still come again", n)
	}
	if _, err := s.Check(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
