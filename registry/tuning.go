package registry

import (
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// storeOptions fit the store to what a ledger keeps: hashes and positions, that
// is values that no compression makes smaller, under keys of which half come in
// order and half anywhere. None of them is about durability: every block is
// synced, and every table and log carries checksums.
func storeOptions() *pebble.Options {
	o := &pebble.Options{
		FormatMajorVersion: pebble.FormatNewest, // its WAL tells a torn tail from a damaged middle

		// A full block is two megabytes. The more that comes to the levels at
		// once, the fewer times a key that may lie anywhere is merged; what
		// comes in order moves down unread while the level above is small.
		MemTableSize:                32 << 20,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		LBaseMaxBytes:               64 << 20,
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 2 },

		// A block asks twice for each leaf whether it is new, and nearly always
		// it is: filters that are in memory answer that without a read. Ten
		// million leaves have filters of 55 MiB, and the tables that are being
		// written count against the cache, up to four of them.
		CacheSize: 256 << 20,

		MaxOpenFiles:    1024,
		BytesPerSync:    1 << 20,
		WALBytesPerSync: 1 << 20,
	}
	o.TargetFileSizes[0] = 8 << 20
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].BlockSize = 16 << 10
		o.Levels[i].IndexBlockSize = 256 << 10
	}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	return o
}
