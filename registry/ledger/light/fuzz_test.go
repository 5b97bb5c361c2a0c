package light

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// FuzzReadEntries: the file of a log gives as many entries as it is asked for,
// out of its own bytes, or an error.
func FuzzReadEntries(f *testing.F) {
	f.Add([]byte("\x02ab\x01c\x00"), uint64(3))
	f.Add([]byte("\x02ab\x01"), uint64(2))
	f.Add([]byte{0xff}, uint64(1))
	f.Add([]byte{}, ^uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, n uint64) {
		out, size, err := readEntries(bytes.NewReader(b), n)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		var again []byte
		for _, e := range out {
			again = append(append(again, byte(len(e))), e...)
		}
		if uint64(len(out)) != n || int64(len(again)) != size || !bytes.HasPrefix(b, again) {
			t.Fatalf("%d entries of %d bytes, want %d", len(out), size, n)
		}
	})
}

// FuzzDecodeBucketSet: a set has one encoding, and a damaged one is none.
func FuzzDecodeBucketSet(f *testing.F) {
	f.Add((&bucketSet{}).encode())
	f.Add((&bucketSet{buckets: []uint64{1, 7, journal.Buckets - 1}, next: 1_790_000_000}).encode())
	f.Add([]byte("\x17zkconsent/v1/bucket-set"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeBucketSet(b)
		if err == nil && !bytes.Equal(s.encode(), b) {
			t.Fatal("two encodings of one set")
		}
	})
}

// FuzzReadLayer: the file of a layer gives the roots that were written.
func FuzzReadLayer(f *testing.F) {
	f.Add(make([]byte, 8+64))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		epoch, roots, err := readLayer(b)
		if err != nil {
			return
		}
		again := binary.BigEndian.AppendUint64(nil, epoch)
		for _, r := range roots {
			v := r.Bytes()
			again = append(again, v[:]...)
		}
		if !bytes.Equal(again, b) {
			t.Fatal("two encodings of one layer")
		}
	})
}

// FuzzReadBuckets: the file of buckets gives whole buckets, or stops.
func FuzzReadBuckets(f *testing.F) {
	f.Add(make([]byte, bucketRecord), uint64(0))
	f.Add(make([]byte, bucketRecord+5), uint64(3))
	f.Fuzz(func(t *testing.T, b []byte, only uint64) {
		held, err := readBuckets(bytes.NewReader(b), func(n, epoch uint64) (uint64, bool) { return epoch, n == only })
		if err == nil && len(b)%bucketRecord != 0 {
			t.Fatal("half a bucket was taken")
		}
		for n, h := range held {
			if n != only || len(h.leaves) != journal.BucketSize {
				t.Fatalf("bucket %d of %d leaves", n, len(h.leaves))
			}
		}
	})
}

// FuzzParseBucket: a source's bucket has all its leaves, each in its one
// encoding.
func FuzzParseBucket(f *testing.F) {
	f.Add(make([]byte, journal.BucketSize*field.Size))
	f.Add([]byte{0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		leaves, err := parseBucket(b)
		if err == nil && (len(leaves) != journal.BucketSize || len(b) != journal.BucketSize*field.Size) {
			t.Fatal("a bucket of another size")
		}
		run, err := parseElements(b)
		if err != nil {
			return
		}
		var again []byte
		for _, e := range run {
			v := e.Bytes()
			again = append(again, v[:]...)
		}
		if !bytes.Equal(again, b) {
			t.Fatal("two encodings of one element")
		}
	})
}

// TestDecoysAreDrawnAlike: each other bucket is as likely a decoy as any, a set
// that takes in all is possible, and nothing in a set says what it is for.
func TestDecoysAreDrawnAlike(t *testing.T) {
	const all, own, rounds = 32, 5, 4000
	var count [all]int
	for range rounds {
		s, err := bucketSet{}.want(own, all)
		if err != nil || len(s.buckets) != 1+Decoys || !s.has(own) {
			t.Fatalf("%v, %v", s, err)
		}
		for _, n := range s.buckets {
			count[n]++
		}
	}
	mean := float64(rounds*Decoys) / (all - 1)
	for n, c := range count {
		// Seven standard deviations: one wrong alarm in 10^11 runs.
		if n != own && math.Abs(float64(c)-mean) > 7*math.Sqrt(mean) {
			t.Errorf("bucket %d was drawn %d times, about %.0f are expected", n, c, mean)
		}
	}
	s, err := bucketSet{}.want(1, 3)
	if err != nil || len(s.buckets) != 3 {
		t.Errorf("of three buckets %v, %v", s, err)
	}
	if again, err := s.want(1, 3); err != nil || len(again.buckets) != 3 {
		t.Errorf("again %v, %v", again, err)
	}
}

// TestScheduleIsDrawnOnce: the time lies within a day, at any moment of it, and
// stays until it has come.
func TestScheduleIsDrawnOnce(t *testing.T) {
	const now = 1_790_000_000
	var early, late int
	for range 200 {
		var s bucketSet
		if err := s.schedule(now); err != nil || s.next <= now || s.next > now+day {
			t.Fatalf("%d, %v", s.next, err)
		}
		if s.next < now+day/2 {
			early++
		} else {
			late++
		}
		was := s.next
		if err := s.schedule(now + 5); err != nil || s.next != was {
			t.Fatal("it was drawn again")
		}
	}
	if early < 40 || late < 40 {
		t.Errorf("%d in the first half of the day, %d in the second", early, late)
	}
}

// FuzzDecodeEvidence: a file of evidence is read within its bounds, and what
// was read is written as it was.
func FuzzDecodeEvidence(f *testing.F) {
	f.Add([]byte(`{"time":1,"lie":"malformed answer","detail":"d","source":"s","shown":[{"bytes":"AA==","size":1}]}`))
	f.Add([]byte(`{"time":1,"shown":[{"bytes":"AA==","size":0}]}`))
	f.Add([]byte(`{"time":1}{}`))
	f.Add([]byte(`{"other":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEvidence(b)
		if err != nil {
			return
		}
		for _, x := range e.Shown {
			if x.Size < len(x.Bytes) {
				t.Fatalf("%d of %d bytes", len(x.Bytes), x.Size)
			}
		}
		again, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := decodeEvidence(again); err != nil || second.Time != e.Time || second.Lie != e.Lie || len(second.Shown) != len(e.Shown) {
			t.Fatalf("%+v, %v", second, err)
		}
	})
}

// FuzzDecodeLink: a light block has one form, and none of any form makes the
// client panic.
func FuzzDecodeLink(f *testing.F) {
	g := &directory.Genesis{ChainID: "light-test"}
	f.Add([]byte{})
	f.Add([]byte{0x0a, 0x00, 0x12, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := decodeLink(b)
		if err != nil {
			return
		}
		if again, err := EncodeLink(l.LightBlock); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("another form: %v", err)
		}
		r := &road{chain: g.ChainID}
		_ = r.sound(l)
		_ = r.reaches(l, l)
	})
}
