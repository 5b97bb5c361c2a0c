package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/durable"
	"github.com/zkconsent/zkconsent/internal/tlv"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/snapshot"
)

// Errors of backups.
var (
	ErrBackup        = errors.New("ledger: not a backup of this ledger, or a damaged one")
	ErrHomeInUse     = errors.New("ledger: this home has a state already; a backup is restored into a new one")
	ErrOnlyValidator = errors.New("ledger: this home's key is the ledger's only validator, which has signed blocks since the backup; it would sign others in their place: put back a whole copy of the stopped home (CopyHome) that is as new as its last block")
)

// A proof is what shows that a backup's state is the ledger's: the light blocks
// of its height and of the two after it, and the changes of validators that
// lead there from the genesis. In a backup it is the file "backup".
type proof struct {
	genesis [32]byte
	height  uint64
	blocks  [settledAfter + 1][]byte
	trail   [][]byte
}

func (p *proof) encode() []byte {
	e := tlv.NewEncoder("backup")
	e.Bytes(1, p.genesis[:])
	e.Uint(2, p.height)
	e.List(3, len(p.blocks), func(i int, e *tlv.Encoder) { e.Bytes(1, p.blocks[i]) })
	e.List(4, len(p.trail), func(i int, e *tlv.Encoder) { e.Bytes(1, p.trail[i]) })
	return e.Encoded()
}

func decodeProof(b []byte) (*proof, error) {
	d := tlv.NewDecoder("backup", b, maxTrailFile+1<<20)
	p := &proof{}
	copy(p.genesis[:], d.Bytes(1, "genesis", 32, 32))
	p.height = d.Uint(2, "height", 1<<62)
	n := d.List(3, "light blocks", len(p.blocks), func(i int, d *tlv.Decoder) {
		p.blocks[i] = d.Bytes(1, "light block", 1, directory.MaxSignedHeader)
	})
	if d.Err() == nil && n != len(p.blocks) {
		d.Fail("light blocks", fmt.Sprintf("%d, not %d", n, len(p.blocks)))
	}
	d.List(4, "trail", maxKept, func(_ int, d *tlv.Decoder) {
		p.trail = append(p.trail, d.Bytes(1, "light block", 1, directory.MaxSignedHeader))
	})
	return p, d.Done()
}

// Header and the other methods make a proof the only member that a restore
// reads from.
func (p *proof) Header(_ context.Context, height uint64) ([]byte, error) {
	if height < p.height || height-p.height >= uint64(len(p.blocks)) {
		return nil, fmt.Errorf("%w: height %d", light.ErrRange, height)
	}
	return p.blocks[height-p.height], nil
}

// Trail returns the light blocks above a height.
func (p *proof) Trail(_ context.Context, above uint64) (out [][]byte, err error) {
	for _, raw := range p.trail {
		if len(out) == light.MaxLinks {
			break
		}
		b, err := light.ReadLinkUnverified(raw)
		if err != nil {
			return nil, err
		}
		if uint64(b.Height) > above {
			out = append(out, raw)
		}
	}
	return out, nil
}

// Checkpoint is not in a backup.
func (p *proof) Checkpoint(context.Context) ([]byte, error) { return nil, light.ErrRange }

func proofFile(dir string) string { return filepath.Join(dir, "backup") }

// Backup writes a backup of a running node into a new folder: a snapshot of
// the newest state, the genesis, and the light blocks that sign it
// (docs/spec.md §6.8). It waits for two more blocks, at most two heartbeats.
//
// A backup holds nothing secret and nothing that must be believed: [Restore]
// verifies it from the genesis. It holds no keys. A validator's key that comes
// back without the record of what it has signed can sign a height twice, and a
// record that is older than the last vote is as bad as none: keep the key
// itself elsewhere, once, and never the record.
func (n *Node) Backup(ctx context.Context, dir string, progress registry.Progress) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("ledger: backup: %w", err)
	}
	folder := snapshot.Folder(dir)
	m, err := n.export(ctx, folder, progress)
	if err != nil {
		return err
	}
	p := &proof{genesis: directory.GenesisHash(n.genesis), height: m.Height}
	for i := range p.blocks {
		if p.blocks[i], err = n.await(ctx, m.Height+uint64(i)); err != nil {
			return err
		}
	}
	for above := uint64(0); ; {
		links := n.trail.above(above)
		if len(links) == 0 {
			break
		}
		p.trail = append(p.trail, links...)
		b, err := light.ReadLink(n.genesis, links[len(links)-1])
		if err != nil {
			return err
		}
		above = uint64(b.Height)
	}
	return errors.Join(
		folder.Add(m),
		durable.ReplaceBytes(filepath.Join(dir, filepath.Base(Home("").GenesisFile())), 0o644, n.genesis.Encode()),
		durable.ReplaceBytes(proofFile(dir), 0o644, p.encode()), // last: with it, the backup is whole
	)
}

func (n *Node) export(ctx context.Context, folder snapshot.Folder, progress registry.Progress) (*snapshot.Manifest, error) {
	x, err := n.state.Export()
	if err != nil {
		return nil, err
	}
	m, err := x.Write(ctx, folder, nil, progress)
	return m, errors.Join(err, x.Close())
}

// await returns the light block of a height when there is one.
func (n *Node) await(ctx context.Context, height uint64) ([]byte, error) {
	for {
		_, _, tick := n.board.newest()
		b, err := n.Header(ctx, height)
		if !errors.Is(err, light.ErrRange) {
			return b, err
		}
		select {
		case <-tick:
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, fmt.Errorf("ledger: waiting for the block of height %d: %w", height, ctx.Err())
		case <-n.board.broken:
			return nil, n.board.failure()
		case <-n.stopped:
			return nil, ErrStopped
		}
	}
}
