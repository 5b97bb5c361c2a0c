package consent_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/internal/field"
)

var updateSchemas = flag.Bool("update-schemas", false, "rewrite the digests of built-in schemas; only for a new version")

func builtin(t testing.TB, name string) *consent.Schema {
	t.Helper()
	s, ok := consent.BuiltinSchema(name)
	if !ok {
		t.Fatalf("no schema %q", name)
	}
	return s
}

func TestFrozenSchemas(t *testing.T) {
	var b strings.Builder
	for _, s := range consent.BuiltinSchemas() {
		fmt.Fprintf(&b, "%s %d %s\n", s.Name, s.Version, field.Hex(s.Digest()))
	}
	const path = "testdata/schemas.golden"
	if *updateSchemas {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("a built-in schema changed: credentials name schemas by digest, so raise its version\n%s", b.String())
	}
}

func TestSchemasHaveOneEncoding(t *testing.T) {
	for _, s := range consent.BuiltinSchemas() {
		data := s.Encode()
		got, err := consent.DecodeSchema(data)
		if err != nil || !bytes.Equal(got.Encode(), data) {
			t.Errorf("%s: %v", s.Name, err)
		}
		for cut := range data {
			if _, err := consent.DecodeSchema(data[:cut]); err == nil {
				t.Fatalf("%s cut at %d: accepted", s.Name, cut)
			}
		}
		if _, err := consent.DecodeSchema(append(data, 0)); err == nil {
			t.Errorf("%s: trailing byte accepted", s.Name)
		}
	}
}

