package light

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cometlight "github.com/cometbft/cometbft/light"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
)

const (
	// forever is the trusting period of a link: links do not expire, the start
	// of a walk does (docs/spec.md §6.7). It is the longest that there is, 292
	// years.
	forever = time.Duration(math.MaxInt64)
	// drift lets a header be of the very moment that is "now" for it.
	drift = time.Second
)

// A link is a light block of a trail: a header, the votes for it and the
// validators who cast them.
type link struct {
	*types.LightBlock
	raw []byte
}

// EncodeLink returns a light block as trails and heads hold it: CometBFT's
// protobuf, with the validators' turns of proposing set back to their start,
// since no header signs them.
func EncodeLink(lb *types.LightBlock) ([]byte, error) {
	if err := countable(lb.ValidatorSet); err != nil {
		return nil, err
	}
	fresh := make([]*types.Validator, len(lb.ValidatorSet.Validators))
	for i, v := range lb.ValidatorSet.Validators {
		fresh[i] = types.NewValidator(v.PubKey, v.VotingPower)
	}
	pb, err := (&types.LightBlock{SignedHeader: lb.SignedHeader, ValidatorSet: types.NewValidatorSet(fresh)}).ToProto()
	if err != nil {
		return nil, err
	}
	return pb.Marshal()
}

// decodeLink reads a light block in the one form that it has.
func decodeLink(raw []byte) (*link, error) {
	var pb cmtproto.LightBlock
	if err := pb.Unmarshal(raw); err != nil {
		return nil, lie(Malformed, "light block: %v", err)
	}
	lb, err := types.LightBlockFromProto(&pb)
	if err != nil {
		return nil, lie(Malformed, "light block: %v", err)
	}
	if lb.SignedHeader == nil || lb.Header == nil || lb.Commit == nil || lb.ValidatorSet == nil {
		return nil, lie(Malformed, "light block: incomplete")
	}
	// Unknown fields and other spellings would give one head many names.
	if again, err := EncodeLink(lb); err != nil || !bytes.Equal(again, raw) {
		return nil, lie(Malformed, "light block: not in its canonical form")
	}
	return &link{lb, raw}, nil
}

// countable refuses sets that CometBFT would panic on, or count somebody twice in.
func countable(vals *types.ValidatorSet) error {
	if vals == nil || len(vals.Validators) == 0 || len(vals.Validators) > directory.MaxValidators {
		return errors.New("no validators, or too many")
	}
	seen := map[string]bool{}
	var total int64
	for _, v := range vals.Validators {
		if v == nil || v.PubKey == nil || v.PubKey.Type() != ed25519.KeyType || len(v.PubKey.Bytes()) != ed25519.PubKeySize {
			return errors.New("a validator without an Ed25519 key")
		}
		if k := string(v.PubKey.Bytes()); seen[k] {
			return errors.New("a validator twice")
		} else {
			seen[k] = true
		}
		if v.VotingPower < 1 || v.VotingPower > types.MaxTotalVotingPower-total {
			return fmt.Errorf("power %d", v.VotingPower)
		}
		total += v.VotingPower
	}
	return nil
}

// A road is the way from a genesis along headers. Where a function takes a
// link to go from, nil is the genesis, for which no header exists.
type road struct {
	chain string
	first []byte // hash of the genesis's validators
}

func roadFrom(g *directory.Genesis) *road {
	return &road{g.ChainID, Validators(g).Hash()}
}

// sound checks a link by itself: its validators are the header's, and more
// than two thirds of them signed it. Every vote in it must be good, also those
// that are not needed, so that what votes there are can be counted without
// their signatures from then on.
func (r *road) sound(l *link) error {
	if err := l.ValidateBasic(r.chain); err != nil {
		return lie(BadSignatures, "height %d: %v", l.Height, err)
	}
	if err := types.VerifyCommit(r.chain, l.ValidatorSet, l.Commit.BlockID, l.Height, l.Commit); err != nil {
		return lie(BadSignatures, "height %d: %v", l.Height, err)
	}
	return nil
}

// hop checks that a sound link follows from another one, by CometBFT's own
// verification of light blocks.
func (r *road) hop(from, to *link) error {
	if from != nil {
		return cometlight.Verify(from.SignedHeader, from.ValidatorSet, to.SignedHeader, to.ValidatorSet,
			forever, to.Time, drift, cometlight.DefaultTrustLevel)
	}
	if !r.reaches(nil, to) {
		return errors.New("its validators are not the genesis's")
	}
	return nil
}

// reaches tells by counting whether the validators of one sound link vouch for
// another one: the header before names the next set, and any other set is
// good where more than a third of the power of one that was trusted signed.
func (r *road) reaches(from, to *link) bool {
	switch {
	case from == nil:
		return bytes.Equal(to.ValidatorsHash, r.first)
	case to.Height == from.Height+1:
		return bytes.Equal(to.ValidatorsHash, from.NextValidatorsHash)
	}
	var power int64
	for _, s := range to.Commit.Signatures {
		if s.BlockIDFlag != types.BlockIDFlagCommit {
			continue
		}
		if _, v := from.ValidatorSet.GetByAddressMut(s.ValidatorAddress); v != nil {
			power += v.VotingPower
		}
	}
	// The greatest total is an eighth of what an int64 holds.
	return 3*power > from.ValidatorSet.TotalVotingPower()
}

// shortest picks, from sound links of which each leads to the next and the
// last to the header, the farthest that can be reached each time. What it
// leaves has no link to spare.
func (r *road) shortest(links []*link, to *link) ([]*link, error) {
	var out []*link
	var from *link
	for !r.reaches(from, to) {
		n := len(links) - 1
		for n >= 0 && !r.reaches(from, links[n]) {
			n--
		}
		if n < 0 {
			return nil, errors.New("light: no way through these headers")
		}
		from = links[n]
		out, links = append(out, from), links[n+1:]
	}
	return out, nil
}

// ReadLinkUnverified reads a light block in its canonical form and checks no
// signature: for its height, before it is verified.
func ReadLinkUnverified(raw []byte) (*types.LightBlock, error) {
	l, err := decodeLink(raw)
	if err != nil {
		return nil, err
	}
	return l.LightBlock, nil
}

// ReadLink reads a light block in its canonical form and checks it by itself:
// the ledger's name, its validators, and that more than two thirds of their
// power signed it. Whether they are the ledger's is what a trail shows.
func ReadLink(g *directory.Genesis, raw []byte) (*types.LightBlock, error) {
	l, err := decodeLink(raw)
	if err != nil {
		return nil, err
	}
	return l.LightBlock, roadFrom(g).sound(l)
}
