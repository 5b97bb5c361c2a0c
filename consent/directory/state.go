package directory

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// Bounds of the state and of what signs it.
const (
	maxCount = 1 << 62

	// MaxSignedHeader bounds CometBFT's LightBlock with [MaxValidators].
	MaxSignedHeader = 128 << 10
	// MaxTrail bounds the light blocks of a trail: as many changes of
	// validators as somebody who trusts only the genesis may have to follow.
	MaxTrail = 256
	// MaxEncodedHead bounds the checkpoint message.
	MaxEncodedHead = 4 << 20
	// maxEncodedState bounds the state message, which is of one length.
	maxEncodedState = 1 << 10

	// EpochSize is the length of an entry of the epoch log.
	EpochSize = 8 + field.Size + 3*8
)

// Encode returns the canonical state message (docs/spec.md §6.4).
func (s *State) Encode() []byte {
	e := tlv.NewEncoder("state")
	e.Bytes(1, s.Genesis[:])
	e.Bytes(2, s.Directory[:])
	for i, l := range []*Log{&s.Records, &s.Withdrawals, &s.Epochs, &s.Spends, &s.Audits} {
		e.Uint(uint8(3+2*i), l.Count)
		e.Bytes(uint8(4+2*i), l.Root[:])
	}
	e.Uint(13, s.Epoch)
	e.Element(14, s.Root)
	e.Bytes(15, s.Auxiliary[:])
	e.Bytes(16, s.History[:])
	return e.Encoded()
}

// Digest is the AppHash of a header that signs the state.
func (s *State) Digest() [sha256.Size]byte { return sha256.Sum256(s.Encode()) }

// DecodeState reads a state message.
func DecodeState(b []byte) (*State, error) {
	r := tlv.NewDecoder("state", b, maxEncodedState)
	s := &State{}
	hash := func(tag uint8, name string, to *[sha256.Size]byte) {
		copy(to[:], r.Bytes(tag, name, sha256.Size, sha256.Size))
	}
	hash(1, "genesis", &s.Genesis)
	hash(2, "directory", &s.Directory)
	for i, l := range []*Log{&s.Records, &s.Withdrawals, &s.Epochs, &s.Spends, &s.Audits} {
		name := [...]string{"records", "withdrawals", "epochs", "spends", "audits"}[i]
		l.Count = r.Uint(uint8(3+2*i), name+" count", maxCount)
		hash(uint8(4+2*i), name+" root", &l.Root)
	}
	s.Epoch = r.Uint(13, "epoch", maxCount)
	s.Root = r.Element(14, "root")
	hash(15, "auxiliary", &s.Auxiliary)
	hash(16, "history", &s.History)
	// Epochs are numbered from 0 without gaps, so the newest one is named by
	// the length of its log.
	if r.Err() == nil && s.Epochs.Count != s.Epoch+1 {
		r.Fail("epoch", "the epoch log does not end with it")
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	return s, nil
}

// Encode returns the canonical checkpoint message.
func (h *Head) Encode() []byte {
	e := tlv.NewEncoder("checkpoint")
	e.Bytes(1, h.State.Encode())
	e.Uint(2, h.Height)
	e.Uint(3, h.Time)
	e.Bytes(4, h.SignedHeader)
	e.List(5, len(h.Trail), func(i int, e *tlv.Encoder) { e.Bytes(1, h.Trail[i]) })
	return e.Encoded()
}

// DecodeHead reads a checkpoint message. It checks no signature: that height,
// time and state are the signed header's is for a light client to verify.
func DecodeHead(b []byte) (*Head, error) {
	r := tlv.NewDecoder("checkpoint", b, MaxEncodedHead)
	state := r.Bytes(1, "state", 0, maxEncodedState)
	h := &Head{
		Height:       r.Uint(2, "height", 1<<62),
		Time:         r.Uint(3, "time", MaxTime),
		SignedHeader: r.Bytes(4, "signed header", 1, MaxSignedHeader),
	}
	r.List(5, "trail", MaxTrail, func(_ int, r *tlv.Decoder) {
		h.Trail = append(h.Trail, r.Bytes(1, "light block", 1, MaxSignedHeader))
	})
	if err := r.Done(); err != nil {
		return nil, err
	}
	s, err := DecodeState(state)
	if err != nil {
		return nil, err
	}
	h.State = *s
	return h, nil
}

// Encode returns the entry of the epoch log (docs/spec.md §6.3).
func (e *Epoch) Encode() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, EpochSize), e.Number)
	root := e.Root.Bytes()
	b = append(b, root[:]...)
	b = binary.BigEndian.AppendUint64(b, e.Records)
	b = binary.BigEndian.AppendUint64(b, e.Withdrawals)
	return binary.BigEndian.AppendUint64(b, e.ClosedAt)
}

// DecodeEpoch reads an entry of the epoch log.
func DecodeEpoch(b []byte) (Epoch, error) {
	fault := func(name string, at int, reason string) (Epoch, error) {
		return Epoch{}, &tlv.Error{Message: "epoch", Field: name, Offset: at, Reason: reason}
	}
	if len(b) != EpochSize {
		return fault("entry", 0, "not 64 bytes")
	}
	var root fr.Element
	root, err := field.Parse(b[8:40])
	if err != nil {
		return fault("root", 8, err.Error())
	}
	e := Epoch{
		Number:      binary.BigEndian.Uint64(b),
		Root:        root,
		Records:     binary.BigEndian.Uint64(b[40:]),
		Withdrawals: binary.BigEndian.Uint64(b[48:]),
		ClosedAt:    binary.BigEndian.Uint64(b[56:]),
	}
	for i, v := range []uint64{e.Number, e.Records, e.Withdrawals} {
		if v > maxCount {
			return fault([]string{"number", "records", "withdrawals"}[i], 0, "out of bounds")
		}
	}
	if e.ClosedAt > MaxTime {
		return fault("closed at", 56, "not a time below 2^40")
	}
	return e, nil
}