func category(t testing.TB, names string) codes.Categories {
	t.Helper()
	c, err := codes.ParseCategories(names)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSensitiveCodesNeedTheirCategory(t *testing.T) {
	s := builtin(t, consent.ClinicalSchema)
	dx, err := s.Mask("dx1", "dx2")
	if err != nil {
		t.Fatal(err)
	}
	prefix := func(p string) (uint64, uint64) {
		lo, hi, err := consent.CodePrefix(p)
		if err != nil {
			t.Fatal(err)
		}
		return lo, hi
	}
	e11lo, e11hi := prefix("E11")
	b20lo, _ := prefix("B20")
	_, b24hi := prefix("B24")
	conditions, hiv := category(t, "conditions"), category(t, "HIV")
	if got := s.Categories(dx, e11lo, e11hi); got != conditions {
		t.Errorf("E11: %v", got)
	}
	for name, r := range map[string][2]uint64{
		"HIV itself":            {b20lo, b24hi},
		"one code of HIV":       {b20lo, b20lo},
		"a range over it":       {0, ^uint64(0)},
		"all below, so not HIV": {0, b20lo - 1},
		"all above, so not HIV": {b24hi + 1, ^uint64(0)},
		"its last code":         {b24hi, e11lo},
	} {
		if got := s.Categories(dx, r[0], r[1]); !hiv.Within(got) || !conditions.Within(got) {
			t.Errorf("%s: only %v", name, got)
		}
	}
	if got := s.SetCategories(dx, []consent.Interval{{Lo: e11lo, Hi: e11hi}, {Lo: b20lo, Hi: b20lo}}); !hiv.Within(got) {
		t.Errorf("a set with one code of HIV: %v", got)
	}
	if got := s.Categories(consent.AllSlots, 0, ^uint64(0)); got != 0 {
		t.Errorf("the unused test touches %v", got)
	}
	if got := s.Categories(1, 0, 5); got != 0 {
		t.Errorf("since touches %v", got)
	}
	if got := s.Categories(consent.AllSlots, 1, ^uint64(0)); got&hiv == 0 {
		t.Errorf("a test of every slot: %v", got)
	}
}

func TestLinksComeFromGroups(t *testing.T) {
	s := builtin(t, consent.ClinicalSchema)
	for _, c := range []struct {
		from, to string
		want     int
		fails    bool
	}{
		{"dx1", "dx1Date", 1, false}, {"dx2", "dx2Date", 1, false}, {"hba1cDate", "hba1c", -1, false},
		{"dx1", "dx2Date", 0, true}, {"birthDate", "sex", 0, true}, {"dx1", "nothing", 0, true}, {"since", "dx1", 0, true},
	} {
		got, err := s.Delta(c.from, c.to)
		if (err != nil) != c.fails || got != c.want || c.fails && !errors.Is(err, consent.ErrSchema) {
			t.Errorf("%s to %s: %d, %v", c.from, c.to, got, err)
		}
	}
}

func TestRefusesSchemas(t *testing.T) {
	ok := func() *consent.Schema {
		return &consent.Schema{Name: "s", Version: 1, Slots: []consent.Slot{
			{Name: "a", Label: "a", Type: consent.Code, System: "urn:x", Categories: 1, Ranges: []consent.CodeRange{{Lo: 1, Hi: 2, Categories: 2}, {Lo: 3, Hi: 3, Categories: 1}}},
			{Name: "b", Label: "b", Type: consent.Decimal, Unit: "1", Categories: 1},
		}}
	}
	if err := ok().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(s *consent.Schema){
		"no name":             func(s *consent.Schema) { s.Name = "" },
		"version 0":           func(s *consent.Schema) { s.Version = 0 },
		"no slots":            func(s *consent.Schema) { s.Slots = nil },
		"eleven slots":        func(s *consent.Schema) { s.Slots = make([]consent.Slot, 11) },
		"name taken":          func(s *consent.Schema) { s.Slots[1].Name = "a" },
		"name since":          func(s *consent.Schema) { s.Slots[1].Name = "since" },
		"no label":            func(s *consent.Schema) { s.Slots[0].Label = "" },
		"type 0":              func(s *consent.Schema) { s.Slots[1].Type = 0 },
		"type 8":              func(s *consent.Schema) { s.Slots[1].Type = 8 },
		"decimal, no unit":    func(s *consent.Schema) { s.Slots[1].Unit = "" },
		"code, no system":     func(s *consent.Schema) { s.Slots[0].System = "" },
		"folding decimal":     func(s *consent.Schema) { s.Slots[1].Fold = true },
		"no category":         func(s *consent.Schema) { s.Slots[1].Categories = 0 },
		"unknown category":    func(s *consent.Schema) { s.Slots[1].Categories = 1 << 63 },
		"group 11":            func(s *consent.Schema) { s.Slots[1].Group = 11 },
		"ranges on a decimal": func(s *consent.Schema) { s.Slots[1].Ranges = s.Slots[0].Ranges },
		"empty range":         func(s *consent.Schema) { s.Slots[0].Ranges[0] = consent.CodeRange{Lo: 2, Hi: 1, Categories: 1} },
		"overlapping ranges":  func(s *consent.Schema) { s.Slots[0].Ranges[1].Lo = 2 },
		"range, no category":  func(s *consent.Schema) { s.Slots[0].Ranges[1].Categories = 0 },
	} {
		s := ok()
		spoil(s)
		if err := s.Validate(); !errors.Is(err, consent.ErrSchema) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, source := range map[string]string{
		"unknown field":    `{"name":"s","version":1,"slots":[],"more":1}`,
		"unknown category": `{"name":"s","version":1,"slots":[{"name":"a","label":"a","type":"date","categories":"secrets"}]}`,
		"unknown type":     `{"name":"s","version":1,"slots":[{"name":"a","label":"a","type":"blob","categories":"coverage"}]}`,
		"malformed range":  `{"name":"s","version":1,"slots":[{"name":"a","label":"a","type":"code","system":"x","categories":"coverage","ranges":[{"from":"b","to":"C","categories":"HIV"}]}]}`,
		"trailing data":    `{"name":"s","version":1,"slots":[{"name":"a","label":"a","type":"date","categories":"coverage"}]} {}`,
	} {
		if _, err := consent.ParseSchema([]byte(source)); !errors.Is(err, consent.ErrSchema) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzSchema(f *testing.F) {
	for _, s := range consent.BuiltinSchemas() {
		f.Add(s.Encode())
	}
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := consent.DecodeSchema(data)
		if err == nil && !bytes.Equal(s.Encode(), data) {
			t.Fatal("two encodings of one schema")
		}
	})
}

// "Any code but sickle cell" told with a gap that is a little wider than its codes, with the
// ends left out, or with a whole letter left out, says by its refusal the same.
func TestAttack_SetWithAGapAroundSensitiveCodes(t *testing.T) {
	s, _ := consent.BuiltinSchema(consent.ClinicalSchema)
	dx, err := s.Mask("dx1", "dx2")
	if err != nil {
		t.Fatal(err)
	}
	at := func(code string) (lo, hi uint64) {
		lo, hi, err := consent.CodePrefix(code)
		if err != nil {
			t.Fatal(err)
		}
		return lo, hi
	}
	a, _ := at("A")
	d57lo, _ := at("D57")
	_, d57 := at("D57")
	_, c99 := at("C99")
	e, _ := at("E")
	_, z := at("Z")
	sickle := category(t, "SCA,SICKLE")
	for name, set := range map[string][]consent.Interval{
		"two codes wider":       {{Lo: 0, Hi: d57lo - 2}, {Lo: d57 + 2, Hi: ^uint64(0)}},
		"without the ends":      {{Lo: a, Hi: d57lo - 2}, {Lo: d57 + 2, Hi: z}},
		"without a letter":      {{Lo: a, Hi: c99}, {Lo: e, Hi: z}},
		"and a stop in between": {{Lo: a, Hi: c99}, {Lo: d57 + 9, Hi: d57 + 9}, {Lo: e, Hi: z}},
	} {
		if got := s.SetCategories(dx, set); !sickle.Within(got) {
			t.Errorf("%s: needs %s only", name, got)
		}
	}
	// A short list says nothing about what lies between its codes.
	d50, _ := at("D50")
	_, d53 := at("D53")
	d60, _ := at("D60")
	_, d64 := at("D64")
	if got := s.SetCategories(dx, []consent.Interval{{Lo: d50, Hi: d53}, {Lo: d60, Hi: d64}}); got != category(t, "conditions") {
		t.Errorf("anaemias need %s", got)
	}
}

// The ranges of an id's slot are ids: read as codes they would lie where no id
// is, and protect nothing.
func TestAttack_SensitiveRangesOfIdsReadAsCodes(t *testing.T) {
	s, err := consent.ParseSchema([]byte(`{"name": "ids", "version": 1, "slots": [{"name": "dx", "label": "diagnosis", "type": "id",
		"system": "http://snomed.info/sct", "categories": "conditions", "ranges": [{"from": "86406008", "to": "86406010", "categories": "HIV"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	id, err := consent.EncodeID("86406009")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Categories(2, id, id); !category(t, "HIV").Within(got) {
		t.Errorf("a test of %d needs %s only", id, got)
	}
	if got := s.Categories(2, id+9, id+9); got != category(t, "conditions") {
		t.Errorf("a test of %d needs %s", id+9, got)
	}
}

// FuzzParseSchema: a schema's source that reads is a valid schema.
func FuzzParseSchema(f *testing.F) {
	f.Add([]byte(`{"name":"s","version":1,"slots":[{"name":"dx","label":"diagnosis","type":"code","system":"urn:x","categories":"conditions","ranges":[{"from":"B20","to":"B24","categories":"HIV"}]}]}`))
	f.Add([]byte(`{"name":"s","version":1,"slots":[{"name":"x","label":"x","type":"id","system":"urn:x","categories":"devices","ranges":[{"from":"1","to":"9","categories":"PSY"}]}]}`))
	f.Add([]byte(`{"slots":[{}]}`))
	f.Add([]byte(`{} {}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := consent.ParseSchema(b)
		if err != nil {
			if !errors.Is(err, consent.ErrSchema) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		again, err := consent.DecodeSchema(s.Encode())
		if err != nil || again.Digest() != s.Digest() {
			t.Fatalf("its message does not read: %v", err)
		}
	})
}
