package registry_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"sort"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

const start = 1_700_000_000

// A party is an authority with its key.
type party struct {
	id  fr.Element
	key ed25519.PrivateKey
}

func newParty(seed byte) party {
	k := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	return party{directory.AuthorityID(k.Public().(ed25519.PublicKey)), k}
}

func (p party) pub() ed25519.PublicKey { return p.key.Public().(ed25519.PublicKey) }

func (p party) record(name string, roles directory.Roles) directory.Authority {
	return directory.Authority{ID: p.id, Key: p.pub(), URI: "https://example.org/" + name, Name: name, Roles: roles, Active: true}
}

// The cast of the tests.
var (
	hospital  = newParty(1) // registrar
	clinic    = newParty(2) // registrar
	issuer    = newParty(3)
	issuer2   = newParty(4)
	insurer   = newParty(5) // verifier
	steward1  = newParty(6)
	steward2  = newParty(7)
	steward3  = newParty(8)
	asleep    = newParty(9) // inactive registrar
	stranger  = newParty(10)
	validator = newParty(100)
)

func testGenesis(change ...func(*directory.Genesis)) *directory.Genesis {
	sleeping := asleep.record("asleep", directory.Registrar)
	sleeping.Active = false
	g := &directory.Genesis{
		ChainID: "registry-test",
		Time:    start,
		Directory: directory.Directory{
			Validators: []directory.Validator{{Key: validator.pub(), Power: 1, Name: "validator"}},
			Parameters: directory.Parameters{Epoch: 600, MaxHeadAge: 600, Heartbeat: 60, Quota: 100, PowBits: 8, RevokeDelay: 3600, TrustPeriod: 1 << 20, Stewards: 2},
			Authorities: []directory.Authority{
				hospital.record("hospital", directory.Registrar), clinic.record("clinic", directory.Registrar),
				issuer.record("issuer", directory.Issuer), issuer2.record("issuer2", directory.Issuer),
				insurer.record("insurer", directory.Verifier), sleeping,
				steward1.record("steward1", directory.Steward), steward2.record("steward2", directory.Steward), steward3.record("steward3", directory.Steward),
			},
		},
	}
	for _, c := range change {
		c(g)
	}
	a := g.Directory.Authorities
	sort.Slice(a, func(i, j int) bool { return a[i].ID.Cmp(&a[j].ID) < 0 })
	return g
}

// A chain drives a state as consensus would.
type chain struct {
	t       testing.TB
	s       *registry.State
	genesis [32]byte
	height  uint64
	time    uint64
	nonce   uint64
	hash    [32]byte // AppHash after the newest block
}

func newChain(t testing.TB, change ...func(*directory.Genesis)) *chain {
	t.Helper()
	return newChainOn(t, vfs.NewMem(), change...)
}

func newChainOn(t testing.TB, fs vfs.FS, change ...func(*directory.Genesis)) *chain {
	t.Helper()
	s, err := registry.Open("state", &registry.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	g := testGenesis(change...)
	c := &chain{t: t, s: s, genesis: directory.GenesisHash(g), time: start}
	if c.hash, err = s.InitGenesis(g.Encode()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := s.Check(context.Background(), nil); err != nil && !errors.Is(err, registry.ErrClosed) {
			t.Errorf("Check after the test: %v", err)
		}
		s.Close()
	})
	return c
}

// block executes and commits a block, a second after the last one.
func (c *chain) block(txs ...[]byte) []transaction.Result {
	c.t.Helper()
	return c.blockAt(c.time+1, txs...)
}

func (c *chain) blockAt(at uint64, txs ...[]byte) []transaction.Result {
	c.t.Helper()
	out, err := c.s.Apply(registry.Block{Height: c.height + 1, Time: at, Txs: txs})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.s.Commit(); err != nil {
		c.t.Fatal(err)
	}
	c.height++
	c.time, c.hash = at, out.AppHash
	return out.Results
}

// one commits a block with one transaction.
func (c *chain) one(t *transaction.Transaction) transaction.Result {
	c.t.Helper()
	return c.block(t.Encode())[0]
}

// epoch closes an epoch with an empty block.
func (c *chain) epoch() {
	c.t.Helper()
	c.blockAt(c.time + 600)
}

