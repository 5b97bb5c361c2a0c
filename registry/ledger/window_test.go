package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// A headerSource is a member of whom only headers are wanted.
type headerSource struct {
	Member
	header func(ctx context.Context, height uint64) ([]byte, error)
}

func (h headerSource) Header(ctx context.Context, height uint64) ([]byte, error) {
	return h.header(ctx, height)
}

// changing makes blocks in which a validator joins, gains power and leaves, and
// returns a backfill of the headers below a height.
func changing(t *testing.T, top uint64) (n *Node, of func(...Member) *backfill, at seam) {
	t.Helper()
	n = startNode(t, forgetful(t), nil)
	x := directory.Validator{Key: public(testKey(2)), Power: 1, Name: "Second"}
	for i, power := range []uint64{1, 2, 0} {
		x.Power, x.Sequence = power, uint64(i)
		h := n.mustSubmit(t, decree(t, n, transaction.SetValidator, x.Encode())).Height
		n.makeBlocks(t, h+7)
	}
	n.makeBlocks(t, top+3)
	now := n.header(t, top)
	of = func(sources ...Member) *backfill {
		return &backfill{chainID: n.genesis.ChainID, sources: sources, store: windowStore{dbm.NewMemDB(), dbm.NewMemDB()},
			now: now, age: evidenceAge(n.genesis.Directory.Parameters), moved: func() {}, retry: time.Millisecond}
	}
	next := n.header(t, top+1)
	return n, of, below(&next)
}

// same holds what was filled from a height on against the node's own.
func same(t *testing.T, n *Node, s windowStore, lowest, top int64) {
	t.Helper()
	filled := chain{store.NewBlockStore(s.blocks), sm.NewStore(s.states, sm.StoreOptions{})}
	if filled.blocks.Base() != 0 || filled.blocks.Height() != 0 {
		t.Error("the store says that it has blocks")
	}
	if filled.header(uint64(lowest-1)) != nil {
		t.Errorf("it has a header below %d", lowest)
	}
	for h := lowest; h <= top; h++ {
		mine, theirs := filled.blocks.LoadBlockMeta(h), n.chain.blocks.LoadBlockMeta(h)
		if mine == nil || !mine.BlockID.Equals(theirs.BlockID) || !bytes.Equal(mine.Header.Hash(), theirs.Header.Hash()) {
			t.Fatalf("height %d: another header", h)
		}
		if a, b := filled.blocks.LoadBlockCommit(h), n.chain.blocks.LoadBlockCommit(h); a == nil || !bytes.Equal(a.Hash(), b.Hash()) || a.Round != b.Round {
			t.Errorf("height %d: other votes", h)
		}
		vals, err := filled.states.LoadValidators(h)
		if err != nil || !bytes.Equal(vals.Hash(), theirs.Header.ValidatorsHash) {
			t.Fatalf("height %d: other validators: %v", h, err)
		}
		a, err1 := filled.lightBlock(uint64(h))
		raw, err2 := light.EncodeLink(a)
		if want, err := n.Header(context.Background(), uint64(h)); err1 != nil || err2 != nil || err != nil || !bytes.Equal(raw, want) {
			t.Errorf("height %d: the next member would get another light block", h)
		}
	}
}

// TestBackfillIsWhatOthersHave fills down to the first header and down to the
// end of the window, through changes of validators and more than one step.
func TestBackfillIsWhatOthersHave(t *testing.T) {
	const top = fillStep + 20
	n, of, at := changing(t, top)
	ctx := context.Background()
	b := of(n)
	if lowest, err := b.run(ctx, at); err != nil || lowest != 1 {
		t.Fatal(lowest, err)
	}
	same(t, n, b.store, 1, top)

	b = of(n)
	b.age = types.EvidenceParams{MaxAgeNumBlocks: 70, MaxAgeDuration: 0}
	for range 2 { // as after a crash
		if lowest, err := b.run(ctx, at); err != nil || lowest != top-70 {
			t.Fatal(lowest, err)
		}
	}
	same(t, n, b.store, top-70, top)
	b.age.MaxAgeDuration = time.Hour // younger than that: the whole window is not too old
	if lowest, err := b.run(ctx, at); err != nil || lowest != 1 {
		t.Error(lowest, err)
	}

	b = of(headerSource{header: func(ctx context.Context, h uint64) ([]byte, error) {
		if h < 5 {
			return nil, light.ErrRange
		}
		return n.Header(ctx, h)
	}})
	if lowest, err := b.run(ctx, at); !errors.Is(err, errNotKept) || lowest != 5 {
		t.Errorf("a member who keeps them from 5 on: %d, %v", lowest, err)
	}
	same(t, n, b.store, 5, top)
}

