package light

import (
	"bytes"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// Validators is CometBFT's form of a genesis's validators.
func Validators(g *directory.Genesis) *types.ValidatorSet {
	var vs []*types.Validator
	for _, v := range g.Directory.Voting() {
		vs = append(vs, types.NewValidator(cmted25519.PubKey(v.Key), int64(v.Power)))
	}
	return types.NewValidatorSet(vs)
}

// VerifyHead reads a checkpoint message and verifies it against a genesis that
// the caller trusts: chain, the trail from the genesis's validators to the
// header's, signatures of more than two thirds of their power, and that the
// header signs the state. It looks at no clock and knows no other head: it
// also serves to check a kept record years later.
//
// Without a clock nothing expires: whoever holds the keys of two thirds of a
// set that was once on the way can sign another way. A [Client] therefore
// refuses to set out from what is older than the ledger's trust period, and
// only what a client put together is worth keeping.
func VerifyHead(g *directory.Genesis, message []byte) (*directory.Head, error) {
	s, err := verify(g, message)
	if err != nil {
		return nil, err
	}
	return s.head, nil
}

// A sight is a head whose signatures hold, and the links that lead to it: its
// trail's and, last, its own.
type sight struct {
	head *directory.Head
	path []*link
}

func (s *sight) own() *link { return s.path[len(s.path)-1] }

func verify(g *directory.Genesis, message []byte) (*sight, error) {
	s, err := read(g, message)
	if err != nil {
		return nil, err
	}
	r := roadFrom(g)
	var before, from *link // nil is the genesis
	for i, l := range s.path {
		if err := r.sound(l); err != nil {
			return nil, err
		}
		if err := r.hop(from, l); err != nil {
			if len(s.path) == 1 {
				return nil, lie(ForeignValidators, "height %d: %v", l.Height, err)
			}
			return nil, lie(BrokenTrail, "link %d of %d, height %d: %v", i+1, len(s.path), l.Height, err)
		}
		// With links to spare one head would have many forms and any size.
		if i > 0 && r.reaches(before, l) {
			return nil, lie(BrokenTrail, "the header of height %d is not needed to reach that of height %d", from.Height, l.Height)
		}
		before, from = from, l
	}
	return s, nil
}

// read decodes a checkpoint message, and checks of it what needs no signature.
func read(g *directory.Genesis, message []byte) (*sight, error) {
	h, err := directory.DecodeHead(message)
	if err != nil {
		return nil, lie(Malformed, "%v", err)
	}
	s := &sight{head: h}
	for _, b := range append(h.Trail[:len(h.Trail):len(h.Trail)], h.SignedHeader) {
		l, err := decodeLink(b)
		if err != nil {
			return nil, err
		}
		s.path = append(s.path, l)
	}
	l := s.own()
	if want := directory.GenesisHash(g); l.ChainID != g.ChainID || h.State.Genesis != want {
		return nil, lie(OtherChain, "chain %q, genesis %x; this client follows %q, %x", l.ChainID, h.State.Genesis[:8], g.ChainID, want[:8])
	}
	if d := h.State.Digest(); !bytes.Equal(d[:], l.AppHash) {
		return nil, lie(ForgedState, "the header of height %d signs another state", l.Height)
	}
	if h.Height != uint64(l.Height) || h.Time != uint64(l.Time.Unix()) {
		return nil, lie(ForgedState, "height %d and time %d are not the header's %d and %d", h.Height, h.Time, l.Height, l.Time.Unix())
	}
	return s, nil
}
