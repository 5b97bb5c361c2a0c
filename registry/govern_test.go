package registry_test

import (
	"bytes"
	"reflect"
	"sort"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// A governed object as the tests write it: with a sequence number, in an
// earlier and a later form, and as the directory shows it.
type governed struct {
	name  string
	kind  transaction.Kind
	first uint64 // the sequence number of the first transaction that may write it
	write func(c *chain, sequence uint64, variant byte) []byte
	read  func(d *directory.Directory) any
}

func members(ps ...party) []fr.Element {
	var ids []fr.Element
	for _, p := range ps {
		ids = append(ids, p.id)
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i].Cmp(&ids[j]) < 0 })
	return ids
}

func named(sequence uint64, variant byte) []byte {
	n := directory.Named{Name: "urn:example:list", Sequence: sequence, Digest: field.Uint(uint64(variant))}
	return n.Encode()
}

func second(variant byte) directory.Validator {
	return directory.Validator{Key: newParty(101).pub(), Power: uint64(variant), Name: "second"}
}

// governedObjects has one of every kind that stewards write.
func governedObjects() []governed {
	return []governed{
		{"authority", transaction.SetAuthority, 1, func(c *chain, n uint64, v byte) []byte {
			a := hospital.record("hospital", directory.Registrar)
			a.Name, a.Sequence = string('A'+rune(v)), n
			return transaction.AuthorityPayload(a)
		}, func(d *directory.Directory) any { a, _ := d.Authority(hospital.id); return a }},
		{"distrust", transaction.DistrustRange, 0, func(c *chain, n uint64, v byte) []byte {
			return transaction.DistrustPayload(transaction.Distrusting{Sequence: n, Distrust: directory.Distrust{Authority: hospital.id, From: uint64(v), To: uint64(v) + 1}})
		}, func(d *directory.Directory) any { return d.Distrusts }},
		{"manifest", transaction.SetManifest, 0, func(c *chain, n uint64, v byte) []byte {
			m := directory.Manifest{Circuit: "claim/normal/groth16", Sequence: n, Digest: [32]byte{v}}
			return m.Encode()
		}, func(d *directory.Directory) any { return d.Manifests }},
		{"schema", transaction.SetSchema, 0, func(_ *chain, n uint64, v byte) []byte { return named(n, v) }, func(d *directory.Directory) any { return d.Schemas }},
		{"value set", transaction.SetValueSet, 0, func(_ *chain, n uint64, v byte) []byte { return named(n, v) }, func(d *directory.Directory) any { return d.ValueSets }},
		{"trust list", transaction.SetTrustList, 0, func(_ *chain, n uint64, v byte) []byte { return named(n, v) }, func(d *directory.Directory) any { return d.TrustLists }},
		{"validator", transaction.SetValidator, 0, func(_ *chain, n uint64, v byte) []byte {
			x := second(v)
			x.Sequence = n
			return x.Encode()
		}, func(d *directory.Directory) any { return d.Validators }},
		{"parameters", transaction.SetParameters, 1, func(c *chain, n uint64, v byte) []byte {
			p := testGenesis().Directory.Parameters
			p.Quota = 100 + uint64(v)
			return p.Encode(n)
		}, func(d *directory.Directory) any { return []any{d.Parameters, d.Revision} }},
		{"scope", transaction.SetScope, 0, func(_ *chain, n uint64, v byte) []byte {
			s := directory.Scope{Name: "scope", Sequence: n, Members: members([]party{insurer, clinic, hospital}[:1+v%3]...)}
			return s.Encode()
		}, func(d *directory.Directory) any { return d.Scopes }},
	}
}

