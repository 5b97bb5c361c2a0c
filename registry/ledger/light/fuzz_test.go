package light

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/zkconsent/zkconsent/consent/directory"
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
