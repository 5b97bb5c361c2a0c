package directory_test

import (
	"bytes"
	"crypto/ed25519"
	"sort"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
)

func pub(b byte) ed25519.PublicKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
}

// sample is a valid genesis with something in every list.
func sample() *directory.Genesis {
	d := directory.Directory{
		Parameters: directory.Parameters{
			Epoch: 600, MaxHeadAge: 600, Heartbeat: 60, Quota: 65536, PowBits: 20, RevokeDelay: 3600, TrustPeriod: 1 << 20, Stewards: 1,
		},
		Schemas:    []directory.Named{{Name: "encounter", Digest: field.Uint(7)}, {Name: "identity", Sequence: 2, Digest: field.Uint(8)}},
		ValueSets:  []directory.Named{{Name: "diabetes", Digest: field.Uint(9)}},
		TrustLists: []directory.Named{{Name: "hospitals", Digest: field.Uint(10)}},
		Manifests:  []directory.Manifest{{Circuit: "claim/normal/groth16", Digest: [32]byte{1}}},
		Validators: []directory.Validator{{Key: pub(100), Power: 10, Name: "Member A"}, {Key: pub(101), Power: 1, Name: "Member B"}},
		Scopes:     []directory.Scope{{Name: "flu shot 2026"}},
	}
	for i, roles := range []directory.Roles{directory.Steward, directory.Issuer | directory.Registrar, directory.Verifier} {
		k := pub(byte(i + 1))
		d.Authorities = append(d.Authorities, directory.Authority{
			ID: directory.AuthorityID(k), Key: k, URI: "https://example.org/" + string(rune('a'+i)),
			Name: "Authority " + string(rune('A'+i)), Roles: roles, Active: true,
		})
	}
	sort.Slice(d.Authorities, func(i, j int) bool { return d.Authorities[i].ID.Cmp(&d.Authorities[j].ID) < 0 })
	d.Scopes[0].Members = []fr.Element{d.Authorities[0].ID, d.Authorities[2].ID}
	g := &directory.Genesis{
		ChainID: "zk-test.1", Time: 1_700_000_000, Directory: d,
	}
	sort.Slice(g.Directory.Validators, func(i, j int) bool {
		return bytes.Compare(g.Directory.Validators[i].Key, g.Directory.Validators[j].Key) < 0
	})
	return g
}

func steward(g *directory.Genesis) *directory.Authority {
	for i := range g.Directory.Authorities {
		if g.Directory.Authorities[i].Roles&directory.Steward != 0 {
			return &g.Directory.Authorities[i]
		}
	}
	panic("the sample has a steward")
}

func sampleHead() *directory.Head {
	g := sample()
	return &directory.Head{
		State: directory.State{
			Genesis: directory.GenesisHash(g), Directory: g.Directory.Digest(),
			Records: directory.Log{Count: 3, Root: [32]byte{3}}, Withdrawals: directory.Log{Count: 1, Root: [32]byte{4}},
			Epochs: directory.Log{Count: 6, Root: [32]byte{5}},
			Spends: directory.Log{Count: 2, Root: [32]byte{7}}, Audits: directory.Log{Count: 1, Root: [32]byte{8}}, Epoch: 5, Root: field.Uint(77), Auxiliary: [32]byte{9}, History: [32]byte{6},
		},
		Height: 12, Time: 1_700_000_100, SignedHeader: []byte("header"), Trail: [][]byte{[]byte("older"), []byte("old")},
	}
}
