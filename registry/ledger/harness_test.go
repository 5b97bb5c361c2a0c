package ledger_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"sort"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func authority(seed byte, name string, roles directory.Roles) directory.Authority {
	pub := key(seed).Public().(ed25519.PublicKey)
	return directory.Authority{ID: directory.AuthorityID(pub), Key: pub, URI: "https://example.org/" + name, Name: name, Roles: roles, Active: true}
}

var (
	hospital = authority(1, "hospital", directory.Registrar)
	issuer   = authority(2, "issuer", directory.Issuer)
)

func newGenesis(validators []ed25519.PublicKey, at time.Time, change ...func(*directory.Genesis)) *directory.Genesis {
	g := &directory.Genesis{
		ChainID: "ledger-test",
		Time:    uint64(at.Unix()),
		Directory: directory.Directory{
			Parameters:  directory.Parameters{Epoch: 60, EveryBlock: true, MaxHeadAge: 60, Heartbeat: 2, Quota: 1 << 20, PowBits: 8, RevokeDelay: 60, TrustPeriod: 1 << 20},
			Authorities: []directory.Authority{hospital, issuer},
		},
	}
	for _, v := range validators {
		g.Directory.Validators = append(g.Directory.Validators, directory.Validator{Key: v, Power: 10, Name: "Member"})
	}
	sort.Slice(g.Directory.Validators, func(i, j int) bool {
		return bytes.Compare(g.Directory.Validators[i].Key, g.Directory.Validators[j].Key) < 0
	})
	a := g.Directory.Authorities
	sort.Slice(a, func(i, j int) bool { return a[i].ID.Cmp(&a[j].ID) < 0 })
	for _, c := range change {
		c(g)
	}
	return g
}

// newHome makes the home of a ledger of one validator.
func newHome(t testing.TB, change ...func(*directory.Genesis)) ledger.Home {
	t.Helper()
	home := ledger.Home(t.TempDir())
	v, err := home.Create()
	if err != nil {
		t.Fatal(err)
	}
	if err := home.WriteGenesis(newGenesis([]ed25519.PublicKey{v}, time.Now().Add(-time.Hour), change...)); err != nil {
		t.Fatal(err)
	}
	return home
}

func run(t testing.TB, home ledger.Home) *ledger.Node {
	t.Helper()
	n, err := ledger.Start(context.Background(), home, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Stop() })
	return n
}

func client(t testing.TB, g *directory.Genesis, s light.Source, dir string) *light.Client {
	t.Helper()
	c, err := light.Open(light.Config{Genesis: g, Source: s, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sealed(from, n uint64) []consent.Sealed {
	out := make([]consent.Sealed, n)
	for i := range out {
		b := binary.BigEndian.AppendUint64(nil, from+uint64(i))
		out[i] = consent.Sealed{Commitment: field.Of("test-cm", b), Lock: consent.Lock(field.Of("test-rs", b))}
	}
	return out
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// commit builds a commit by the hospital that no other equals.
func commit(g *directory.Genesis, height, nonce uint64, items []consent.Sealed) *transaction.Transaction {
	t := &transaction.Transaction{
		Genesis: directory.GenesisHash(g), Expiry: height + 500, Nonce: nonce,
		Kind: transaction.CommitConsents, Payload: transaction.SealedPayload(items),
	}
	t.Sign(hospital.ID, key(1))
	return t
}

func short(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}