// TestGovernsEveryKind writes and rewrites an object of every kind, and holds
// each to its sequence numbers and approvals.
func TestGovernsEveryKind(t *testing.T) {
	for _, g := range governedObjects() {
		t.Run(g.name, func(t *testing.T) {
			c := newChain(t)
			before := g.read(c.directory())
			refused := func(what string, want transaction.Code, sequence uint64, by ...party) {
				t.Helper()
				hash := c.hash
				x := c.decree(g.kind, g.write(c, sequence, 1), by...)
				if r, err := c.s.CheckTx(x.Encode()); err != nil || r.Code != want {
					t.Errorf("%s: CheckTx says %v, %v", what, r.Code, err)
				}
				wantCode(t, what, c.one(x), want)
				if c.hash != hash || !reflect.DeepEqual(g.read(c.directory()), before) {
					t.Errorf("%s: it left a trace", what)
				}
			}
			refused("one of two stewards", transaction.NotGoverned, g.first, steward1)
			refused("an authority that is no steward", transaction.NotGoverned, g.first, steward1, hospital)
			refused("nobody's key", transaction.NotGoverned, g.first, steward1, stranger)
			if g.kind != transaction.SetSchema && g.kind != transaction.SetValueSet && g.kind != transaction.SetTrustList {
				refused("a number too far", transaction.NotGoverned, g.first+1)
			}
			wantCode(t, "the first", c.one(c.decree(g.kind, g.write(c, g.first, 1))), transaction.Executed)
			one := g.read(c.directory())
			if reflect.DeepEqual(one, before) {
				t.Fatal("it changed nothing")
			}
			before = one
			refused("the same number again", transaction.NotGoverned, g.first)
			wantCode(t, "the next", c.one(c.decree(g.kind, g.write(c, g.first+1, 2))), transaction.Executed)
			if reflect.DeepEqual(g.read(c.directory()), one) {
				t.Error("the second changed nothing")
			}
			c.epoch()
		})
	}
}

// TestAttack_OldDecisionResent sends the stewards' old decisions again, in each
// form that a thief of a message has: the same bytes, other approvals under the
// same words, and the old words in a new envelope.
func TestAttack_OldDecisionResent(t *testing.T) {
	for _, g := range governedObjects() {
		t.Run(g.name, func(t *testing.T) {
			c := newChain(t)
			old := c.decree(g.kind, g.write(c, g.first, 1))
			wantCode(t, "the old decision", c.one(old), transaction.Executed)
			wantCode(t, "the new decision", c.one(c.decree(g.kind, g.write(c, g.first+1, 2))), transaction.Executed)
			now := g.read(c.directory())
			wantCode(t, "the same bytes", c.one(old), transaction.Repeated)
			others := *old
			others.Signature = nil
			for _, s := range []party{steward2, steward3} {
				if err := others.Approve(s.id, s.key); err != nil {
					t.Fatal(err)
				}
			}
			wantCode(t, "other approvals of the same words", c.one(&others), transaction.Repeated)
			for c.height <= old.Expiry {
				c.block()
			}
			wantCode(t, "after its expiry", c.one(old), transaction.Expired)
			later := *old
			later.Expiry = c.height + 50
			wantCode(t, "with a later expiry", c.one(&later), transaction.NotGoverned)
			wantCode(t, "the old words, approved once more", c.one(c.decree(g.kind, old.Payload)), transaction.NotGoverned)
			if !reflect.DeepEqual(g.read(c.directory()), now) {
				t.Error("an old decision has changed the directory")
			}
		})
	}
}

// TestAttack_RemovedStewardApproves uses the approvals of a steward who has
// left, of one whose key was rotated, and of one who lost the role.
func TestAttack_RemovedStewardApproves(t *testing.T) {
	for name, change := range map[string]func(*directory.Authority){
		"left":                  func(a *directory.Authority) { a.Active = false },
		"has another key":       func(a *directory.Authority) { a.Key = newParty(88).pub() },
		"is no steward anymore": func(a *directory.Authority) { a.Roles = directory.Verifier },
	} {
		t.Run(name, func(t *testing.T) {
			c := newChain(t)
			kept := c.decree(transaction.SetSchema, named(0, 1), steward2, steward3)
			a, _ := c.directory().Authority(steward3.id)
			a.Sequence++
			change(&a)
			wantCode(t, "the change", c.one(c.govern(a, steward1, steward2)), transaction.Executed)
			for what, x := range map[string]*transaction.Transaction{
				"kept from before":        kept,
				"signed after":            c.decree(transaction.SetSchema, named(0, 2), steward2, steward3),
				"a third beside two good": c.decree(transaction.SetSchema, named(0, 3), steward1, steward2, steward3),
			} {
				if r := c.one(x); r.Code != transaction.NotGoverned && r.Code != transaction.BadSignature {
					t.Errorf("%s: %v", what, r.Code)
				}
			}
			if n := len(c.directory().Schemas); n != 0 {
				t.Errorf("%d schemas were written", n)
			}
			wantCode(t, "the two that remain", c.one(c.decree(transaction.SetSchema, named(0, 1))), transaction.Executed)
		})
	}
}

