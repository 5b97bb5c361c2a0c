package registry_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// TestOneBlockSeesItsOwnWrites runs the same transactions in one block and in a
// block each: what a later one meets of an earlier one may not depend on it.
func TestOneBlockSeesItsOwnWrites(t *testing.T) {
	run := func(together bool) (codes [][]transaction.ItemCode, root fr.Element) {
		c := newChain(t)
		c.one(c.commit(hospital, 50))
		revoke := func(by party, rs []transaction.Revocation) *transaction.Transaction {
			return c.signed(by, transaction.Revoke, transaction.RevocationPayload(rs))
		}
		again := sealed(61)
		again[0].Commitment = sealed(2)[0].Commitment
		txs := []*transaction.Transaction{
			c.commit(hospital, 1, 2, 3, 2, 50),
			c.signed(hospital, transaction.CommitConsents, transaction.SealedPayload(again)),
			c.credential(issuer, 1, 7),
			c.commit(clinic, 1),
			revoke(hospital, []transaction.Revocation{{Index: 2, RS: rs(2)}, {Index: 2, RS: rs(2)}, {Index: 0, RS: rs(50)}, {Index: 1, RS: rs(9)}}),
			revoke(issuer, []transaction.Revocation{{Index: 5}, {Index: 2, RS: rs(2)}, {Index: 6}, {Index: 7}}),
			c.commit(hospital, 8),
		}
		var raw [][]byte
		for _, x := range txs {
			raw = append(raw, x.Encode())
		}
		if !together {
			for _, b := range raw {
				codes = append(codes, c.block(b)[0].Items)
			}
		} else {
			for _, r := range c.block(raw...) {
				codes = append(codes, r.Items)
			}
		}
		c.epoch()
		return codes, c.view().State.Root
	}
	one, oneRoot := run(true)
	each, eachRoot := run(false)
	for i := range each {
		for k := range each[i] {
			if len(one[i]) != len(each[i]) || one[i][k] != each[i][k] {
				t.Errorf("transaction %d, item %d: %v in one block, %v in a block each", i, k, one[i], each[i])
			}
		}
	}
	if oneRoot != eachRoot {
		t.Error("the trees differ")
	}
	ok, lock, cm := transaction.Accepted, transaction.DuplicateLock, transaction.DuplicateCM
	for i, want := range [][]transaction.ItemCode{
		{ok, ok, ok, lock, lock}, {cm}, {ok, ok}, {ok},
		{ok, transaction.AlreadyRevoked, ok, transaction.WrongRS},
		{ok, transaction.AlreadyRevoked, transaction.WrongRS, transaction.UnknownIndex}, {ok},
	} {
		for k := range want {
			if one[i][k] != want[k] {
				t.Errorf("transaction %d, item %d: %v, want %v", i, k, one[i][k], want[k])
			}
		}
	}
}

// TestReadersSeeWholeEpochs reads layers and buckets while epochs close. Each
// answer is of one epoch: its roots fold to that epoch's root, never to a
// mixture.
func TestReadersSeeWholeEpochs(t *testing.T) {
	c := newChain(t, func(g *directory.Genesis) {
		g.Directory.Parameters.EveryBlock, g.Directory.Parameters.Quota = true, 1<<20
	})
	c.one(c.commit(hospital, span(0, 1030)...))
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	type answer struct {
		epoch uint64
		roots []byte
	}
	var got []answer
	wg.Go(func() {
		for ctx.Err() == nil {
			epoch, roots, err := c.s.Layer(context.Background(), 0, 10)
			if err != nil {
				t.Error(err)
				return
			}
			if n := len(got); n == 0 || got[n-1].epoch != epoch {
				got = append(got, answer{epoch, roots})
			}
			leaves, err := c.s.Bucket(context.Background(), 0, [field.Size]byte(roots))
			switch {
			case errors.Is(err, registry.ErrReplaced): // meanwhile
			case err != nil:
				t.Error(err)
				return
			case bucketOf(t, leaves) != [field.Size]byte(roots):
				t.Errorf("epoch %d: leaves that do not have the root they were named by", epoch)
				return
			}
		}
	})
	for i := range uint64(25) {
		c.block(
			c.commit(hospital, 2000+i).Encode(),
			c.signed(hospital, transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: i, RS: rs(i)}})).Encode(),
		)
	}
	stop()
	wg.Wait()
	for _, a := range got {
		raw, err := c.s.Log(context.Background(), journal.Epochs, a.epoch, 1)
		if err != nil {
			t.Fatal(err)
		}
		e, err := directory.DecodeEpoch(raw[0])
		if err != nil {
			t.Fatal(err)
		}
		if folded(t, a.roots, journal.Depth-journal.BucketHeight, journal.BucketHeight) != e.Root {
			t.Errorf("epoch %d: the roots of the buckets are not its tree's", a.epoch)
		}
	}
	if len(got) < 2 {
		t.Logf("%d epochs were seen while they closed", len(got))
	}
}

// folded is the root over nodes of one height, the rest of the tree empty.
func folded(t *testing.T, nodes []byte, up, height int) fr.Element {
	t.Helper()
	var level []fr.Element
	for ; len(nodes) > 0; nodes = nodes[field.Size:] {
		v, err := field.Parse(nodes[:field.Size])
		if err != nil {
			t.Fatal(err)
		}
		level = append(level, v)
	}
	for range up {
		for len(level)%4 != 0 {
			level = append(level, merkle.Empty(height))
		}
		var next []fr.Element
		for i := 0; i < len(level); i += 4 {
			p := merkle.Path{Siblings: [][3]fr.Element{{level[i+1], level[i+2], level[i+3]}}}
			next = append(next, p.Root(level[i]))
		}
		level = next
		height++
	}
	return level[0]
}

func bucketOf(t *testing.T, leaves []byte) [field.Size]byte {
	root := folded(t, leaves, journal.BucketHeight, 0)
	return root.Bytes()
}
