package tlv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"pgregory.net/rapid"
)

// A sample has one field of each form, and a list.
type sample struct {
	raw   []byte
	text  string
	n     uint64
	flag  bool
	value fr.Element
	items []item
}

type item struct {
	name string
	n    uint64
}

const (
	maxSample = 1 << 16
	maxItems  = 100
	maxText   = 200
)

func (s sample) encode() []byte {
	e := NewEncoder("sample")
	e.Bytes(1, s.raw)
	e.String(2, s.text)
	e.Uint(4, s.n)
	e.Bool(5, s.flag)
	e.Element(7, s.value)
	e.List(9, len(s.items), func(i int, e *Encoder) {
		e.String(1, s.items[i].name)
		e.Uint(2, s.items[i].n)
	})
	return e.Encoded()
}

func decode(b []byte) (s sample, err error) {
	d := NewDecoder("sample", b, maxSample)
	s.raw = d.Bytes(1, "raw", 0, 64)
	s.text = d.String(2, "text", maxText)
	s.n = d.Uint(4, "n", 1<<40)
	s.flag = d.Bool(5, "flag")
	s.value = d.Element(7, "value")
	d.List(9, "items", maxItems, func(_ int, d *Decoder) {
		s.items = append(s.items, item{d.String(1, "name", maxText), d.Uint(2, "n", 1<<40)})
	})
	return s, d.Done()
}

func good() sample {
	return sample{[]byte{1, 2, 3}, "Dr Ä. №5", 1 << 40, true, field.Uint(9), []item{{"a", 1}, {"", 0}}}
}

// change returns the good sample with bytes replaced at the first occurrence.
func change(t *testing.T, old, new []byte) []byte {
	t.Helper()
	b := good().encode()
	if bytes.Count(b, old) == 0 {
		t.Fatalf("%x does not occur", old)
	}
	return bytes.Replace(b, old, new, 1)
}

func text(s string) []byte {
	v := good()
	v.text = s
	return v.encode()
}

