// Package manifest names the only keys of a circuit that are accepted: the
// SHA-256 digests of its constraint system, proving key and verifying key
// (docs/spec.md §6.2, §9). It is the half of the circuits that a verifier
// needs, and imports no proof system; of this module it uses the binary form
// of messages alone.
//
// # Caveats
//
// A manifest is as good as its source. The ledger's directory carries the
// digest of each entry; whoever takes a manifest from a file compares
// [Entry.Digest] with it. That a Transcript exists is the word of whoever put
// that digest there, and shown by the ceremony's folder alone. Keys marked Development come from a setup by one
// party, who could forge proofs with what it should have forgotten: where they
// are not allowed, ask [Entry.Production] before a key is read.
package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"

	"github.com/zkconsent/zkconsent/internal/tlv"
)

// A Digest is a SHA-256 digest.
type Digest [sha256.Size]byte

// String is the digest in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// The names of a circuit's files, in the folder [Entry.Folder].
const (
	ProvingKeyFile   = "proving.key"
	VerifyingKeyFile = "verifying.key"
)

// An Entry pins one circuit.
type Entry struct {
	Circuit      string // circuit id, "claim/normal/groth16"
	Constraints  uint64
	Public       uint64 // number of public inputs
	System       Digest // of the constraint system in gnark's binary form
	ProvingKey   Digest // of the proving key's file
	VerifyingKey Digest // of the verifying key's file
	Development  bool   // the setup was one party's
	Transcript   Digest // of the ceremony's sealed transcript; zero in development alone
	Internal     uint64 // wires that are no inputs
	Excepted     uint64 // those of them that the inputs leave free, each for a reason that is written down
}

// Folder is the name of the folder of the circuit's files: keys are addressed
// by the constraint system they were made for.
func (e *Entry) Folder() string { return e.System.String() }

const (
	kind       = "manifest"
	maxCircuit = 64
	maxEntry   = 1024
)

// Encode is the entry's message of kind "manifest".
func (e *Entry) Encode() []byte {
	t := tlv.NewEncoder(kind)
	t.String(1, e.Circuit)
	t.Uint(2, e.Constraints)
	t.Uint(3, e.Public)
	t.Bytes(4, e.System[:])
	t.Bytes(5, e.ProvingKey[:])
	t.Bytes(6, e.VerifyingKey[:])
	t.Bool(7, e.Development)
	t.Bytes(8, e.Transcript[:])
	t.Uint(9, e.Internal)
	t.Uint(10, e.Excepted)
	return t.Encoded()
}

// Decode reads an entry's message.
func Decode(b []byte) (*Entry, error) {
	d := tlv.NewDecoder(kind, b, maxEntry)
	e := &Entry{
		Circuit:     d.String(1, "circuit", maxCircuit),
		Constraints: d.Uint(2, "constraints", math.MaxInt32),
		Public:      d.Uint(3, "public", math.MaxInt16),
	}
	if e.Circuit == "" {
		d.Fail("circuit", "empty")
	}
	copy(e.System[:], d.Bytes(4, "system", sha256.Size, sha256.Size))
	copy(e.ProvingKey[:], d.Bytes(5, "proving key", sha256.Size, sha256.Size))
	copy(e.VerifyingKey[:], d.Bytes(6, "verifying key", sha256.Size, sha256.Size))
	e.Development = d.Bool(7, "development")
	copy(e.Transcript[:], d.Bytes(8, "transcript", sha256.Size, sha256.Size))
	if e.Development != (e.Transcript == Digest{}) {
		d.Fail("transcript", "a ceremony has one, and a setup by one party has none")
	}
	e.Internal = d.Uint(9, "internal", math.MaxInt32)
	e.Excepted = d.Uint(10, "excepted", e.Internal)
	if err := d.Done(); err != nil {
		return nil, err
	}
	return e, nil
}

// Digest is what the ledger's directory carries for the circuit.
func (e *Entry) Digest() Digest { return sha256.Sum256(e.Encode()) }

// Production returns a *[DevelopmentError] unless the keys come from a ceremony:
// what a ledger demands that does not say of itself that it is a demonstration.
func (e *Entry) Production() error {
	if e.Development || e.Transcript == (Digest{}) {
		return &DevelopmentError{e.Circuit}
	}
	return nil
}

// A DevelopmentError reports keys of a setup by one party where only keys from
// a ceremony may be used.
type DevelopmentError struct{ Circuit string }

func (e *DevelopmentError) Error() string {
	return fmt.Sprintf("manifest: circuit %q: these are development keys, whose maker can prove anything; "+
		"the ledger does not take them: use the keys of its ceremony, or, for a demonstration, a ledger that was founded with development keys", e.Circuit)
}

// An Error reports an entry that does not stand in a manifest, or a manifest
// that is not one.
type Error struct {
	Circuit string
	Reason  string
}

func (e *Error) Error() string {
	if e.Circuit == "" {
		return "manifest: " + e.Reason
	}
	return fmt.Sprintf("manifest: circuit %q: %s", e.Circuit, e.Reason)
}

// A Manifest lists circuits, ascending by id.
type Manifest struct{ Entries []Entry }

// Find returns the entry of a circuit.
func (m *Manifest) Find(circuit string) (*Entry, error) {
	for i := range m.Entries {
		if m.Entries[i].Circuit == circuit {
			return &m.Entries[i], nil
		}
	}
	return nil, &Error{circuit, "no entry; run a setup for it or take a manifest that has it"}
}

// Put adds an entry or replaces that of the same circuit.
func (m *Manifest) Put(e Entry) {
	for i := range m.Entries {
		switch {
		case m.Entries[i].Circuit == e.Circuit:
			m.Entries[i] = e
			return
		case m.Entries[i].Circuit > e.Circuit:
			m.Entries = append(m.Entries[:i], append([]Entry{e}, m.Entries[i:]...)...)
			return
		}
	}
	m.Entries = append(m.Entries, e)
}
