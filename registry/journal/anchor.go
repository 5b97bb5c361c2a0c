package journal

import (
	"crypto/sha256"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

const (
	maxRange  = 64 * sha256.Size // a compact range has at most one hash for each bit of its count
	maxAnchor = 4 << 10          // its ranges have at most 40 hashes each on any ledger that fits a tree
)

// An Anchor is where a client may start to read the logs: what they were when
// an epoch closed (docs/spec.md §8).
type Anchor struct {
	Epoch       directory.Epoch
	Records     *Accumulator // of Epoch.Records entries
	Withdrawals *Accumulator // of Epoch.Withdrawals entries
	Epochs      *Accumulator // up to and with this epoch's entry
}

// EncodeAnchor returns the anchor message of an epoch. before is the epoch log
// without the epoch's own entry: the reader appends it, so that the root which
// a head signs binds the entry, and the entry the counts of the other two.
func EncodeAnchor(e directory.Epoch, records, withdrawals, before *Accumulator) []byte {
	w := tlv.NewEncoder("anchor")
	w.Bytes(1, e.Encode())
	w.Bytes(2, records.Hashes())
	w.Bytes(3, withdrawals.Hashes())
	w.Bytes(4, before.Hashes())
	return w.Encoded()
}

// DecodeAnchor reads an anchor message. Nothing in it is true before the three
// logs, continued from here, have the counts and roots of a verified head.
func DecodeAnchor(b []byte) (*Anchor, error) {
	d := tlv.NewDecoder("anchor", b, maxAnchor)
	entry := d.Bytes(1, "epoch", 0, MaxEntry)
	a := &Anchor{}
	var err error
	if d.Err() == nil {
		if a.Epoch, err = directory.DecodeEpoch(entry); err != nil {
			d.Fail("epoch", err.Error())
		}
	}
	log := func(tag uint8, name string, count uint64) *Accumulator {
		hashes := d.Bytes(tag, name, 0, maxRange)
		if d.Err() != nil {
			return nil
		}
		l, err := Restore(count, hashes)
		if err != nil {
			d.Fail(name, err.Error())
		}
		return l
	}
	a.Records = log(2, "records", a.Epoch.Records)
	a.Withdrawals = log(3, "withdrawals", a.Epoch.Withdrawals)
	a.Epochs = log(4, "epochs", a.Epoch.Number)
	if err := d.Done(); err != nil {
		return nil, err
	}
	return a, a.Epochs.Append(entry)
}