func TestRefusesMalformedMessages(t *testing.T) {
	valid := good().encode()
	field7 := append([]byte{7, 0, 0, 0, 32}, make([]byte, 31)...)
	wrongOrder := NewEncoder("sample")
	wrongOrder.String(2, "x")
	for name, c := range map[string]struct {
		in            []byte
		field, reason string
	}{
		"empty":                   {nil, "header", "not a"},
		"another kind":            {NewEncoder("simple").Encoded(), "header", "not a"},
		"kind with a suffix":      {NewEncoder("sample2").Encoded(), "header", "not a"},
		"wrong length of header":  {append([]byte{3}, valid[1:]...), "header", "not a"},
		"above the bound":         {append(bytes.Clone(valid), make([]byte, maxSample)...), "header", "at most"},
		"header alone":            {NewEncoder("sample").Encoded(), "raw", "truncated"},
		"trailing byte":           {append(bytes.Clone(valid), 0), "end", "1 trailing"},
		"a field twice":           {append(bytes.Clone(valid), valid[len(valid)-6:]...), "end", "trailing"},
		"a field left out":        {wrongOrder.Encoded(), "raw", "tag 2 where 1 belongs"},
		"tag of another field":    {change(t, []byte{4, 0, 0, 0, 8}, []byte{3, 0, 0, 0, 8}), "n", "tag 3 where 4 belongs"},
		"length beyond the end":   {change(t, []byte{7, 0, 0, 0, 32}, []byte{7, 0, 1, 0, 0}), "value", "announces 65536"},
		"length of 4 GiB":         {change(t, []byte{1, 0, 0, 0, 3}, []byte{1, 255, 255, 255, 255}), "raw", "announces 4294967295"},
		"integer of 7 bytes":      {change(t, []byte{4, 0, 0, 0, 8, 0}, []byte{4, 0, 0, 0, 7}), "n", "7 bytes, allowed are 8 to 8"},
		"integer of 9 bytes":      {change(t, []byte{4, 0, 0, 0, 8}, []byte{4, 0, 0, 0, 9, 0}), "n", "9 bytes"},
		"integer above its bound": {change(t, []byte{8, 0, 0, 1, 0, 0, 0, 0, 0}, []byte{8, 0, 0, 1, 0, 0, 0, 0, 1}), "n", "is above"},
		"boolean 2":               {change(t, []byte{5, 0, 0, 0, 1, 1}, []byte{5, 0, 0, 0, 1, 2}), "flag", "neither 0 nor 1"},
		"boolean of 2 bytes":      {change(t, []byte{5, 0, 0, 0, 1, 1}, []byte{5, 0, 0, 0, 2, 0, 1}), "flag", "2 bytes"},
		"boolean of no byte":      {change(t, []byte{5, 0, 0, 0, 1, 1}, []byte{5, 0, 0, 0, 0}), "flag", "0 bytes"},
		"element equal to r":      {change(t, append(field7, 9), append([]byte{7, 0, 0, 0, 32}, fr.Modulus().Bytes()...)), "value", "not a canonical"},
		"element of 31 bytes":     {change(t, append(bytes.Clone(field7), 9), append([]byte{7, 0, 0, 0, 31}, make([]byte, 31)...)), "value", "31 bytes"},
		"too many raw bytes":      {change(t, []byte{1, 0, 0, 0, 3, 1, 2, 3}, append([]byte{1, 0, 0, 0, 65}, make([]byte, 65)...)), "raw", "65 bytes"},
		"list without a count":    {valid[:len(valid)-len(tail(good()))+5], "items", "announces"},
		"more items than allowed": {change(t, []byte{0, 0, 0, 2}, []byte{0, 0, 0, 101}), "items", "at most 100"},
		"4 billion items":         {change(t, []byte{0, 0, 0, 2}, []byte{255, 255, 255, 255}), "items", "at most 100"},
		"fewer items than said":   {change(t, []byte{0, 0, 0, 2}, []byte{0, 0, 0, 3}), "items", "item 2 is truncated"},
		"more items than said":    {change(t, []byte{0, 0, 0, 2}, []byte{0, 0, 0, 1}), "items", "trailing"},
		"item with spare bytes":   {spareItem(), "end", "1 trailing"},
		"not UTF-8":               {text("a\xff"), "text", "not UTF-8"},
		"overlong UTF-8":          {text("\xc0\xaf"), "text", "not UTF-8"},
		"NUL":                     {text("a\x00b"), "text", "U+0000 at 1"},
		"newline":                 {text("a\nb"), "text", "U+000A"},
		"terminal escape":         {text("\x1b[2J"), "text", "U+001B"},
		"right-to-left override":  {text("a\u202eb"), "text", "U+202E"},
		"zero width joiner":       {text("a\u200db"), "text", "U+200D"},
		"zero width space":        {text("a\u200bb"), "text", "U+200B"},
		"no-break space":          {text("a\u00a0b"), "text", "U+00A0"},
		"line separator":          {text("a\u2028b"), "text", "U+2028"},
		"byte order mark":         {text("\ufeffa"), "text", "U+FEFF"},
		"text above its bound":    {text(strings.Repeat("x", maxText+1)), "text", "201 bytes"},
	} {
		_, err := decode(c.in)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if e.Field != c.field || !strings.Contains(e.Error(), c.reason) {
			t.Errorf("%s: %v, want field %s and %q", name, e, c.field, c.reason)
		}
	}
}

// tail is the encoding of the sample's last field.
func tail(s sample) []byte {
	e := &Encoder{last: -1}
	e.List(9, len(s.items), func(i int, e *Encoder) {
		e.String(1, s.items[i].name)
		e.Uint(2, s.items[i].n)
	})
	return e.buf
}

// spareItem is a sample whose only item has a byte after its fields.
func spareItem() []byte {
	s := good()
	s.items = nil
	b := s.encode()
	b = b[:len(b)-9]
	one := &Encoder{last: -1}
	one.String(1, "a")
	one.Uint(2, 1)
	content := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 1}, uint32(len(one.buf)+1))
	content = append(append(content, one.buf...), 0)
	b = binary.BigEndian.AppendUint32(append(b, 9), uint32(len(content)))
	return append(b, content...)
}

func TestRefusesEveryTruncation(t *testing.T) {
	b := good().encode()
	if _, err := decode(b); err != nil {
		t.Fatal(err)
	}
	for n := range b {
		_, err := decode(b[:n])
		if e := (*Error)(nil); !errors.As(err, &e) {
			t.Errorf("the first %d of %d bytes: %v", n, len(b), err)
		}
	}
}