// TestAttack_DevelopmentKeysSwitchedOn has all stewards turn a ledger of real
// consents into a demonstration, where one party can prove anything.
func TestAttack_DevelopmentKeysSwitchedOn(t *testing.T) {
	for _, is := range []bool{false, true} {
		c := newChain(t, func(g *directory.Genesis) { g.Directory.Parameters.DevelopmentKeys = is })
		p := c.directory().Parameters
		p.DevelopmentKeys = !is
		wantCode(t, "by all stewards", c.one(c.decree(transaction.SetParameters, p.Encode(1), steward1, steward2, steward3)), transaction.NotGoverned)
		p.DevelopmentKeys, p.Quota = is, 7
		wantCode(t, "another parameter", c.one(c.decree(transaction.SetParameters, p.Encode(1))), transaction.Executed)
		if d := c.directory(); d.Parameters != p || d.Revision != 1 {
			t.Errorf("%+v, revision %d", d.Parameters, d.Revision)
		}
	}
}

// TestParametersHoldAtOnce: what stewards decide is what the next transaction
// of the same block is judged by.
func TestParametersHoldAtOnce(t *testing.T) {
	c := newChain(t)
	p := c.directory().Parameters
	p.Quota, p.Stewards, p.Epoch = 1, 3, 60
	r := c.block(c.decree(transaction.SetParameters, p.Encode(1)).Encode(), c.commit(hospital, 1, 2).Encode(),
		c.decree(transaction.SetSchema, named(0, 1)).Encode())
	wantCode(t, "parameters", r[0], transaction.Executed)
	wantItems(t, "the new quota", r[1], 0, transaction.OverQuota)
	wantCode(t, "two of three stewards", r[2], transaction.NotGoverned)
	c.blockAt(c.time + 60)
	if e := c.view().State.Epoch; e != 1 {
		t.Errorf("epoch %d, want 1 after 60 s", e)
	}
	p.Stewards = 4
	wantCode(t, "more signatures than stewards", c.one(c.decree(transaction.SetParameters, p.Encode(2), steward1, steward2, steward3)), transaction.NotGoverned)
	p.Stewards, p.Epoch = 2, 0
	wantCode(t, "no epoch", c.one(c.decree(transaction.SetParameters, p.Encode(2), steward1, steward2, steward3)), transaction.Malformed)
}

