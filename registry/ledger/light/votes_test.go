package light_test

import (
	"bytes"
	"crypto/ed25519"
	"sort"
	"testing"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

// vote is what one validator of four did.
type vote int

const (
	absent vote = iota
	forBlock
	forNil
	forOther // signed another block, presented as a vote for this one
)

// consortium is a genesis of validators with the seeds 10, 11, … and a state
// of its own.
func consortium(powers ...uint64) (*directory.Genesis, directory.State) {
	g := testGenesis()
	g.Directory.Validators = nil
	for i, p := range powers {
		g.Directory.Validators = append(g.Directory.Validators, directory.Validator{Key: pub(byte(10 + i)), Power: p, Name: "Member"})
	}
	sort.Slice(g.Directory.Validators, func(i, j int) bool {
		return bytes.Compare(g.Directory.Validators[i].Key, g.Directory.Validators[j].Key) < 0
	})
	s := directory.State{Genesis: directory.GenesisHash(g)}
	s.Epochs.Count = 1
	return g, s
}

// voted is a head on which each validator voted as cast says, by its seed.
func voted(t *testing.T, g *directory.Genesis, s directory.State, at time.Time, cast ...vote) *directory.Head {
	t.Helper()
	vals := light.Validators(g)
	lb := lightBlock(t, sign(t, testGenesis(), s, 7, at, validatorSeed))
	lb.ValidatorSet = vals
	lb.ChainID, lb.ValidatorsHash, lb.NextValidatorsHash, lb.ProposerAddress = g.ChainID, vals.Hash(), vals.Hash(), vals.Validators[0].Address
	lb.Commit.BlockID = blockID(lb.Header.Hash())
	lb.Commit.Signatures = make([]types.CommitSig, len(vals.Validators))
	for i, v := range vals.Validators {
		lb.Commit.Signatures[i] = types.NewCommitSigAbsent()
		for k, c := range cast {
			if c == absent || !bytes.Equal(v.PubKey.Bytes(), pub(byte(10+k))) {
				continue
			}
			x := &cmtproto.Vote{Type: cmtproto.PrecommitType, Height: 7, Timestamp: at}
			flag := types.BlockIDFlagCommit
			switch other := blockID(bytes.Repeat([]byte{9}, 32)); c {
			case forBlock:
				x.BlockID = lb.Commit.BlockID.ToProto()
			case forNil:
				flag = types.BlockIDFlagNil
			case forOther:
				x.BlockID = other.ToProto()
			}
			lb.Commit.Signatures[i] = types.CommitSig{BlockIDFlag: flag, ValidatorAddress: v.Address, Timestamp: at,
				Signature: ed25519.Sign(key(byte(10+k)), types.VoteSignBytes(g.ChainID, x))}
		}
	}
	return encodeHead(t, lb, s)
}

// TestAttack_TooFewVotes: only the votes of more than two thirds of the power
// for this very block make a head.
func TestAttack_TooFewVotes(t *testing.T) {
	for _, c := range []struct {
		name   string
		powers []uint64
		cast   []vote
		good   bool
	}{
		{"all of three", []uint64{1, 1, 1}, []vote{forBlock, forBlock, forBlock}, true},
		{"three of four", []uint64{1, 1, 1, 1}, []vote{forBlock, absent, forBlock, forBlock}, true},
		{"just above two thirds of the power", []uint64{67, 33}, []vote{forBlock, absent}, true},
		{"exactly two thirds", []uint64{1, 1, 1}, []vote{forBlock, forBlock, absent}, false},
		{"three of four in number, half in power", []uint64{1, 1, 1, 3}, []vote{forBlock, forBlock, forBlock, absent}, false},
		{"votes for nothing", []uint64{1, 1, 1}, []vote{forBlock, forBlock, forNil}, false},
		{"nothing but votes for nothing", []uint64{1, 1, 1}, []vote{forNil, forNil, forNil}, false},
		{"a vote for another block", []uint64{1, 1, 1}, []vote{forBlock, forBlock, forOther}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, s := consortium(c.powers...)
			h := voted(t, g, s, start, c.cast...)
			got, err := light.VerifyHead(g, h.Encode())
			if c.good {
				if err != nil || got.State != s {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			wantLie(t, err, light.BadSignatures)
		})
	}
}

// TestAttack_OneValidatorForAll puts the votes of one into everybody's place.
func TestAttack_OneValidatorForAll(t *testing.T) {
	g, s := consortium(1, 1, 1)
	h := voted(t, g, s, start, forBlock, forBlock, forBlock)
	lb := lightBlock(t, h)
	for i := range lb.Commit.Signatures {
		lb.Commit.Signatures[i] = lb.Commit.Signatures[0]
	}
	_, err := light.VerifyHead(g, encodeHead(t, lb, s).Encode())
	wantLie(t, err, light.BadSignatures)
}

// TestAttack_ImpossibleValidators holds sets that CometBFT computes with
// before anybody compares them with the genesis's.
func TestAttack_ImpossibleValidators(t *testing.T) {
	g, s := consortium(1, 1, 1)
	honest := voted(t, g, s, start, forBlock, forBlock, forBlock)
	for name, change := range map[string]func(*cmtproto.LightBlock){
		"power beyond all bounds": func(b *cmtproto.LightBlock) {
			for _, v := range b.ValidatorSet.Validators {
				v.VotingPower = 1<<63 - 1
			}
		},
		"negative power":   func(b *cmtproto.LightBlock) { b.ValidatorSet.Validators[0].VotingPower = -1 },
		"no validators":    func(b *cmtproto.LightBlock) { b.ValidatorSet.Validators = nil },
		"no proposer":      func(b *cmtproto.LightBlock) { b.ValidatorSet.Proposer = nil },
		"no set":           func(b *cmtproto.LightBlock) { b.ValidatorSet = nil },
		"no key":           func(b *cmtproto.LightBlock) { b.ValidatorSet.Validators[0].PubKey.Sum = nil },
		"no signed header": func(b *cmtproto.LightBlock) { b.SignedHeader = nil },
		"no header":        func(b *cmtproto.LightBlock) { b.SignedHeader.Header = nil },
		"no commit":        func(b *cmtproto.LightBlock) { b.SignedHeader.Commit = nil },
		"too many votes": func(b *cmtproto.LightBlock) {
			c := b.SignedHeader.Commit
			c.Signatures = append(c.Signatures, c.Signatures...)
		},
		"a time before all times": func(b *cmtproto.LightBlock) { b.SignedHeader.Header.Time = time.Time{} },
		"a negative height":       func(b *cmtproto.LightBlock) { b.SignedHeader.Header.Height = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			var pb cmtproto.LightBlock
			if err := pb.Unmarshal(honest.SignedHeader); err != nil {
				t.Fatal(err)
			}
			change(&pb)
			b, err := pb.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			h := *honest
			h.SignedHeader = b
			if _, err := light.VerifyHead(g, h.Encode()); err == nil {
				t.Error("it verified")
			}
		})
	}
}
