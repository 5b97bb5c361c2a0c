package light

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/durable"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// A client of layers keeps four files more. The anchor is there if and only if
// the folder is such a client's, and empty if its logs begin at their first
// entries. The set of buckets outlives everything else: another set would say,
// together with this one, which buckets are in both.

func (c *cache) anchorFile() string  { return filepath.Join(c.dir, "anchor") }
func (c *cache) layerFile() string   { return filepath.Join(c.dir, "layer") }
func (c *cache) bucketsFile() string { return filepath.Join(c.dir, "buckets") }
func (c *cache) setFile() string     { return filepath.Join(c.dir, "set") }

func (c *cache) readSet() (bucketSet, error) {
	b, err := os.ReadFile(c.setFile())
	if errors.Is(err, os.ErrNotExist) {
		return bucketSet{}, nil
	}
	if err != nil {
		return bucketSet{}, err
	}
	s, err := decodeBucketSet(b)
	if err != nil {
		return s, fmt.Errorf("%w: the set of buckets: %w", ErrCache, err)
	}
	return s, nil
}

func (c *cache) saveSet(s *bucketSet) error {
	return durable.ReplaceBytes(c.setFile(), 0o600, s.encode())
}

// saveLayers keeps a stage that was taken over. Its shelves are on disk.
func (c *cache) saveLayers(s *stage) error {
	if err := c.saveSet(&s.set); err != nil {
		return err
	}
	if c.newer(s.head) {
		return nil
	}
	s.entries[journal.Epochs] = s.closes
	if err := c.append(journal.Epochs, s.update); err != nil {
		return err
	}
	if err := durable.ReplaceBytes(c.anchorFile(), 0o600, s.anchor); err != nil {
		return err
	}
	if err := c.saveLayer(s.at, s.crown[0]); err != nil {
		return err
	}
	if err := c.saveBuckets(&s.layers, s.at); err != nil {
		return err
	}
	if err := durable.ReplaceBytes(c.directoryFile(), 0o600, s.dirBytes); err != nil {
		return err
	}
	return durable.ReplaceBytes(c.headFile(), 0o600, s.head.Encode())
}

// saveLayer writes the roots of all buckets behind their epoch's number.
func (c *cache) saveLayer(epoch uint64, roots []fr.Element) error {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(roots)*field.Size), epoch)
	for i := range roots {
		r := roots[i].Bytes()
		b = append(b, r[:]...)
	}
	return durable.ReplaceBytes(c.layerFile(), 0o600, b)
}

// readLayer reads what saveLayer wrote.
func readLayer(b []byte) (epoch uint64, roots []fr.Element, err error) {
	if len(b) < 8 || len(b) > 8+journal.Buckets*field.Size {
		return 0, nil, io.ErrUnexpectedEOF
	}
	roots, err = parseElements(b[8:])
	return binary.BigEndian.Uint64(b), roots, err
}

// saveBuckets writes the buckets of the set, each behind its number and the
// epoch as of which it stands. Those that the log gives are not among them:
// which ones a wallet holds is in its own file, encrypted.
func (c *cache) saveBuckets(l *layers, epoch uint64) error {
	return durable.Replace(c.bucketsFile(), 0o600, func(w io.Writer) error {
		for _, n := range l.set.buckets {
			b := l.held[n]
			if b == nil {
				continue
			}
			out := binary.BigEndian.AppendUint32(make([]byte, 0, bucketRecord), uint32(n))
			out = binary.BigEndian.AppendUint64(out, epoch)
			for i := range b.leaves {
				v := b.leaves[i].Bytes()
				out = append(out, v[:]...)
			}
			if _, err := w.Write(out); err != nil {
				return err
			}
		}
		return nil
	})
}

const bucketRecord = 4 + 8 + journal.BucketSize*field.Size

// readBuckets reads what saveBuckets wrote. position tells of a bucket that is
// wanted how many entries of the record log its epoch's tree has in it.
func readBuckets(in io.Reader, position func(number, epoch uint64) (uint64, bool)) (map[uint64]*bucket, error) {
	out := map[uint64]*bucket{}
	var buf [bucketRecord]byte
	for {
		if _, err := io.ReadFull(in, buf[:]); err != nil {
			if err == io.EOF {
				err = nil
			}
			return out, err
		}
		leaves, err := parseBucket(buf[12:])
		if err != nil {
			return out, err
		}
		n := uint64(binary.BigEndian.Uint32(buf[:]))
		if at, ok := position(n, binary.BigEndian.Uint64(buf[4:])); ok {
			out[n] = &bucket{leaves: leaves, at: at}
		}
	}
}

