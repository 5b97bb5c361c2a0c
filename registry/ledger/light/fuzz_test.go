package light

import (
	"bytes"
	"errors"
	"io"
	"testing"
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
