package codes

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// ErrUnknownCode is what an [UnknownCode] unwraps to.
var ErrUnknownCode = errors.New("unknown code")

// UnknownCode reports a code that has no bit. It is always an error and never
// dropped: dropping a restriction, or a code that narrows, widens a consent.
type UnknownCode struct {
	Table  string
	System string
	Code   string
}

func (e *UnknownCode) Error() string {
	if e.System == "" {
		return fmt.Sprintf("unknown code: the table of %s has no name %q", e.Table, e.Code)
	}
	return fmt.Sprintf("unknown code: the table of %s has no code %q of system %q", e.Table, e.Code, e.System)
}

func (e *UnknownCode) Unwrap() error { return ErrUnknownCode }

// An Entry gives a code its bit.
type Entry struct {
	Bit     uint     `json:"bit"`
	Name    string   `json:"name"` // short, unique in the table
	System  string   `json:"system"`
	Code    string   `json:"code"`
	Also    []string `json:"also,omitempty"` // other spellings of the code
	Display string   `json:"display"`
	Parent  string   `json:"parent,omitempty"` // name of the entry that it stands under
}

// Mask is the entry's bit as a mask.
func (e Entry) Mask() uint64 { return 1 << e.Bit }

// A Table is one versioned code table. It does not change after it was read.
type Table struct {
	Name    string
	Version uint64
	entries []Entry // ascending by bit
	byCode  map[[2]string]int
	byName  map[string]int
	down    [64]uint64 // by bit: itself and all below
	up      [64]uint64 // by bit: itself and all above
	known   uint64
}

//go:embed purposes.json restrictions.json categories.json
var files embed.FS

var (
	purposes     = sync.OnceValue(func() *Table { return mustRead("purposes", 64) })
	restrictions = sync.OnceValue(func() *Table { return mustRead("restrictions", 32) })
	categories   = sync.OnceValue(func() *Table { return mustRead("categories", 64) })
)

// PurposeTable is the table of purposes of use.
func PurposeTable() *Table { return purposes() }

// RestrictionTable is the table of DUO modifiers.
func RestrictionTable() *Table { return restrictions() }

// CategoryTable is the table of record classes and sensitivity codes.
func CategoryTable() *Table { return categories() }

// mustRead panics on a malformed table: the files are part of the program.
func mustRead(name string, width uint) *Table {
	data, err := files.ReadFile(name + ".json")
	if err == nil {
		var t *Table
		if t, err = readTable(data, width); err == nil {
			return t
		}
	}
	panic(fmt.Sprintf("codes: table %s: %v", name, err))
}