func (c *chain) tx(k transaction.Kind, payload []byte) *transaction.Transaction {
	c.nonce++
	return &transaction.Transaction{Genesis: c.genesis, Expiry: c.height + 100, Nonce: c.nonce, Kind: k, Payload: payload}
}

func (c *chain) signed(by party, k transaction.Kind, payload []byte) *transaction.Transaction {
	t := c.tx(k, payload)
	t.Sign(by.id, by.key)
	return t
}

func (c *chain) stamped(k transaction.Kind, payload []byte) *transaction.Transaction {
	t := c.tx(k, payload)
	t.Nonce = c.nonce << 32
	if err := t.Stamp(context.Background(), 8); err != nil {
		c.t.Fatal(err)
	}
	return t
}

func (c *chain) govern(a directory.Authority, by ...party) *transaction.Transaction {
	return c.decree(transaction.SetAuthority, transaction.AuthorityPayload(a), by...)
}

// decree is a transaction that the parties, or else the first two stewards,
// approve.
func (c *chain) decree(k transaction.Kind, payload []byte, by ...party) *transaction.Transaction {
	t := c.tx(k, payload)
	if by == nil {
		by = []party{steward1, steward2}
	}
	for _, s := range by {
		if err := t.Approve(s.id, s.key); err != nil {
			c.t.Fatal(err)
		}
	}
	return t
}

func (c *chain) view() registry.View {
	c.t.Helper()
	v, err := c.s.View()
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

func (c *chain) directory() *directory.Directory {
	c.t.Helper()
	d, err := directory.DecodeDirectory(c.view().Directory)
	if err != nil {
		c.t.Fatal(err)
	}
	return d
}

// rs and sealed derive values of the tests from numbers.
func rs(n uint64) fr.Element {
	return field.Of("test-rs", binary.BigEndian.AppendUint64(nil, n))
}

func sealed(ns ...uint64) []consent.Sealed {
	var out []consent.Sealed
	for _, n := range ns {
		out = append(out, consent.Sealed{Commitment: field.Of("test-cm", binary.BigEndian.AppendUint64(nil, n)), Lock: consent.Lock(rs(n))})
	}
	return out
}

func span(from, n uint64) (out []uint64) {
	for i := range n {
		out = append(out, from+i)
	}
	return out
}

func (c *chain) commit(by party, ns ...uint64) *transaction.Transaction {
	return c.signed(by, transaction.CommitConsents, transaction.SealedPayload(sealed(ns...)))
}

func (c *chain) credential(by party, ns ...uint64) *transaction.Transaction {
	return c.signed(by, transaction.CommitCredentials, transaction.SealedPayload(sealed(ns...)))
}

// spending is a payload that spends numbered nullifiers in a scope.
func spending(in directory.Scope, ns ...uint64) []byte {
	var out []transaction.Spending
	for _, n := range ns {
		out = append(out, transaction.Spending{Scope: directory.ScopeID(in.Name), Nullifier: nullifier(n), Digest: [32]byte{byte(n)}})
	}
	return transaction.SpendPayload(out)
}

func nullifier(n uint64) fr.Element {
	return field.Of("test-nullifier", binary.BigEndian.AppendUint64(nil, n))
}

func wantItems(t testing.TB, what string, r transaction.Result, want ...transaction.ItemCode) {
	t.Helper()
	if r.Code != transaction.Executed {
		t.Fatalf("%s: refused: %v: %s", what, r.Code, r.Reason)
	}
	if len(r.Items) != len(want) {
		t.Fatalf("%s: %d items, want %d", what, len(r.Items), len(want))
	}
	for i := range want {
		if r.Items[i] != want[i] {
			t.Errorf("%s: item %d is %v, want %v", what, i, r.Items[i], want[i])
		}
	}
}

func wantCode(t testing.TB, what string, r transaction.Result, want transaction.Code) {
	t.Helper()
	if r.Code != want {
		t.Errorf("%s: %v (%s), want %v", what, r.Code, r.Reason, want)
	}
	if want != transaction.Executed && (len(r.Items) != 0 || r.Reason == "") {
		t.Errorf("%s: a refusal has a reason and no items: %+v", what, r)
	}
}
