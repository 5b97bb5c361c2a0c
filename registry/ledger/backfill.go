package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cometbft/cometbft/evidence"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

// ErrNoWindow reports members who do not hand out the headers of which a
// validator may still be convicted. A node without them stands still at the
// first block that convicts somebody of a time before its snapshot.
var ErrNoWindow = errors.New("ledger: no member hands out the headers of which a validator may still be convicted: see that Join reaches members who do")

// errNotKept reports a height of which every member says that it has none.
var errNotKept = errors.New("ledger: no member keeps this header any more")

const (
	fillStep    = 64 // headers written at once, at most 128 KiB each
	fillWorkers = 8  // requests to a member at once
	fillTime    = 2 * headerTimeout
	fillRounds  = 3 // of all members, before a header counts as gone
)

// A backfill brings the headers below a snapshot, with their votes and
// validators, into consensus's databases: without them a node can judge no
// evidence of before its snapshot, and refuses for ever a block that holds some
// (docs/spec.md §6.8). It goes down from a verified header. Each header names
// the one below it by its hash, so nobody is believed and one signature is
// verified for each, for the round of the votes, which no hash holds.
type backfill struct {
	chainID string
	sources []Member
	store   windowStore
	now     types.Header         // of the state: evidence's age is counted from its height and time
	age     types.EvidenceParams // how old evidence may be
	moved   func()               // called after each step
	retry   time.Duration        // between rounds of asking

	turn int // the source that is asked next
}

// A seam is what a verified header says of the one below it.
type seam struct {
	height int64
	id     types.BlockID
	votes  []byte // hash of the votes; nil where no header is at hand
}

func below(h *types.Header) seam {
	return seam{height: h.Height - 1, id: h.LastBlockID, votes: h.LastCommitHash}
}

// run fills from a seam down to the first header that is too old to convict
// anybody, or to height 1. It returns the height of the lowest header and
// errNotKept where the members' own headers end above that.
func (b *backfill) run(ctx context.Context, at seam) (int64, error) {
	for at.height >= 1 {
		found, err := b.next(ctx, at)
		if err != nil {
			return at.height + 1, err
		}
		window := found
		for i, lb := range found {
			if evidence.IsEvidenceExpired(b.now.Height, b.now.Time, lb.Height, lb.Time, b.age) {
				window = found[:i]
				break
			}
		}
		if len(window) > 0 {
			if err := b.store.write(window); err != nil {
				return at.height + 1, err
			}
			b.moved()
			at = below(window[len(window)-1].Header)
		}
		if len(window) < len(found) {
			break
		}
	}
	return at.height + 1, nil
}

// next returns the verified light blocks from a seam on downwards, one at
// least. It asks one member after the other and stays with one that answers.
func (b *backfill) next(ctx context.Context, at seam) ([]*types.LightBlock, error) {
	for round := 1; ; round++ {
		var errs error
		gone := len(b.sources) > 0
		for range b.sources {
			found, err := b.ask(ctx, b.sources[b.turn], at)
			if err != nil {
				b.turn = (b.turn + 1) % len(b.sources)
			}
			if len(found) > 0 {
				return found, nil
			}
			gone = gone && errors.Is(err, light.ErrRange)
			errs = errors.Join(errs, err)
		}
		if gone && round >= fillRounds {
			return nil, fmt.Errorf("%w: height %d", errNotKept, at.height)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: height %d: %w", ErrNoWindow, at.height, errors.Join(context.Cause(ctx), errs))
		case <-time.After(b.retry):
		}
	}
}

// ask reads light blocks from one member and verifies them from the seam on.
// It returns those above the first that is missing or false, and why.
func (b *backfill) ask(ctx context.Context, m Member, at seam) (out []*types.LightBlock, err error) {
	ctx, cancel := context.WithTimeout(ctx, fillTime)
	defer cancel()
	n := min(at.height, fillStep)
	found, errs := make([]*types.LightBlock, n), make([]error, n)
	var given atomic.Int64
	var failed atomic.Bool
	var wait sync.WaitGroup
	for range fillWorkers {
		wait.Go(func() {
			for !failed.Load() {
				i := given.Add(1) - 1
				if i >= n {
					return
				}
				if found[i], errs[i] = readLink(ctx, m, uint64(at.height-i)); errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	wait.Wait()
	for i, lb := range found {
		if errs[i] == nil && lb != nil {
			errs[i] = at.holds(b.chainID, lb)
		}
		if errs[i] != nil || lb == nil {
			return out, errs[i]
		}
		out, at = append(out, lb), below(lb.Header)
	}
	return out, nil
}

func readLink(ctx context.Context, m Member, height uint64) (*types.LightBlock, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	raw, err := m.Header(ctx, height)
	if err != nil {
		return nil, err
	}
	if len(raw) > directory.MaxSignedHeader {
		return nil, fmt.Errorf("ledger: a light block of %d bytes", len(raw))
	}
	return light.ReadLinkUnverified(raw)
}

// holds tells whether a light block is the one below the seam: its header by
// its hash, its validators by the header, its votes by the header above.
func (s *seam) holds(chainID string, lb *types.LightBlock) error {
	wrong := ""
	switch {
	case lb.Height != s.height:
		wrong = fmt.Sprintf("it is of height %d", lb.Height)
	case lb.ChainID != chainID || !bytes.Equal(lb.Header.Hash(), s.id.Hash):
		wrong = "its header is another one"
	case !bytes.Equal(lb.ValidatorSet.Hash(), lb.ValidatorsHash):
		wrong = "its validators are not those that its header names"
	case lb.Commit.Height != s.height || !lb.Commit.BlockID.Equals(s.id):
		wrong = "its votes are for another block"
	case s.votes == nil:
		if err := types.VerifyCommit(chainID, lb.ValidatorSet, s.id, s.height, lb.Commit); err != nil {
			wrong = err.Error()
		}
	case !bytes.Equal(lb.Commit.Hash(), s.votes) || !oneVote(chainID, lb):
		wrong = "its votes are not those of the next header"
	}
	if wrong != "" {
		return fmt.Errorf("ledger: the light block of height %d: %s", s.height, wrong)
	}
	return nil
}

// oneVote verifies the first vote for the block. The hash of the votes holds
// every signature, and each signs the round.
func oneVote(chainID string, lb *types.LightBlock) bool {
	if len(lb.Commit.Signatures) != lb.ValidatorSet.Size() {
		return false
	}
	for i, v := range lb.Commit.Signatures {
		if v.BlockIDFlag == types.BlockIDFlagCommit {
			return lb.ValidatorSet.Validators[i].PubKey.VerifySignature(lb.Commit.VoteSignBytes(chainID, int32(i)), v.Signature)
		}
	}
	return false
}
