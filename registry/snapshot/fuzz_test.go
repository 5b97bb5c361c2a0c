package snapshot_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/snapshot"
)

func sample() *snapshot.Manifest {
	m := &snapshot.Manifest{Height: 7, Time: 1_790_000_000, Directory: 100, Auxiliary: 3}
	m.State.Epochs.Count, m.State.Records.Count = 1, snapshot.RecordsPage+1
	for n := range m.Places() {
		m.Chunks = append(m.Chunks, sha256.Sum256([]byte{byte(n)}))
	}
	return m
}

func FuzzDecodeManifest(f *testing.F) {
	m := sample()
	f.Add(m.Encode())
	m.Chunks = m.Chunks[1:]
	f.Add(m.Encode())
	f.Add((&snapshot.Manifest{State: directory.State{Epochs: directory.Log{Count: 1}}}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := snapshot.Decode(b)
		if err != nil {
			return
		}
		if !bytes.Equal(m.Encode(), b) {
			t.Fatal("two encodings of one manifest")
		}
		if len(m.Places()) != len(m.Chunks) || len(m.Chunks) > snapshot.MaxChunks {
			t.Fatalf("%d chunks for %d places", len(m.Chunks), len(m.Places()))
		}
	})
}

// FuzzDecodePage reads pages of every section. What is read and written again
// is what came.
func FuzzDecodePage(f *testing.F) {
	records := []snapshot.Record{
		{Kind: consent.KindConsent, Authority: field.Uint(1), Commitment: field.Uint(2), Lock: field.Uint(3)},
		{Kind: consent.KindCredential, Authority: field.Uint(9), Commitment: field.Uint(4), Lock: field.Uint(5)},
		{Revoked: true, Index: 1, RS: field.Uint(6)},
		{Kind: consent.KindConsent, Authority: field.Uint(1), Commitment: field.Uint(7), Lock: field.Uint(8)},
	}
	f.Add(uint8(snapshot.Records), uint64(8), uint16(4), snapshot.EncodeRecords(records))
	f.Add(uint8(snapshot.Records), uint64(0), uint16(0), snapshot.EncodeRecords(nil))
	f.Add(uint8(snapshot.Auxiliary), uint64(0), uint16(2), snapshot.EncodeEntries([]snapshot.Entry{{Key: []byte("q1"), Value: []byte{1}}, {Key: []byte("x")}}))
	f.Add(uint8(snapshot.Epochs), uint64(0), uint16(1), make([]byte, 64))
	f.Add(uint8(snapshot.Withdrawals), uint64(3), uint16(2), make([]byte, 80))
	f.Add(uint8(snapshot.Spends), uint64(0), uint16(1), make([]byte, 136))
	f.Add(uint8(snapshot.Audits), uint64(0), uint16(1), make([]byte, 80))
	f.Fuzz(func(t *testing.T, section uint8, first uint64, count uint16, content []byte) {
		p := snapshot.Place{Section: snapshot.Section(section), First: first, Count: int(count)}
		if first > 1<<62 || p.Section < snapshot.Directory || p.Section > snapshot.Auxiliary {
			return
		}
		chunk := p.Encode(content)
		got, err := p.Decode(chunk)
		if err != nil || !bytes.Equal(got, content) {
			t.Fatalf("a page does not come back: %v", err)
		}
		other := p
		other.First ^= 1
		if _, err := other.Decode(chunk); err == nil {
			t.Fatal("a page is taken for another one")
		}
		switch p.Section {
		case snapshot.Directory:
		case snapshot.Records:
			rs, err := p.Records(content)
			if err == nil && (len(rs) != p.Count || !bytes.Equal(snapshot.EncodeRecords(rs), content)) {
				t.Fatal("two encodings of one page")
			}
		case snapshot.Auxiliary:
			es, err := p.Entries(content)
			if err == nil && (len(es) != p.Count || !bytes.Equal(snapshot.EncodeEntries(es), content)) {
				t.Fatal("two encodings of one page")
			}
		default:
			es, err := p.Split(content)
			if err == nil && (len(es) != p.Count || !bytes.Equal(bytes.Join(es, nil), content)) {
				t.Fatal("two encodings of one page")
			}
		}
	})
}

// FuzzDecodeChunk gives a place raw chunks.
func FuzzDecodeChunk(f *testing.F) {
	p := snapshot.Place{Section: snapshot.Records, First: 5, Count: 1}
	f.Add(p.Encode([]byte("content")))
	f.Add(p.Encode(nil))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		content, err := p.Decode(b)
		if err == nil && !bytes.Equal(p.Encode(content), b) {
			t.Fatal("two encodings of one chunk")
		}
	})
}