// TestAttack_HeadersThatAreNot reads the headers below a snapshot from a member
// who changes, mixes up or withholds them. Alone it brings nothing in; beside an
// honest one it costs a request.
func TestAttack_HeadersThatAreNot(t *testing.T) {
	const top, wrong = 30, 9
	n, of, at := changing(t, top)
	remade := func(change func(lb *types.LightBlock)) func(context.Context, uint64) ([]byte, error) {
		return func(ctx context.Context, h uint64) ([]byte, error) {
			raw, err := n.Header(ctx, h)
			if err != nil || h != wrong {
				return raw, err
			}
			lb, err := light.ReadLinkUnverified(raw)
			if err != nil {
				return nil, err
			}
			change(lb)
			return light.EncodeLink(lb)
		}
	}
	instead := func(b []byte, e error) func(context.Context, uint64) ([]byte, error) {
		return func(ctx context.Context, h uint64) ([]byte, error) {
			if h == wrong {
				return b, e
			}
			return n.Header(ctx, h)
		}
	}
	for name, lie := range map[string]func(context.Context, uint64) ([]byte, error){
		"another height": func(ctx context.Context, h uint64) ([]byte, error) {
			if h == wrong {
				h++
			}
			return n.Header(ctx, h)
		},
		"another header": remade(func(lb *types.LightBlock) { lb.AppHash = bytes.Repeat([]byte{7}, 32) }),
		"another time":   remade(func(lb *types.LightBlock) { lb.Time = lb.Time.Add(-time.Hour) }),
		"other validators": remade(func(lb *types.LightBlock) {
			lb.ValidatorSet.Validators[0].VotingPower++
		}),
		"other validators, and a header that names them": remade(func(lb *types.LightBlock) {
			lb.ValidatorSet.Validators[0].VotingPower++
			lb.ValidatorsHash = lb.ValidatorSet.Hash()
			lb.Commit.BlockID.Hash = lb.Header.Hash()
		}),
		"other parts":   remade(func(lb *types.LightBlock) { lb.Commit.BlockID.PartSetHeader.Total++ }),
		"another round": remade(func(lb *types.LightBlock) { lb.Commit.Round++ }),
		"another vote": remade(func(lb *types.LightBlock) {
			lb.Commit.Signatures[0].Signature[3] ^= 1
		}),
		"no votes": remade(func(lb *types.LightBlock) {
			lb.Commit.Signatures = lb.Commit.Signatures[:1]
			lb.Commit.Signatures[0].BlockIDFlag = types.BlockIDFlagNil
		}),
		"nothing":        instead(nil, nil),
		"noise":          instead([]byte("noise"), nil),
		"too many bytes": instead(make([]byte, directory.MaxSignedHeader+1), nil),
		"an error":       instead(nil, errors.New("busy")),
		"silence": func(ctx context.Context, h uint64) ([]byte, error) {
			if h == wrong {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return n.Header(ctx, h)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
			defer cancel()
			b := of(headerSource{header: lie})
			lowest, err := b.run(ctx, at)
			if !errors.Is(err, ErrNoWindow) || lowest != wrong+1 {
				t.Errorf("alone: down to %d, %v", lowest, err)
			}
			same(t, n, b.store, wrong+1, top)
			if name == "silence" {
				return // the honest one's turn comes after fillTime
			}
			var asked atomic.Int64
			b = of(headerSource{header: func(ctx context.Context, h uint64) ([]byte, error) {
				asked.Add(1)
				return lie(ctx, h)
			}}, n)
			if lowest, err := b.run(context.Background(), at); err != nil || lowest != 1 {
				t.Errorf("beside an honest one: down to %d, %v", lowest, err)
			}
			if asked.Load() == 0 {
				t.Error("the liar was not asked")
			}
			same(t, n, b.store, 1, top)
		})
	}
}

// findsRewritten changes headers below a stopped home's blocks, with votes and
// validators, through the databases, so that their checksums are right.
func findsRewritten(t *testing.T, home Home, height uint64) {
	t.Helper()
	for key, name := range map[string]string{
		fmt.Sprintf("H:%d", height): "blockstore", fmt.Sprintf("C:%d", height): "blockstore",
		fmt.Sprintf("validatorsKey:%d", height): "state", "validatorsKey:1": "state",
	} {
		db, err := dbm.NewGoLevelDB(name, home.join("data"))
		if err != nil {
			t.Fatal(err)
		}
		was, err := db.Get([]byte(key))
		if err != nil || len(was) == 0 {
			t.Fatal(key, err)
		}
		is := slices.Clone(was)
		is[len(is)-1] ^= 1
		err = errors.Join(db.SetSync([]byte(key), is), db.Close())
		if err != nil {
			t.Fatal(err)
		}
		var damage *registry.DamageError
		if _, err := Check(context.Background(), home, nil); !errors.As(err, &damage) {
			t.Errorf("a changed bit of %s: %v", key, err)
		}
		if db, err = dbm.NewGoLevelDB(name, home.join("data")); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.SetSync([]byte(key), was), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Check(context.Background(), home, nil); err != nil {
		t.Error(err)
	}
}
