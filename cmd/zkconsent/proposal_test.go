package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

func stewardKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func authorityOf(seed byte, name string, roles directory.Roles) directory.Authority {
	k := stewardKey(seed).Public().(ed25519.PublicKey)
	return directory.Authority{ID: directory.AuthorityID(k), Key: k, URI: "urn:x:" + name, Name: name, Roles: roles, Active: true}
}

// governedBy is a directory of three stewards, two of whom decide, and a
// hospital whose record was decided once.
func governedBy() *directory.Directory {
	hospital := authorityOf(9, "hospital", directory.Registrar)
	hospital.Sequence = 1
	return &directory.Directory{
		Parameters:  directory.Parameters{Stewards: 2},
		Authorities: []directory.Authority{authorityOf(1, "one", directory.Steward), authorityOf(2, "two", directory.Steward), authorityOf(3, "three", directory.Steward), hospital},
		Validators:  []directory.Validator{{Key: stewardKey(20).Public().(ed25519.PublicKey), Power: 3, Name: "member", Sequence: 4}},
	}
}

func proposed(t *testing.T, kind transaction.Kind, payload []byte, by ...byte) *transaction.Transaction {
	t.Helper()
	x := &transaction.Transaction{Expiry: 1000, Kind: kind, Payload: payload}
	for _, s := range by {
		if err := x.Approve(authorityOf(s, "", 0).ID, stewardKey(s)); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

func renamed(sequence uint64) []byte {
	a := authorityOf(9, "clinic", directory.Registrar|directory.Issuer)
	a.URI, a.Sequence = "urn:x:hospital", sequence
	return transaction.AuthorityPayload(a)
}

func TestProposalSaysWhatChanges(t *testing.T) {
	v, err := viewProposal(governedBy(), 10, proposed(t, transaction.SetAuthority, renamed(2), 1))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	v.print(&b)
	for _, want := range []string{"hospital → clinic", "registrar → issuer,registrar", "approved by one", "1 of 2 approvals are missing", "in 990 blocks"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "urn:x") {
		t.Errorf("what stays as it is was listed:\n%s", b.String())
	}
	leave := directory.Validator{Key: stewardKey(20).Public().(ed25519.PublicKey), Name: "member", Sequence: 5}
	if v, err := viewProposal(governedBy(), 10, proposed(t, transaction.SetValidator, leave.Encode(), 1, 2)); err != nil || v.Missing != 0 || v.Changes[0] != (changeView{"power", "3 of 3", "0 of 0"}) {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestAttack_ProposalThatPretends: a steward who looks at a proposal sees that
// it is old, void, or approved by nobody who counts, whatever its file says.
func TestAttack_ProposalThatPretends(t *testing.T) {
	forged := proposed(t, transaction.SetAuthority, renamed(2), 1, 2)
	forged.Signature[len(forged.Signature)-1] ^= 1
	moved := proposed(t, transaction.SetAuthority, renamed(2), 1, 2)
	moved.Payload = transaction.AuthorityPayload(authorityOf(10, "thief", directory.Issuer))
	for name, c := range map[string]struct {
		t      *transaction.Transaction
		height uint64
		want   string
	}{
		"a forged approval":                  {forged, 10, "not this steward's signature"},
		"another payload under the approval": {moved, 10, "not this steward's signature"},
		"an approval of no steward":          {proposed(t, transaction.SetAuthority, renamed(2), 1, 9), 10, "not an active steward"},
		"a decision that was made before":    {proposed(t, transaction.SetAuthority, renamed(1), 1, 2), 10, "have decided number 1 since"},
		"a decision ahead of its time":       {proposed(t, transaction.SetAuthority, renamed(3), 1, 2), 10, "the next one is 2"},
		"one that has expired":               {proposed(t, transaction.SetAuthority, renamed(2), 1, 2), 1000, "expired at block 1000"},
	} {
		v, err := viewProposal(governedBy(), c.height, c.t)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.Contains(v.Trouble, c.want) {
			t.Errorf("%s: %q, want %q", name, v.Trouble, c.want)
		}
	}
	commit := &transaction.Transaction{Kind: transaction.CommitConsents, Payload: make([]byte, 64)}
	if _, err := viewProposal(governedBy(), 10, commit); err == nil {
		t.Error("a commit was shown as something to approve")
	}
	if _, err := viewProposal(governedBy(), 10, proposed(t, transaction.SetScope, []byte("scope"), 1)); err == nil {
		t.Error("a payload that is none was shown")
	}
}

// TestAttack_ProposalInDisguise: names that look like others, that pass for a
// part of a list, or long lists do not hide from a steward what changes.
func TestAttack_ProposalInDisguise(t *testing.T) {
	d := governedBy()
	shown := func(kind transaction.Kind, payload []byte) string {
		t.Helper()
		v, err := viewProposal(d, 10, proposed(t, kind, payload, 1))
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		v.print(&b)
		if !strings.Contains(b.String(), v.Digest) {
			t.Errorf("the digest that stewards compare is not in\n%s", b.String())
		}
		return b.String()
	}
	wants := func(text string, all ...string) {
		t.Helper()
		for _, want := range all {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
	}
	cyrillic := authorityOf(30, "hospital", directory.Issuer)
	cyrillic.Name = "h\u043espital"
	wants(shown(transaction.SetAuthority, transaction.AuthorityPayload(cyrillic)), `h\u043espital`)
	same := authorityOf(31, "Hospital", directory.Issuer)
	wants(shown(transaction.SetAuthority, transaction.AuthorityPayload(same)), "called so already", field.Hex(authorityOf(9, "", 0).ID))
	var members []fr.Element
	for seed := byte(100); seed < 200; seed++ {
		a := authorityOf(seed, fmt.Sprintf("insurer %d", seed), directory.Verifier)
		d.Authorities, members = append(d.Authorities, a), append(members, a.ID)
	}
	two := authorityOf(32, "two", directory.Verifier)
	two.Name = "insurer 100 (00000000…), insurer 101"
	d.Authorities = append(d.Authorities, two)
	sort.Slice(members, func(i, j int) bool { return members[i].Cmp(&members[j]) < 0 })
	d.Scopes = []directory.Scope{{Name: "claims", Members: members}}
	next := directory.Scope{Name: "claims", Sequence: 1, Members: append([]fr.Element{two.ID}, members[1:]...)}
	sort.Slice(next.Members, func(i, j int) bool { return next.Members[i].Cmp(&next.Members[j]) < 0 })
	text := shown(transaction.SetScope, next.Encode())
	gone, _ := d.Authority(members[0])
	wants(text, `"insurer 100 (00000000\u2026), insurer 101" `+field.Hex(two.ID), gone.Name+" "+field.Hex(gone.ID))
	if n := strings.Count(text, "insurer"); n != 3 {
		t.Errorf("%d members are named, one joins with two names in its own and one leaves:\n%s", n, text)
	}
}

// TestAttack_GenesisWithAStowaway: whoever makes the genesis puts in an
// authority, or a list, that nobody agreed to.
func TestAttack_GenesisWithAStowaway(t *testing.T) {
	d := *governedBy()
	d.TrustLists = []directory.Named{{Name: "hospitals", Digest: field.Uint(7)}}
	d.Manifests = []directory.Manifest{{Circuit: "claim/normal/groth16", Digest: [32]byte{0xab, 31: 0xcd}}}
	text := describeGenesis(&directory.Genesis{ChainID: "town", Time: 1_800_000_000, Directory: d})
	for _, want := range []string{"authorities  hospital", "registrar", field.Hex(field.Uint(7)), hex.EncodeToString(d.Manifests[0].Digest[:])} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
