// Package tlv is the one binary form of every message that is signed, hashed
// or exchanged (docs/spec.md §2.5).
//
// A message is a header (one length byte and "zkconsent/v1/" ‖ kind) followed by
// fields in strictly ascending tag order, all of them present. A field is its
// tag (one byte), a 32-bit big-endian length and that many bytes. A list is a
// field whose content is a 32-bit count and that many length-prefixed items,
// each a run of fields without a header. There is exactly one encoding of a
// value, so equal digests mean equal messages.
//
// # Caveats
//
// Decoders bound every length before they allocate, and refuse trailing
// bytes. Callers still have to validate what the fields mean.
package tlv

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
)

// Error reports malformed bytes: which message, which field, at which offset.
type Error struct {
	Message string // the kind of message being read
	Field   string // the name of the field
	Offset  int    // in bytes from the start of the message (of the item, inside a list)
	Reason  string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: field %s at byte %d: %s", e.Message, e.Field, e.Offset, e.Reason)
}

// An Encoder appends fields. Tags must ascend; a violation is a programming
// error and panics.
type Encoder struct {
	buf  []byte
	last int
}

// NewEncoder starts a message of the given kind.
func NewEncoder(kind string) *Encoder {
	name := field.Prefix + kind
	if len(name) > math.MaxUint8 {
		panic("tlv: kind too long")
	}
	return &Encoder{buf: append([]byte{byte(len(name))}, name...), last: -1}
}

// Encoded returns the message written so far.
func (e *Encoder) Encoded() []byte { return e.buf }

// Bytes appends a field of raw bytes.
func (e *Encoder) Bytes(tag uint8, b []byte) {
	if int(tag) <= e.last {
		panic(fmt.Sprintf("tlv: tag %d after %d", tag, e.last))
	}
	e.last = int(tag)
	e.buf = append(e.buf, tag)
	e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(len(b)))
	e.buf = append(e.buf, b...)
}

// String appends a field of UTF-8 text.
func (e *Encoder) String(tag uint8, s string) { e.Bytes(tag, []byte(s)) }

// Uint appends a field of eight big-endian bytes.
func (e *Encoder) Uint(tag uint8, v uint64) {
	e.Bytes(tag, binary.BigEndian.AppendUint64(nil, v))
}

// Bool appends a field of one byte, 0 or 1.
func (e *Encoder) Bool(tag uint8, v bool) {
	if v {
		e.Bytes(tag, []byte{1})
	} else {
		e.Bytes(tag, []byte{0})
	}
}

// Element appends a field element in its canonical 32 bytes.
func (e *Encoder) Element(tag uint8, v fr.Element) {
	b := v.Bytes()
	e.Bytes(tag, b[:])
}

// List appends n items, each written by item.
func (e *Encoder) List(tag uint8, n int, item func(i int, e *Encoder)) {
	content := binary.BigEndian.AppendUint32(nil, uint32(n))
	for i := range n {
		sub := &Encoder{last: -1}
		item(i, sub)
		content = binary.BigEndian.AppendUint32(content, uint32(len(sub.buf)))
		content = append(content, sub.buf...)
	}
	e.Bytes(tag, content)
}

// A Decoder reads fields in the order in which an Encoder wrote them. The
// first error sticks; every later read returns zero values, so a caller reads
// all fields and then asks [Decoder.Done].
type Decoder struct {
	kind string
	buf  []byte
	off  int
	err  error
}

// NewDecoder starts reading a message of the given kind and of at most max bytes.
func NewDecoder(kind string, data []byte, max int) *Decoder {
	d := &Decoder{kind: kind, buf: data}
	name := field.Prefix + kind
	switch {
	case len(data) > max:
		d.fail("header", fmt.Sprintf("%d bytes, at most %d are allowed", len(data), max))
	case len(data) < 1+len(name) || int(data[0]) != len(name) || string(data[1:1+len(name)]) != name:
		d.fail("header", fmt.Sprintf("this is not a %q message", name))
	default:
		d.off = 1 + len(name)
	}
	return d
}

