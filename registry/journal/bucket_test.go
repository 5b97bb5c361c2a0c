package journal_test

import (
	"bytes"
	"testing"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// grown is a log of n entries.
func grown(t testing.TB, n uint64) *journal.Accumulator {
	a := journal.NewAccumulator()
	for i := range n {
		if err := a.Append([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func anchored(t testing.TB) (directory.Epoch, []byte) {
	e := directory.Epoch{Number: 6, Root: field.Uint(1), Records: 11, Withdrawals: 3, ClosedAt: 1_790_000_000}
	return e, journal.EncodeAnchor(e, grown(t, 11), grown(t, 3), grown(t, 6))
}

func TestAnchorContinuesTheLogs(t *testing.T) {
	e, b := anchored(t)
	a, err := journal.DecodeAnchor(b)
	if err != nil || a.Epoch != e {
		t.Fatalf("%+v, %v", a, err)
	}
	epochs := grown(t, 6)
	if err := epochs.Append(e.Encode()); err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]*journal.Accumulator{
		"records": {a.Records, grown(t, 11)}, "withdrawals": {a.Withdrawals, grown(t, 3)}, "epochs": {a.Epochs, epochs},
	} {
		got, _ := pair[0].Log()
		if want, _ := pair[1].Log(); got != want {
			t.Errorf("%s: another root", name)
		}
	}
}

// TestForgedAnchorHasAnotherRoot changes each byte of an anchor. What still
// decodes has another root in one of the logs, so no head signs it.
func TestForgedAnchorHasAnotherRoot(t *testing.T) {
	_, b := anchored(t)
	roots := func(b []byte) (out [3]directory.Log, err error) {
		a, err := journal.DecodeAnchor(b)
		if err != nil {
			return out, err
		}
		for i, l := range []*journal.Accumulator{a.Records, a.Withdrawals, a.Epochs} {
			if out[i], err = l.Log(); err != nil {
				return out, err
			}
		}
		return out, nil
	}
	want, err := roots(b)
	if err != nil {
		t.Fatal(err)
	}
	decoded := 0
	for i := range b {
		forged := bytes.Clone(b)
		forged[i] ^= 1
		if got, err := roots(forged); err == nil {
			if decoded++; got == want {
				t.Errorf("byte %d may be anything", i)
			}
		}
	}
	if decoded == 0 {
		t.Error("nothing decoded: the test shows nothing")
	}
}

func TestRefusesChanges(t *testing.T) {
	list := func(cs ...journal.Change) (b []byte) {
		for _, c := range cs {
			b = journal.AppendChange(b, c)
		}
		return b
	}
	one, two := journal.Change{Bucket: 1, Root: field.Uint(5)}, journal.Change{Bucket: 2}
	if got, err := journal.DecodeChanges(list(one, two)); err != nil || len(got) != 2 || got[0] != one || got[1] != two {
		t.Errorf("%+v, %v", got, err)
	}
	above := list(one)
	above[4] = 0xff
	for name, b := range map[string][]byte{
		"descending":       list(two, one),
		"one twice":        list(one, one),
		"beyond the tree":  list(journal.Change{Bucket: journal.Buckets}),
		"half a change":    list(one)[:20],
		"a root above r":   above,
		"a byte at an end": append(list(one), 0),
	} {
		if _, err := journal.DecodeChanges(b); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzDecodeAnchor(f *testing.F) {
	_, b := anchored(f)
	f.Add(b)
	f.Add(journal.EncodeAnchor(directory.Epoch{}, grown(f, 0), grown(f, 0), grown(f, 0)))
	f.Add([]byte("\x13zkconsent/v1/anchor"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := journal.DecodeAnchor(b)
		if err != nil {
			return
		}
		if a.Records.Count() != a.Epoch.Records || a.Withdrawals.Count() != a.Epoch.Withdrawals || a.Epochs.Count() != a.Epoch.Number+1 {
			t.Fatal("a log that does not have the epoch's count")
		}
	})
}

func FuzzDecodeChanges(f *testing.F) {
	f.Add(journal.AppendChange(journal.AppendChange(nil, journal.Change{Bucket: 1, Root: field.Uint(5)}), journal.Change{Bucket: 9}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := journal.DecodeChanges(b)
		if err != nil {
			return
		}
		var again []byte
		for _, c := range list {
			again = journal.AppendChange(again, c)
		}
		if !bytes.Equal(again, b) {
			t.Fatal("two encodings of one list")
		}
	})
}