var errOtherEntries = errors.New("light: the kept entries are not those of the log")

// openLog opens a shelf whose entries continue an accumulator into a log, and
// shows them.
func (c *cache) openLog(k journal.Kind, acc *journal.Accumulator, want directory.Log, each func(entry []byte) error) (*shelf, error) {
	first := acc.Count()
	if first > want.Count {
		return nil, errOtherEntries
	}
	s, err := openShelf(c.logFile(k), first, want.Count-first, func(b []byte) error {
		if err := acc.Append(b); err != nil {
			return err
		}
		return each(b)
	})
	if err != nil {
		return nil, err
	}
	if got, err := acc.Log(); err != nil || got != want {
		return nil, errors.Join(err, errOtherEntries)
	}
	return s, nil
}

// shelve opens the logs of a client that took everything so far.
func (c *cache) shelve(s *stage, h *directory.State) (err error) {
	none := func([]byte) error { return nil }
	if s.records, err = c.openLog(journal.Records, journal.NewAccumulator(), h.Records, none); err != nil {
		return err
	}
	s.withdrawals, err = c.openLog(journal.Withdrawals, journal.NewAccumulator(), h.Withdrawals, none)
	return err
}

// restoreLayers brings a client of layers to a verified head. Without its
// layer it has the logs and must synchronise before it answers.
func (c *Client) restoreLayers(h *sight) error {
	u, ok := c.cachedDirectory(h)
	if !ok || !c.cachedLog(u, journal.Epochs) {
		return errOtherEntries
	}
	s := &stage{update: u}
	var err error
	if s.epochs, err = addEpochs(nil, u); err != nil {
		return err
	}
	if err := c.restoreLogs(s); err != nil {
		return err
	}
	if s.held, err = c.cachedBuckets(&s.set, s.epochs); err != nil {
		return err
	}
	if s.patch, s.at = c.cachedLayer(h.head); s.patch == nil || c.settle(s) != nil {
		l := s.layers
		c.layers, c.epochs, c.logs = &l, s.epochs, u.logs
		return nil
	}
	if err := c.plan(&s.layers); err != nil {
		return err
	}
	c.publish(s)
	return nil
}

// restoreLogs opens the logs of records and withdrawals from the anchor on.
func (c *Client) restoreLogs(s *stage) error {
	h := &s.head.State
	records, withdrawals := journal.NewAccumulator(), journal.NewAccumulator()
	var err error
	if s.anchor, err = os.ReadFile(c.cache.anchorFile()); err != nil {
		return err
	}
	s.span = span{known: true}
	if len(s.anchor) > 0 {
		a, err := journal.DecodeAnchor(s.anchor)
		if err != nil {
			return err
		}
		records, withdrawals, s.span = a.Records, a.Withdrawals, span{}
	}
	s.records, err = c.cache.openLog(journal.Records, records, h.Records, func(b []byte) error {
		r, err := journal.DecodeRecord(b)
		if err != nil {
			return err
		}
		return s.span.take(&r)
	})
	if err != nil {
		return err
	}
	s.withdrawals, err = c.cache.openLog(journal.Withdrawals, withdrawals, h.Withdrawals, func([]byte) error { return nil })
	s.logs[journal.Records], s.logs[journal.Withdrawals] = records, withdrawals
	if err != nil {
		return err
	}
	s.set, err = c.cache.readSet()
	return err
}

// cachedLayer is the kept crown if it is the head's, nil if not.
func (c *Client) cachedLayer(h *directory.Head) (*patch, uint64) {
	b, err := os.ReadFile(c.cache.layerFile())
	if err != nil {
		return nil, 0
	}
	epoch, roots, err := readLayer(b)
	if err != nil || epoch != h.State.Epoch {
		return nil, 0
	}
	k, err := newCrown(roots)
	if err != nil {
		return nil, 0
	}
	if root, _ := k.Get(crownDepth, 0); root != h.State.Root {
		return nil, 0
	}
	return newPatch(k), epoch
}

// cachedBuckets reads the kept buckets of the set. One that is damaged has
// another root and is dropped when that is seen.
func (c *Client) cachedBuckets(set *bucketSet, epochs []directory.Epoch) (map[uint64]*bucket, error) {
	f, err := os.Open(c.cache.bucketsFile())
	if errors.Is(err, os.ErrNotExist) {
		return map[uint64]*bucket{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	held, _ := readBuckets(f, func(number, epoch uint64) (uint64, bool) {
		if epoch >= uint64(len(epochs)) || !set.has(number) {
			return 0, false
		}
		return epochs[epoch].Records, true
	})
	return held, nil
}
