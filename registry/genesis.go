package registry

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// InitGenesis starts the state from a genesis message and returns the AppHash
// that the first block's header signs. Epoch 0 is the empty tree. Doing it
// again with the same genesis changes nothing, because consensus repeats it
// when it was interrupted before the first block.
func (s *State) InitGenesis(message []byte) ([sha256.Size]byte, error) {
	var none [sha256.Size]byte
	g, err := directory.DecodeGenesis(message)
	if err != nil {
		return none, err
	}
	s.apply.Lock()
	defer s.apply.Unlock()
	if s.restore != nil {
		return none, ErrRestoring
	}
	if cur, err := s.now(); err == nil {
		if !bytes.Equal(cur.genesis, message) {
			return none, ErrGenesis
		}
		if cur.height != 0 {
			return none, ErrHeight
		}
		return cur.appHash(), nil
	} else if err != ErrNoGenesis {
		return none, err
	}
	f := &frame{
		time:      g.Time,
		lastClose: g.Time,
		dir:       &g.Directory,
		dirBytes:  g.Directory.Encode(),
		genesis:   bytes.Clone(message),
	}
	for _, k := range journal.Kinds() {
		f.logs[k] = journal.NewAccumulator()
	}
	f.state.Genesis = sha256.Sum256(message)
	f.state.Directory = sha256.Sum256(f.dirBytes)
	f.state.Root = merkle.Empty(journal.Depth)
	st := newStaging(s.db, f)
	epoch := directory.Epoch{Root: f.state.Root, ClosedAt: g.Time}
	err = firstError(
		func() error { return st.appendEpoch(epoch) },
		func() error { return st.batch.Set([]byte{keyGenesis}, f.genesis, nil) },
		func() error { return st.batch.Set([]byte{keyDirectory}, f.dirBytes, nil) },
		st.seal,
	)
	if err != nil {
		st.close()
		return none, err
	}
	if err := s.write(st); err != nil {
		return none, fmt.Errorf("registry: genesis: %w", err)
	}
	s.mu.Lock()
	s.cur = f
	s.mu.Unlock()
	return f.appHash(), st.close()
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