func (d *Decoder) fail(name, reason string) {
	if d.err == nil {
		d.err = &Error{Message: d.kind, Field: name, Offset: d.off, Reason: reason}
	}
}

// Fail records a semantic error about the field that was just read, unless an
// earlier error stands.
func (d *Decoder) Fail(name, reason string) { d.fail(name, reason) }

// Err returns the first error so far.
func (d *Decoder) Err() error { return d.err }

// Done returns the first error, or one for bytes left over.
func (d *Decoder) Done() error {
	if d.err == nil && d.off != len(d.buf) {
		d.fail("end", fmt.Sprintf("%d trailing bytes", len(d.buf)-d.off))
	}
	return d.err
}

// Bytes reads a field of min to max bytes. The result is a copy.
func (d *Decoder) Bytes(tag uint8, name string, min, max int) []byte {
	b := d.raw(tag, name, min, max)
	if b == nil {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

func (d *Decoder) raw(tag uint8, name string, min, max int) []byte {
	if d.err != nil {
		return nil
	}
	rest := d.buf[d.off:]
	if len(rest) < 5 {
		d.fail(name, "truncated")
		return nil
	}
	if rest[0] != tag {
		d.fail(name, fmt.Sprintf("tag %d where %d belongs", rest[0], tag))
		return nil
	}
	n := binary.BigEndian.Uint32(rest[1:5])
	if uint64(n) > uint64(len(rest)-5) {
		d.fail(name, fmt.Sprintf("announces %d bytes, %d are left", n, len(rest)-5))
		return nil
	}
	if int(n) < min || int(n) > max {
		d.fail(name, fmt.Sprintf("%d bytes, allowed are %d to %d", n, min, max))
		return nil
	}
	d.off += 5 + int(n)
	return rest[5 : 5+n : 5+n]
}

// String reads a field of at most max bytes of printable UTF-8 text.
func (d *Decoder) String(tag uint8, name string, max int) string {
	s := string(d.raw(tag, name, 0, max))
	if reason := textFault(s); reason != "" {
		d.fail(name, reason)
		return ""
	}
	return s
}

// Uint reads an integer of at most max.
func (d *Decoder) Uint(tag uint8, name string, max uint64) uint64 {
	b := d.raw(tag, name, 8, 8)
	if b == nil {
		return 0
	}
	v := binary.BigEndian.Uint64(b)
	if v > max {
		d.fail(name, fmt.Sprintf("%d is above %d", v, max))
		return 0
	}
	return v
}

// Bool reads one byte, 0 or 1.
func (d *Decoder) Bool(tag uint8, name string) bool {
	b := d.raw(tag, name, 1, 1)
	if b == nil {
		return false
	}
	if b[0] > 1 {
		d.fail(name, "neither 0 nor 1")
		return false
	}
	return b[0] == 1
}

// Element reads a canonical field element.
func (d *Decoder) Element(tag uint8, name string) fr.Element {
	b := d.raw(tag, name, field.Size, field.Size)
	if b == nil {
		return fr.Element{}
	}
	v, err := field.Parse(b)
	if err != nil {
		d.fail(name, err.Error())
		return fr.Element{}
	}
	return v
}

// List reads at most max items. item is called once for each and must read
// all of it.
func (d *Decoder) List(tag uint8, name string, max int, item func(i int, d *Decoder)) int {
	b := d.raw(tag, name, 4, math.MaxInt32)
	if b == nil {
		return 0
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(max) {
		d.fail(name, fmt.Sprintf("%d items, at most %d are allowed", n, max))
		return 0
	}
	b = b[4:]
	for i := range int(n) {
		if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
			d.fail(name, fmt.Sprintf("item %d is truncated", i))
			return 0
		}
		size := binary.BigEndian.Uint32(b)
		sub := &Decoder{kind: d.kind + "." + name, buf: b[4 : 4+size]}
		item(i, sub)
		if err := sub.Done(); err != nil {
			d.err = err
			return 0
		}
		b = b[4+size:]
	}
	if len(b) != 0 {
		d.fail(name, fmt.Sprintf("%d trailing bytes", len(b)))
		return 0
	}
	return int(n)
}
