package journal_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// root is RFC 6962 §2.1, written out.
func root(entries [][]byte) [32]byte {
	switch n := len(entries); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, entries[0]...))
	default:
		k := 1
		for k*2 < n {
			k *= 2
		}
		l, r := root(entries[:k]), root(entries[k:])
		return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...))
	}
}

func TestAccumulatorIsRFC6962(t *testing.T) {
	a := journal.NewAccumulator()
	var entries [][]byte
	for i := range 70 {
		l, err := a.Log()
		if err != nil || l.Count != uint64(i) || l.Root != root(entries) {
			t.Fatalf("%d entries: %+v, %v", i, l, err)
		}
		b, err := journal.Restore(a.Count(), a.Hashes())
		if err != nil {
			t.Fatal(err)
		}
		if r, _ := b.Log(); r != l {
			t.Fatalf("%d entries: restored, it has another root", i)
		}
		e := []byte(fmt.Sprint("entry ", i))
		entries = append(entries, e)
		if err := b.Append(e); err != nil {
			t.Fatal(err)
		}
		if a.Count() != uint64(i) {
			t.Fatal("a copy is not a copy")
		}
		if err := a.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	for name, h := range map[string][]byte{"a hash too few": a.Hashes()[32:], "half a hash": a.Hashes()[1:]} {
		if _, err := journal.Restore(70, h); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func commit(index uint64) journal.Record {
	return journal.Record{Kind: consent.KindConsent, Index: index, Authority: field.Uint(1), Lock: field.Uint(2), Leaf: field.Uint(3 + index)}
}

func TestEntriesRoundTrip(t *testing.T) {
	for _, r := range []journal.Record{commit(5), {Kind: consent.KindCredential, Leaf: field.Uint(1)}, {Revoked: true, Index: 9, RS: field.Uint(4)}, {Revoked: true}} {
		if got, err := journal.DecodeRecord(r.Encode()); err != nil || got != r {
			t.Errorf("%+v, %v", got, err)
		}
		if n := len(r.Encode()); n > journal.MaxEntry {
			t.Errorf("%d bytes", n)
		}
	}
	w := journal.Withdrawal{V: field.Uint(4), At: 77}
	if got, err := journal.DecodeWithdrawal(w.Encode()); err != nil || got != w {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRefusesEntries(t *testing.T) {
	change := func(r journal.Record, at int, to byte) []byte {
		b := r.Encode()
		b[at] = to
		return b
	}
	for name, b := range map[string][]byte{
		"nothing":                nil,
		"unknown type":           change(commit(0), 0, 3),
		"a commit's type alone":  {1},
		"kind 0":                 change(commit(0), 1, 0),
		"kind 3":                 change(commit(0), 1, 3),
		"authority above r":      change(commit(0), 10, 0xff),
		"lock above r":           change(commit(0), 42, 0xff),
		"leaf above r":           change(commit(0), 74, 0xff),
		"an empty leaf":          (&journal.Record{Kind: 1}).Encode(),
		"a commit as revocation": change(commit(0), 0, 2),
		"rs above r":             change(journal.Record{Revoked: true}, 9, 0xff),
	} {
		if _, err := journal.DecodeRecord(b); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	w := (&journal.Withdrawal{At: 1 << 40}).Encode()
	if _, err := journal.DecodeWithdrawal(w); err == nil {
		t.Error("a time beyond 2^40 was taken")
	}
	if _, err := journal.DecodeWithdrawal(w[1:]); err == nil {
		t.Error("39 bytes were taken")
	}
	w[0] = 0xff
	if _, err := journal.DecodeWithdrawal(w); err == nil {
		t.Error("a secret above r was taken")
	}
}

func TestReplayRefusesImpossibleOrders(t *testing.T) {
	for name, log := range map[string][]journal.Record{
		"an index skipped":       {commit(0), commit(2)},
		"an index twice":         {commit(0), commit(0)},
		"revoked before it is":   {{Revoked: true}},
		"revoked twice":          {commit(0), {Revoked: true}, {Revoked: true}},
		"the first index is one": {commit(1)},
	} {
		var p journal.Replay
		var err error
		for _, r := range log {
			if err = p.Apply(r); err != nil {
				break
			}
		}
		var order *journal.OrderError
		if !errors.As(err, &order) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReplayTakesLastValue(t *testing.T) {
	var p journal.Replay
	for _, r := range []journal.Record{commit(0), commit(1), {Revoked: true, Index: 0}} {
		if err := p.Apply(r); err != nil {
			t.Fatal(err)
		}
	}
	got := p.Take()
	if len(got) != 3 || got[2].Index != 0 || !got[2].Value.IsZero() || len(p.Take()) != 0 {
		t.Errorf("%+v", got)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	c, r := commit(1), journal.Record{Revoked: true, RS: field.Uint(4)}
	f.Add(c.Encode())
	f.Add(r.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := journal.DecodeRecord(b); err == nil && !bytes.Equal(r.Encode(), b) {
			t.Fatal("two encodings of one record")
		}
	})
}

func FuzzDecodeWithdrawal(f *testing.F) {
	f.Add((&journal.Withdrawal{V: field.Uint(4), At: 77}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if w, err := journal.DecodeWithdrawal(b); err == nil && !bytes.Equal(w.Encode(), b) {
			t.Fatal("two encodings of one withdrawal")
		}
	})
}

func FuzzRestore(f *testing.F) {
	a := journal.NewAccumulator()
	for i := range byte(5) {
		if err := a.Append([]byte{i}); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(uint64(5), a.Hashes())
	f.Add(uint64(0), []byte{})
	f.Add(uint64(1)<<63, make([]byte, 32))
	f.Fuzz(func(t *testing.T, count uint64, hashes []byte) {
		r, err := journal.Restore(count, hashes)
		if err != nil {
			return
		}
		if r.Count() != count || !bytes.Equal(r.Hashes(), hashes) {
			t.Fatal("two forms of one log")
		}
	})
}

func FuzzDecodeSpend(f *testing.F) {
	f.Add((&journal.Spend{Scope: field.Uint(1), Nullifier: field.Uint(2), Digest: [32]byte{3}, Member: field.Uint(4), At: 5}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := journal.DecodeSpend(b); err == nil && !bytes.Equal(s.Encode(), b) {
			t.Fatal("two encodings of one spend")
		}
	})
}

func FuzzDecodeAudit(f *testing.F) {
	f.Add((&journal.Audit{Authority: field.Uint(1), Epoch: 2, Root: [32]byte{3}, At: 4}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := journal.DecodeAudit(b); err == nil && !bytes.Equal(a.Encode(), b) {
			t.Fatal("two encodings of one audit root")
		}
	})
}

func TestSpendsAndAuditsReadBackAsThemselves(t *testing.T) {
	s := journal.Spend{Scope: field.Uint(1), Nullifier: field.Uint(2), Digest: [32]byte{3}, Member: field.Uint(4), At: 5}
	if got, err := journal.DecodeSpend(s.Encode()); err != nil || got != s {
		t.Errorf("%+v, %v", got, err)
	}
	a := journal.Audit{Authority: field.Uint(1), Epoch: 2, Root: [32]byte{3}, At: 4}
	if got, err := journal.DecodeAudit(a.Encode()); err != nil || got != a {
		t.Errorf("%+v, %v", got, err)
	}
	for name, b := range map[string][]byte{
		"a nullifier above the modulus": append(make([]byte, 32), bytes.Repeat([]byte{0xff}, 104)...),
		"a byte too few":                s.Encode()[:135],
	} {
		if _, err := journal.DecodeSpend(b); err == nil {
			t.Errorf("a spend with %s was taken", name)
		}
	}
	late := a.Encode()
	late[72] = 1
	if _, err := journal.DecodeAudit(late); err == nil {
		t.Error("a time above 2^40 was taken")
	}
}
