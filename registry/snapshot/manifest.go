// Package snapshot is the form in which a committed state travels to a new
// member or into a backup: a manifest, and the chunks that it names by their
// SHA-256 (docs/spec.md §6.8). It stores nothing but files of chunks; what is
// in them is the package registry's.
//
// A snapshot is a function of the state that it was taken from. Members who
// take one at the same height have the same manifest, so that a new member can
// fetch its chunks from all of them.
//
// # Caveats
//
// A manifest's digests say that a chunk is the one its maker meant, not that
// it is true. Truth is the state message, which a verified header signs, and
// what registry's restore derives and holds against it.
package snapshot

import (
	"crypto/sha256"
	"fmt"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/tlv"
	"github.com/zkconsent/zkconsent/registry/journal"
)

const (
	// Format is the version of manifests and chunks.
	Format = 1
	// MaxChunk bounds a chunk in bytes.
	MaxChunk = 4 << 20
	// MaxChunks bounds the chunks of a snapshot: more than a full tree has.
	MaxChunks = 100_000
	// MaxAuxiliary bounds the entries of the auxiliary section: more than a
	// thousand full blocks of the shortest transactions leave in the replay set,
	// twice. The section is the last one and nothing but its end shows that it
	// is false: whoever is sent one must not be made to fill a disk with it.
	MaxAuxiliary = 1 << 26
	// MaxManifest bounds a manifest in bytes.
	MaxManifest = MaxChunks*sha256.Size + 1<<11
)

// A Section is a part of a snapshot. Sections follow each other in this order,
// each cut into pages, one page to a chunk: epochs and withdrawals come before
// the records, whose replay closes the epochs.
type Section uint8

// The sections.
const (
	Directory   Section = 1 + iota // the directory message, cut by bytes
	Epochs                         // the epoch log
	Withdrawals                    // the withdrawal log
	Records                        // the record log, with the commitment of each commit and without what follows from it
	Spends                         // the spend log
	Audits                         // the audit log
	Auxiliary                      // quotas and the replay set
)

// sections is what is known of each: how many items fill a page, and the log
// whose entries they are.
var sections = [...]struct {
	name string
	page uint64
	log  journal.Kind // 0 for none
}{
	Directory:   {"directory", 2 << 20, 0},
	Epochs:      {"epochs", 1 << 15, journal.Epochs},
	Withdrawals: {"withdrawals", 1 << 16, journal.Withdrawals},
	Records:     {"records", RecordsPage, journal.Records},
	Spends:      {"spends", 1 << 14, journal.Spends},
	Audits:      {"audits", 1 << 15, journal.Audits},
	Auxiliary:   {"auxiliary", 1 << 15, 0},
}

// RecordsPage is the number of entries of a full page of records.
const RecordsPage = 1 << 15

func (s Section) String() string {
	if s < Directory || s > Auxiliary {
		return fmt.Sprintf("unknown section %d", uint8(s))
	}
	return sections[s].name
}

// Log is the log whose entries the section holds, 0 for none.
func (s Section) Log() journal.Kind { return sections[s].log }

// A Manifest describes a snapshot.
type Manifest struct {
	Height    uint64          // of the newest block that the state includes
	Time      uint64          // unix seconds of that block
	State     directory.State // its digest is what the header of Height+1 signs
	Directory uint64          // bytes of the directory message
	Auxiliary uint64          // entries of the auxiliary section
	Chunks    [][sha256.Size]byte
}

// items is the number of a section's items.
func (m *Manifest) items(s Section) uint64 {
	switch s {
	case Directory:
		return m.Directory
	case Auxiliary:
		return m.Auxiliary
	}
	return s.Log().Of(&m.State).Count
}

// A Place says what a chunk holds: count items of a section from first on.
type Place struct {
	Section Section
	First   uint64
	Count   int
}

// Full says that the page will never grow: a later snapshot has the same chunk
// if the section only grows.
func (p Place) Full() bool { return uint64(p.Count) == sections[p.Section].page }

// Places lists what the chunks of a snapshot hold, in their order.
func (m *Manifest) Places() (out []Place) {
	for s := Directory; s <= Auxiliary; s++ {
		total, page := m.items(s), sections[s].page
		for first := uint64(0); first < total; first += page {
			out = append(out, Place{s, first, int(min(page, total-first))})
		}
	}
	return out
}

// chunks is the length of [Manifest.Places], without making them: the counts
// are the sender's word.
func (m *Manifest) chunks() (n uint64) {
	for s := Directory; s <= Auxiliary; s++ {
		n += (m.items(s) + sections[s].page - 1) / sections[s].page
	}
	return n
}

// Encode returns the canonical manifest, a `snapshot` message.
func (m *Manifest) Encode() []byte {
	e := tlv.NewEncoder("snapshot")
	e.Uint(1, Format)
	e.Uint(2, m.Height)
	e.Uint(3, m.Time)
	e.Bytes(4, m.State.Encode())
	e.Uint(5, m.Directory)
	e.Uint(6, m.Auxiliary)
	digests := make([]byte, 0, len(m.Chunks)*sha256.Size)
	for _, d := range m.Chunks {
		digests = append(digests, d[:]...)
	}
	e.Bytes(7, digests)
	return e.Encoded()
}

// Digest names the snapshot.
func (m *Manifest) Digest() [sha256.Size]byte { return sha256.Sum256(m.Encode()) }

// Decode reads a manifest. It has as many chunks as its counts say.
func Decode(b []byte) (*Manifest, error) {
	d := tlv.NewDecoder("snapshot", b, MaxManifest)
	if v := d.Uint(1, "format", 1<<32); d.Err() == nil && v != Format {
		d.Fail("format", fmt.Sprintf("%d; this program reads %d", v, Format))
	}
	m := &Manifest{Height: d.Uint(2, "height", 1<<62), Time: d.Uint(3, "time", directory.MaxTime)}
	state := d.Bytes(4, "state", 0, 1<<10)
	m.Directory = d.Uint(5, "directory", directory.MaxEncoded)
	m.Auxiliary = d.Uint(6, "auxiliary", MaxAuxiliary)
	digests := d.Bytes(7, "chunks", 0, MaxChunks*sha256.Size)
	if d.Err() == nil {
		s, err := directory.DecodeState(state)
		if err != nil {
			return nil, err
		}
		m.State = *s
		if len(digests)%sha256.Size != 0 || m.chunks() != uint64(len(digests)/sha256.Size) {
			d.Fail("chunks", fmt.Sprintf("%d bytes of digests, the counts ask for %d chunks", len(digests), m.chunks()))
		}
	}
	if err := d.Done(); err != nil {
		return nil, err
	}
	m.Chunks = make([][sha256.Size]byte, len(digests)/sha256.Size)
	for i := range m.Chunks {
		copy(m.Chunks[i][:], digests[i*sha256.Size:])
	}
	return m, nil
}