func readTable(data []byte, width uint) (*Table, error) {
	var file struct {
		Name    string  `json:"name"`
		Version uint64  `json:"version"`
		Entries []Entry `json:"entries"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	t := &Table{Name: file.Name, Version: file.Version, entries: file.Entries,
		byCode: map[[2]string]int{}, byName: map[string]int{}}
	last := -1
	for i, e := range t.entries {
		if int(e.Bit) <= last || e.Bit >= width {
			return nil, fmt.Errorf("entry %s: bit %d after %d, or not below %d", e.Name, e.Bit, last, width)
		}
		last = int(e.Bit)
		if _, dup := t.byName[e.Name]; dup || e.Name == "" {
			return nil, fmt.Errorf("entry %d: name %q is empty or taken", i, e.Name)
		}
		t.byName[e.Name] = i
		for _, code := range append([]string{e.Code}, e.Also...) {
			key := [2]string{e.System, code}
			if _, dup := t.byCode[key]; dup {
				return nil, fmt.Errorf("entry %s: code %q is taken", e.Name, code)
			}
			t.byCode[key] = i
		}
		// A parent stands before its children, so its closure upward is known
		// and there are no cycles.
		t.up[e.Bit] = e.Mask()
		if e.Parent != "" {
			p, ok := t.byName[e.Parent]
			if !ok || p >= i {
				return nil, fmt.Errorf("entry %s: parent %q does not stand before it", e.Name, e.Parent)
			}
			t.up[e.Bit] |= t.up[t.entries[p].Bit]
		}
		t.known |= e.Mask()
	}
	for _, e := range t.entries {
		for _, above := range t.entries {
			if t.up[e.Bit]&above.Mask() != 0 {
				t.down[above.Bit] |= e.Mask()
			}
		}
	}
	return t, nil
}

// Lookup finds the entry of a code. The error is an *[UnknownCode].
func (t *Table) Lookup(system, code string) (Entry, error) {
	if i, ok := t.byCode[[2]string{system, code}]; ok && system != "" {
		return t.entries[i], nil
	}
	return Entry{}, &UnknownCode{Table: t.Name, System: system, Code: code}
}

// ByName finds the entry with a short name. The error is an *[UnknownCode].
func (t *Table) ByName(name string) (Entry, error) {
	if i, ok := t.byName[name]; ok {
		return t.entries[i], nil
	}
	return Entry{}, &UnknownCode{Table: t.Name, Code: name}
}

// Entries returns a copy of the table's entries, ascending by bit.
func (t *Table) Entries() []Entry { return append([]Entry(nil), t.entries...) }

// Known is the mask of all bits that have a code.
func (t *Table) Known() uint64 { return t.known }

// Down adds to mask all that stands under it: what a permission includes.
func (t *Table) Down(mask uint64) uint64 { return closure(mask, &t.down) }

// Up adds to mask all that it stands under. A denial takes away Down and Up: a
// request for the wider code would include what is denied.
func (t *Table) Up(mask uint64) uint64 { return closure(mask, &t.up) }

func closure(mask uint64, of *[64]uint64) uint64 {
	out := mask
	for b := range of {
		if mask>>b&1 == 1 {
			out |= of[b]
		}
	}
	return out
}

// Format lists the short names of mask, separated by commas; a bit without a
// code is written as "bit" and its number, which Parse refuses.
func (t *Table) Format(mask uint64) string {
	var names []string
	at := 0
	for b := uint(0); b < 64; b++ {
		for at < len(t.entries) && t.entries[at].Bit < b {
			at++
		}
		if mask>>b&1 == 0 {
			continue
		}
		if at < len(t.entries) && t.entries[at].Bit == b {
			names = append(names, t.entries[at].Name)
		} else {
			names = append(names, fmt.Sprintf("bit%d", b))
		}
	}
	return strings.Join(names, ",")
}

// Parse reads what Format writes: known names, no duplicates, in any order.
// The empty text is the empty set.
func (t *Table) Parse(s string) (uint64, error) {
	var mask uint64
	if s == "" {
		return 0, nil
	}
	for name := range strings.SplitSeq(s, ",") {
		e, err := t.ByName(name)
		if err != nil {
			return 0, err
		}
		if mask&e.Mask() != 0 {
			return 0, fmt.Errorf("%s: %q is listed twice", t.Name, name)
		}
		mask |= e.Mask()
	}
	return mask, nil
}

// Describe gives the displays of mask for a reader. An entry whose whole
// branch is in mask stands for the branch.
func (t *Table) Describe(mask uint64) []string {
	var out []string
	for _, e := range t.entries {
		if mask&e.Mask() == 0 {
			continue
		}
		covered := false
		for _, above := range t.entries {
			if above.Bit != e.Bit && t.up[e.Bit]&above.Mask() != 0 && t.down[above.Bit]&^mask == 0 {
				covered = true
			}
		}
		if covered {
			continue
		}
		display := e.Display
		if t.down[e.Bit]&^mask != 0 {
			display += " (not all kinds)"
		}
		out = append(out, display)
	}
	for b := range 64 {
		if mask&^t.known>>b&1 == 1 {
			out = append(out, fmt.Sprintf("unknown code (bit %d)", b))
		}
	}
	return out
}

// Encode is the table's canonical message, of which Digest is the digest.
func (t *Table) Encode() []byte {
	e := tlv.NewEncoder("code-table")
	e.String(1, t.Name)
	e.Uint(2, t.Version)
	e.List(3, len(t.entries), func(i int, e *tlv.Encoder) {
		x := t.entries[i]
		e.Uint(1, uint64(x.Bit))
		e.String(2, x.Name)
		e.String(3, x.System)
		e.String(4, x.Code)
		e.List(5, len(x.Also), func(j int, e *tlv.Encoder) { e.String(1, x.Also[j]) })
		e.String(6, x.Display)
		e.String(7, x.Parent)
	})
	return e.Encoded()
}

// Digest is FieldOf("code-table"; message).
func (t *Table) Digest() fr.Element { return field.Of("code-table", t.Encode()) }
