package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/durable"
	"github.com/zkconsent/zkconsent/internal/tlv"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

// ErrTrail reports kept light blocks that do not lead from the genesis to the
// validators of now. A node that started from a snapshot gets them with
// [Home.WriteTrail] from any other one, and so does one whose file is damaged.
var ErrTrail = errors.New("ledger: the kept light blocks around changes of validators are damaged or incomplete")

const (
	// maxTrailFile bounds the file: 64 MiB are seven thousand changes among
	// twenty members.
	maxTrailFile = 64 << 20
	maxKept      = 1 << 17
)

// A trail keeps the two light blocks around every change of validators for
// ever, also when their blocks are pruned (docs/spec.md §6.7): the last header
// that one set signed, which names the next, and the first of that one. Votes
// are those in the next block, so all nodes keep the same bytes. The file is
// replaced whole at each change; there are few.
type trail struct {
	file    string
	genesis *directory.Genesis
	first   []byte // hash of the genesis's validators

	mu   sync.RWMutex
	kept []kept // ascending by height
}

type kept struct {
	raw      []byte
	height   uint64
	is, next []byte // hashes of the header's validators and the next ones
}

func (k *kept) changes() bool { return !bytes.Equal(k.is, k.next) }

// openTrail reads and verifies the file; none is a ledger without changes.
func openTrail(home Home, g *directory.Genesis) (*trail, error) {
	t := &trail{file: home.TrailFile(), genesis: g, first: light.Validators(g).Hash()}
	info, err := os.Stat(t.file)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err == nil && info.Size() > maxTrailFile {
		err = fmt.Errorf("%w: %d bytes", ErrTrail, info.Size())
	}
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(t.file)
	if err != nil {
		return nil, err
	}
	raw, err := decodeTrail(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTrail, err)
	}
	for _, r := range raw {
		if err := t.take(r); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// take verifies a light block and adds it in memory.
func (t *trail) take(raw []byte) error {
	lb, err := light.ReadLink(t.genesis, raw)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTrail, err)
	}
	k := kept{raw: raw, height: uint64(lb.Height), is: lb.ValidatorsHash, next: lb.NextValidatorsHash}
	if err := t.leadsTo(lb.Header); err != nil {
		return err
	}
	if n := len(t.kept); !k.changes() && (n == 0 || !t.kept[n-1].changes()) {
		return fmt.Errorf("%w: no change of validators at height %d", ErrTrail, k.height)
	}
	t.kept = append(t.kept, k)
	return nil
}

// leadsTo tells whether nothing is missing between the newest light block and
// a later header.
func (t *trail) leadsTo(h *types.Header) error {
	want, at := t.first, uint64(0)
	if n := len(t.kept); n > 0 {
		last := &t.kept[n-1]
		want, at = last.next, last.height
		if uint64(h.Height) <= at || last.changes() && uint64(h.Height) != at+1 {
			return fmt.Errorf("%w: height %d follows %d", ErrTrail, h.Height, at)
		}
	}
	if !bytes.Equal(h.ValidatorsHash, want) {
		return fmt.Errorf("%w: the validators changed between heights %d and %d", ErrTrail, at, h.Height)
	}
	return nil
}

// wants tells whether a header is to be kept.
func (t *trail) wants(h *types.Header) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := len(t.kept)
	if n > 0 && uint64(h.Height) <= t.kept[n-1].height {
		return false
	}
	return !bytes.Equal(h.ValidatorsHash, h.NextValidatorsHash) || n > 0 && t.kept[n-1].changes()
}

// keep adds a light block, on disk and then in memory.
func (t *trail) keep(lb *types.LightBlock) error {
	raw, err := light.EncodeLink(lb)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.take(raw); err != nil {
		return err
	}
	if err := durable.ReplaceBytes(t.file, 0o644, t.encode()); err != nil {
		t.kept = t.kept[:len(t.kept)-1]
		return fmt.Errorf("ledger: keeping a light block: %w", err)
	}
	return nil
}

// above returns light blocks above a height, within the bounds of an answer.
func (t *trail) above(height uint64) (out [][]byte) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	size := 0
	for _, k := range t.kept {
		if k.height <= height {
			continue
		}
		if size += len(k.raw); len(out) == light.MaxLinks || len(out) > 0 && size > light.MaxLinksBytes {
			break
		}
		out = append(out, k.raw)
	}
	return out
}

// newest is the height of the newest light block, 0 without one.
func (t *trail) newest() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if n := len(t.kept); n > 0 {
		return t.kept[n-1].height
	}
	return 0
}

// validatorsAt is the hash of the validators of a height, as far as the trail
// goes: later changes are for somebody else to show.
func (t *trail) validatorsAt(height uint64) []byte {
	t.mu.RLock()
	defer t.mu.RUnlock()
	hash := t.first
	for _, k := range t.kept {
		switch {
		case k.height < height:
			hash = k.next
		case k.height == height:
			return k.is
		}
	}
	return hash
}

// sets returns the first light block of each set of validators but the
// genesis's, up to a height.
func (t *trail) sets(height uint64) (out [][]byte) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for i, k := range t.kept {
		if i > 0 && k.height <= height && t.kept[i-1].changes() {
			out = append(out, k.raw)
		}
	}
	return out
}

// extend adds light blocks that another node handed out, once they are
// verified, on disk and in memory: all of them or none.
func (t *trail) extend(blocks [][]byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.kept)
	for _, b := range blocks {
		if err := t.take(b); err != nil {
			t.kept = t.kept[:n]
			return err
		}
	}
	if err := durable.ReplaceBytes(t.file, 0o644, t.encode()); err != nil {
		t.kept = t.kept[:n]
		return fmt.Errorf("ledger: keeping light blocks: %w", err)
	}
	return nil
}

func (t *trail) encode() []byte {
	e := tlv.NewEncoder("kept-trail")
	e.List(1, len(t.kept), func(i int, e *tlv.Encoder) { e.Bytes(1, t.kept[i].raw) })
	return e.Encoded()
}

func decodeTrail(b []byte) (out [][]byte, err error) {
	d := tlv.NewDecoder("kept-trail", b, maxTrailFile)
	d.List(1, "light blocks", maxKept, func(_ int, d *tlv.Decoder) {
		out = append(out, d.Bytes(1, "light block", 1, directory.MaxSignedHeader))
	})
	return out, d.Done()
}

// TrailFile holds the light blocks around changes of validators, once there
// was one.
func (h Home) TrailFile() string { return h.join("trail") }

// WriteTrail puts into a stopped node's home the light blocks that another one
// handed out, from the first change on. They are verified from the genesis.
func (h Home) WriteTrail(blocks [][]byte) error {
	g, err := h.Genesis()
	if err != nil {
		return err
	}
	t := &trail{genesis: g, first: light.Validators(g).Hash()}
	for _, b := range blocks {
		if err := t.take(b); err != nil {
			return err
		}
	}
	b := t.encode()
	if len(t.kept) > maxKept || len(b) > maxTrailFile {
		return fmt.Errorf("%w: %d light blocks of %d bytes", ErrTrail, len(t.kept), len(b))
	}
	return durable.ReplaceBytes(h.TrailFile(), 0o644, b)
}