func TestValidators(t *testing.T) {
	c := newChain(t)
	apply := func(b registry.Block) *registry.Applied {
		t.Helper()
		b.Height, b.Time = c.height+1, c.time+1
		out, err := c.s.Apply(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.s.Commit(); err != nil {
			t.Fatal(err)
		}
		c.height, c.time, c.hash = b.Height, b.Time, out.AppHash
		return out
	}
	set := func(v directory.Validator) []byte { return c.decree(transaction.SetValidator, v.Encode()).Encode() }
	powers := func(out *registry.Applied) (p []uint64) {
		for i, v := range out.Validators {
			if i > 0 && bytes.Compare(out.Validators[i-1].Key, v.Key) >= 0 {
				t.Error("keys do not ascend")
			}
			p = append(p, v.Power)
		}
		return p
	}
	v, third := second(5), directory.Validator{Key: newParty(102).pub(), Power: 3, Name: "third"}
	if got := powers(apply(registry.Block{Txs: [][]byte{set(v), set(third)}})); len(got) != 2 {
		t.Errorf("two validators were added, powers %v", got)
	}
	v.Sequence, v.Name = 1, "renamed"
	if got := powers(apply(registry.Block{Txs: [][]byte{set(v)}})); got != nil {
		t.Errorf("a new name changed powers %v", got)
	}
	v.Sequence, v.Power = 2, 0
	w := v
	w.Sequence, w.Power = 3, 5
	if got := powers(apply(registry.Block{Txs: [][]byte{set(v), set(w)}})); got != nil {
		t.Errorf("off and on within a block changed powers %v", got)
	}
	v.Sequence = 4
	if got := powers(apply(registry.Block{Txs: [][]byte{set(v)}})); len(got) != 1 || got[0] != 0 {
		t.Errorf("removed: powers %v", got)
	}
	unknown := directory.Validator{Key: newParty(103).pub(), Name: "nobody"}
	if r := apply(registry.Block{Txs: [][]byte{set(unknown)}}).Results[0]; r.Code != transaction.NotGoverned {
		t.Errorf("removing nobody: %v", r.Code)
	}
	// The record of a removed one stays, and with it its number.
	if n := len(c.directory().Validators); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
	if got := powers(apply(registry.Block{Misbehaving: [][20]byte{third.Address(), {1}, third.Address(), v.Address()}})); len(got) != 1 || got[0] != 0 {
		t.Errorf("evidence: powers %v", got)
	}
	for _, x := range c.directory().Validators {
		if x.Key.Equal(third.Key) && (x.Power != 0 || x.Sequence != 1) {
			t.Errorf("after two votes: %+v", x)
		}
	}
}

// TestAttack_LastValidatorRemoved takes the last validator's power by decision,
// by evidence, and by both in one block. A ledger without validators is over.
func TestAttack_LastValidatorRemoved(t *testing.T) {
	c := newChain(t)
	last := c.directory().Validators[0]
	last.Power, last.Sequence = 0, 1
	wantCode(t, "by decision", c.one(c.decree(transaction.SetValidator, last.Encode(), steward1, steward2, steward3)), transaction.NotGoverned)
	evidence := func(who ...[20]byte) *registry.Applied {
		t.Helper()
		out, err := c.s.Apply(registry.Block{Height: c.height + 1, Time: c.time + 1, Misbehaving: who})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.s.Commit(); err != nil {
			t.Fatal(err)
		}
		c.height, c.time, c.hash = c.height+1, c.time+1, out.AppHash
		return out
	}
	before := c.hash
	if out := evidence(last.Address()); len(out.Validators) != 0 || out.AppHash != before {
		t.Error("evidence took the last validator's power")
	}
	v := second(9)
	wantCode(t, "another joins", c.one(c.decree(transaction.SetValidator, v.Encode())), transaction.Executed)
	if out := evidence(last.Address(), v.Address()); len(out.Validators) != 1 || !out.Validators[0].Key.Equal(last.Key) {
		t.Errorf("two of two signed twice: %+v", out.Validators)
	}
	if n := len(c.directory().Voting()); n != 1 {
		t.Errorf("%d validators have power, want 1", n)
	}
	v.Power, v.Sequence = 0, 1
	wantCode(t, "the one that is left", c.one(c.decree(transaction.SetValidator, v.Encode())), transaction.NotGoverned)
}

// TestAuthorityKeepsItsScopes: no change of an authority takes it out of a
// scope, and none takes a member's record away.
func TestAuthorityKeepsItsScopes(t *testing.T) {
	c := newChain(t)
	s := directory.Scope{Name: "scope", Members: members(insurer, clinic)}
	wantCode(t, "scope", c.one(c.decree(transaction.SetScope, s.Encode())), transaction.Executed)
	a, _ := c.directory().Authority(insurer.id)
	a.Sequence, a.Active, a.Key = 1, false, newParty(60).pub()
	wantCode(t, "a member changes", c.one(c.govern(a, steward1, steward2)), transaction.Executed)
	if got := c.directory().Scopes; len(got) != 1 || !got[0].Has(insurer.id) {
		t.Errorf("%+v", got)
	}
	s.Sequence, s.Members = 1, members(insurer, stranger)
	wantCode(t, "a member that is no authority", c.one(c.decree(transaction.SetScope, s.Encode())), transaction.NotGoverned)
}
