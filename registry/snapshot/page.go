package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/zkconsent/zkconsent/internal/tlv"
)

// Encode returns the chunk that holds content at a place.
func (p Place) Encode(content []byte) []byte {
	e := tlv.NewEncoder("snapshot-page")
	e.Uint(1, uint64(p.Section))
	e.Uint(2, p.First)
	e.Uint(3, uint64(p.Count))
	e.Bytes(4, content)
	return e.Encoded()
}

// Decode reads the content of a chunk that belongs to this place.
func (p Place) Decode(chunk []byte) ([]byte, error) {
	d := tlv.NewDecoder("snapshot-page", chunk, MaxChunk)
	for i, want := range []uint64{uint64(p.Section), p.First, uint64(p.Count)} {
		name := [...]string{"section", "first", "count"}[i]
		if v := d.Uint(uint8(1+i), name, 1<<62); d.Err() == nil && v != want {
			d.Fail(name, fmt.Sprintf("%d where %d belongs", v, want))
		}
	}
	content := d.Bytes(4, "content", 0, MaxChunk)
	return content, d.Done()
}

// Size is the length of an entry of a log's section.
func (s Section) entry() int {
	return map[Section]int{Epochs: 64, Withdrawals: 40, Spends: 136, Audits: 80}[s]
}

// Split cuts the content of a page into the entries of its log: all of one
// length, but those of the records, which [DecodeRecords] reads.
func (p Place) Split(content []byte) ([][]byte, error) {
	size := p.Section.entry()
	if size == 0 || len(content) != p.Count*size {
		return nil, p.fault(0, "%d bytes are not %d entries", len(content), p.Count)
	}
	out := make([][]byte, 0, p.Count)
	for ; len(content) > 0; content = content[size:] {
		out = append(out, content[:size:size])
	}
	return out, nil
}

func (p Place) fault(offset int, format string, args ...any) error {
	return &tlv.Error{Message: "snapshot-page", Field: p.Section.String(), Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

// An Entry is a key and its value, of the auxiliary section.
type Entry struct{ Key, Value []byte }

// EncodeEntries writes a page of the auxiliary section.
func EncodeEntries(entries []Entry) (b []byte) {
	for _, e := range entries {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(e.Key))), e.Key...)
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(e.Value))), e.Value...)
	}
	return b
}

// Entries reads a page of the auxiliary section: keys ascend.
func (p Place) Entries(content []byte) (out []Entry, err error) {
	rest := content
	part := func() (b []byte) {
		if err != nil {
			return nil
		}
		if len(rest) < 2 || int(binary.BigEndian.Uint16(rest)) > len(rest)-2 {
			err = p.fault(len(content)-len(rest), "truncated")
			return nil
		}
		n := 2 + int(binary.BigEndian.Uint16(rest))
		b, rest = rest[2:n:n], rest[n:]
		return b
	}
	for range p.Count {
		e := Entry{part(), part()}
		if n := len(out); err == nil && n > 0 && bytes.Compare(out[n-1].Key, e.Key) >= 0 {
			err = p.fault(len(content)-len(rest), "keys do not ascend")
		}
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	if len(rest) > 0 {
		return nil, p.fault(len(content)-len(rest), "%d trailing bytes", len(rest))
	}
	return out, nil
}

// A ChunkError reports a chunk that is not the one the manifest names: who
// sent it sent it wrong, and another sender may have it right.
type ChunkError struct{ Chunk int }

func (e *ChunkError) Error() string {
	return fmt.Sprintf("snapshot: chunk %d is not the one that the manifest names", e.Chunk)
}

// Check holds a chunk against its digest.
func (m *Manifest) Check(chunk int, b []byte) error {
	if chunk < 0 || chunk >= len(m.Chunks) || len(b) > MaxChunk || sha256.Sum256(b) != m.Chunks[chunk] {
		return &ChunkError{chunk}
	}
	return nil
}
