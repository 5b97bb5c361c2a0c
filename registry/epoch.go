package registry

import (
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// closeEpoch takes the entries of the record log since the last close into the
// tree and appends the epoch. An idle epoch closes too, so that the age of a
// root says something.
func (st *staging) closeEpoch() error {
	leaves, live, err := st.pending()
	if err != nil {
		return err
	}
	st.state.Epoch++
	if len(leaves) > 0 {
		tree, err := newNodes(st)
		if err != nil {
			return err
		}
		if st.state.Root, err = merkle.Update(tree, journal.Depth, leaves); err != nil {
			return err
		}
		if err := tree.write(); err != nil {
			return err
		}
		if err := noteBuckets(st.put, st.state.Epoch, tree, bucketsOf(leaves)); err != nil {
			return err
		}
		if err := st.countLive(live); err != nil {
			return err
		}
	}
	st.closed = st.logs[journal.Records].Count()
	st.lastClose = st.time
	return st.appendEpoch(directory.Epoch{
		Number:      st.state.Epoch,
		Root:        st.state.Root,
		Records:     st.closed,
		Withdrawals: st.logs[journal.Withdrawals].Count(),
		ClosedAt:    st.time,
	})
}

// appendEpoch adds an epoch to its log, and its anchor. An anchor is a
// kilobyte, a twentieth of the blocks that consensus keeps of the same time;
// to derive it later would take a read of the log up to it.
func (st *staging) appendEpoch(e directory.Epoch) error {
	if err := noteAnchor(st.put, e, &st.logs); err != nil {
		return err
	}
	return st.append(journal.Epochs, e.Encode())
}

// noteAnchor sets an epoch's anchor from the logs before its own entry.
// Execution and the restore of a snapshot have it, and the buckets, from here.
func noteAnchor(set func(key, value []byte) error, e directory.Epoch, l *logs) error {
	return set(numberKey(keyAnchor, e.Number), journal.EncodeAnchor(e, l[journal.Records], l[journal.Withdrawals], l[journal.Epochs]))
}

// noteBuckets sets the roots of buckets that the close of an epoch changed.
func noteBuckets(set func(key, value []byte) error, epoch uint64, tree merkle.Nodes, buckets []uint64) error {
	for _, b := range buckets {
		v, err := tree.Get(journal.BucketHeight, b)
		if err != nil {
			return err
		}
		root := v.Bytes()
		if err := set(bucketKey(epoch, b), root[:]); err != nil {
			return err
		}
	}
	return nil
}

// bucketsOf lists the buckets of leaves, ascending, each once.
func bucketsOf(leaves []merkle.Leaf) []uint64 {
	out := make([]uint64, len(leaves))
	for i, l := range leaves {
		out[i] = l.Index / journal.BucketSize
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// pending reads the leaves that changed since the last close, and by how much
// each authority's count of live leaves changes. A revocation always follows
// its commit in the log, so the last value of an index is the final one.
func (st *staging) pending() (leaves []merkle.Leaf, live map[fr.Element]int64, err error) {
	live = map[fr.Element]int64{}
	err = st.since(st.closed, func(r journal.Record) error {
		if !r.Revoked {
			leaves = append(leaves, merkle.Leaf{Index: r.Index, Value: r.Leaf})
			live[r.Authority]++
			return nil
		}
		p, err := st.placed(r.Index)
		leaves = append(leaves, merkle.Leaf{Index: r.Index})
		live[p.Authority]--
		return err
	})
	return leaves, live, err
}

// countLive writes the counts into the directory. Each authority is changed on
// its own, so the map's order does not matter.
func (st *staging) countLive(live map[fr.Element]int64) error {
	d := *st.dir
	d.Authorities = slices.Clone(d.Authorities)
	changed := false
	for i := range d.Authorities {
		if by := live[d.Authorities[i].ID]; by != 0 {
			d.Authorities[i].Live = uint64(int64(d.Authorities[i].Live) + by)
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return st.setDirectory(&d)
}
