package registry

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/snapshot"
)

// TestPagesOfEntriesFollowEachOther exports more entries than a page holds, of
// both kinds, and reads them back: each once, in the order of their keys.
func TestPagesOfEntriesFollowEachOther(t *testing.T) {
	s, err := Open("state", &Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	g := &directory.Genesis{ChainID: "pages", Time: 1_700_000_000, Directory: directory.Directory{
		Parameters: directory.Parameters{Epoch: 600, MaxHeadAge: 600, Heartbeat: 60, Quota: 10, PowBits: 8, TrustPeriod: 1 << 20},
		Validators: []directory.Validator{{Key: ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey), Power: 1, Name: "v"}},
	}}
	if _, err := s.InitGenesis(g.Encode()); err != nil {
		t.Fatal(err)
	}
	const quotas, executed = 20_000, 50_000
	b := s.db.NewBatch()
	var want setHash
	set := func(key, value []byte) {
		want.add(key, value)
		if err := b.Set(key, value, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint64(quotas) {
		var e fr.Element
		e.SetUint64(i)
		set(quotaKey(quotaCommits, e), make([]byte, 16))
	}
	for i := range uint64(executed) {
		set(executedKey(i%1000, sha256.Sum256(number(i))), []byte{1})
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	x, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	folder := snapshot.Folder(t.TempDir())
	for range 2 { // the second time from the beginning again
		m, err := x.Write(context.Background(), folder, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got setHash
		n, last := 0, ""
		for i, p := range m.Places() {
			if p.Section != snapshot.Auxiliary {
				continue
			}
			chunk, err := folder.Chunk(m, i)
			if err != nil {
				t.Fatal(err)
			}
			content, err := p.Decode(chunk)
			if err != nil {
				t.Fatal(err)
			}
			entries, err := p.Entries(content)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if string(e.Key) <= last {
					t.Fatalf("key %x after %x", e.Key, last)
				}
				last, n = string(e.Key), n+1
				got.add(e.Key, e.Value)
			}
		}
		if n != quotas+executed || got.digest() != want.digest() {
			t.Errorf("%d entries of %d", n, quotas+executed)
		}
	}
}