// TestForgedLengthsTakeNoMemory: whatever the lengths say, refusing a message
// costs far less than 1 MiB.
func TestForgedLengthsTakeNoMemory(t *testing.T) {
	var forged [][]byte
	b := good().encode()
	for i := range len(b) - 4 {
		f := bytes.Clone(b)
		binary.BigEndian.PutUint32(f[i:], 0xffffffff)
		g := bytes.Clone(b)
		binary.BigEndian.PutUint32(g[i:], 0x7fffffff)
		forged = append(forged, f, g)
	}
	for i, f := range forged {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := decode(f)
		runtime.ReadMemStats(&after)
		if err == nil {
			// Raw bytes have no wrong value; every other field refuses.
			if s, _ := decode(f); !bytes.Equal(s.encode(), f) {
				t.Errorf("forgery %d decodes to something else", i)
			}
		}
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 1<<20 {
			t.Errorf("forgery %d took %d bytes", i, taken)
		}
	}
}

func TestFirstErrorSticks(t *testing.T) {
	d := NewDecoder("sample", text("\n"), maxSample)
	d.Bytes(1, "raw", 0, 64)
	d.String(2, "text", maxText)
	first := d.Err()
	if first == nil {
		t.Fatal("a newline passed")
	}
	if d.Uint(4, "n", 1<<40) != 0 || d.Bool(5, "flag") || !(d.Element(7, "value") == fr.Element{}) {
		t.Error("values are returned after an error")
	}
	d.List(9, "items", maxItems, func(int, *Decoder) { t.Error("items are read after an error") })
	d.Fail("later", "another reason")
	if d.Done() != first {
		t.Errorf("%v replaced %v", d.Done(), first)
	}
}

func TestCallersCanRefuseMeaning(t *testing.T) {
	d := NewDecoder("sample", good().encode(), maxSample)
	d.Bytes(1, "raw", 0, 64)
	d.Fail("raw", "not in the list")
	var e *Error
	if !errors.As(d.Done(), &e) || e.Field != "raw" || e.Message != "sample" || e.Reason != "not in the list" {
		t.Errorf("%v", d.Done())
	}
}

// TestDecodedBytesAreCopies: later changes to the input change no value.
func TestDecodedBytesAreCopies(t *testing.T) {
	b := good().encode()
	s, err := decode(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if !bytes.Equal(s.encode(), good().encode()) {
		t.Error("a decoded message shares memory with its input")
	}
}

func TestEncoderRefusesDescendingTags(t *testing.T) {
	for name, write := range map[string]func(){
		"descending": func() { e := NewEncoder("x"); e.Uint(2, 0); e.Uint(1, 0) },
		"twice":      func() { e := NewEncoder("x"); e.Uint(2, 0); e.Uint(2, 0) },
		"long kind":  func() { NewEncoder(strings.Repeat("k", 256)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: accepted", name)
				}
			}()
			write()
		}()
	}
}

func TestRoundTrip(t *testing.T) {
	printable := rapid.StringOfN(rapid.RuneFrom([]rune("abc äß№ -./")), 0, 20, -1)
	rapid.Check(t, func(t *rapid.T) {
		s := sample{
			raw:   rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "raw"),
			text:  printable.Draw(t, "text"),
			n:     rapid.Uint64Range(0, 1<<40).Draw(t, "n"),
			flag:  rapid.Bool().Draw(t, "flag"),
			value: field.Uint(rapid.Uint64().Draw(t, "value")),
		}
		for range rapid.IntRange(0, 5).Draw(t, "items") {
			s.items = append(s.items, item{printable.Draw(t, "name"), rapid.Uint64Range(0, 1<<40).Draw(t, "n")})
		}
		b := s.encode()
		got, err := decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.encode(), b) || got.text != s.text || got.n != s.n || got.flag != s.flag || got.value != s.value || len(got.items) != len(s.items) {
			t.Fatalf("%+v became %+v", s, got)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(good().encode())
	f.Add(sample{}.encode())
	f.Add(spareItem())
	f.Add(NewEncoder("sample").Encoded())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decode(b)
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if out := s.encode(); !bytes.Equal(out, b) {
			t.Fatalf("%x re-encodes as %x", b, out)
		}
	})
}
