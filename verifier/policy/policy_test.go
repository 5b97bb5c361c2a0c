package policy

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/armor"
	"github.com/zkconsent/zkconsent/internal/field"
)

func files() fstest.MapFS {
	list := consent.TrustList{Name: "clinics", Sequence: 3, Authorities: []fr.Element{field.Uint(5), field.Uint(9)}}
	plans := consent.ValueSet{Name: "plans-2026", Sequence: 2, Intervals: []consent.Interval{{Lo: 4, Hi: 4}, {Lo: 8, Hi: 9}}}
	most := consent.ValueSet{Name: "most", Sequence: 1, Intervals: []consent.Interval{{Hi: 4}, {Lo: 8, Hi: math.MaxUint64}}}
	large := consent.ValueSet{Name: "large", Sequence: 1}
	for i := range uint64(1025) {
		large.Intervals = append(large.Intervals, consent.Interval{Lo: 3 * i, Hi: 3 * i})
	}
	return fstest.MapFS{
		"clinics.trust":  {Data: armor.Encode("trust-list", list.Encode())},
		"raw.trust":      {Data: list.Encode()},
		"plans-2026.set": {Data: armor.Encode("value-set", plans.Encode())},
		"most.set":       {Data: most.Encode()},
		"large.set":      {Data: large.Encode()},
		"huge.set":       {Data: make([]byte, 4<<20)},
		"own.json": {Data: []byte(`{"name": "own", "version": 2, "slots": [
			{"name": "x", "label": "x of the device", "type": "integer", "categories": "devices"},
			{"name": "y", "label": "y of the device", "type": "id", "system": "urn:y", "categories": "devices"}]}`)},
		"broken.trust": {Data: []byte("-----BEGIN ZKCONSENT TRUST LIST-----\nAAAA\n")},
	}
}

const sound = `{
  "circuit": "claim", "purpose": "CLMATTCH", "accept": ["NPU", "IRB"],
  "categories": ["conditions", "demographics"],
  "data": {"from": "2025-01-01", "to": "2026-11-21"}, "relyFor": "30d",
  "policyText": "The policy.", "schema": "clinical", "trust": "clinics.trust",
  "where": [
    {"slots": ["dx1Date", "dx2Date"], "atLeast": "2025-11-21", "linkTo": "dx"},
    {"slots": ["birthDate"], "age": {"min": 18, "max": 64, "on": "2026-11-21"}},
    {"slots": ["dx1", "dx2"], "prefix": ["E11"], "id": "dx"},
    {"slots": ["sex"], "notEquals": "male", "label": "not recorded as male"}
  ],
  "rule": "pseudonym", "context": "claim 7", "maxRootAge": "20m", "return": "https://insurer.example/answers"
}`

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestCompilesTheWholeDocument(t *testing.T) {
	p, err := Parse([]byte(sound), files())
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Template(now)
	if err != nil {
		t.Fatal(err)
	}
	from, to := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 21, 23, 59, 59, 0, time.UTC)
	if r.Circuit != consent.Claim || r.Purpose != 1<<28 || r.Accepted != 1|1<<5 || r.Categories != 1|1<<5 ||
		r.QFrom != consent.Time(from.Unix()) || r.QTo != consent.Time(to.Unix()) || r.Until != consent.Time(now.Unix()+30*secondsOfDay) ||
		r.Policy != "The policy." || r.Trust.Sequence != 3 || r.Rule != consent.Pseudonym || r.Context != "claim 7" ||
		r.Opened != 0 || r.MaxRootAge != 1200 || r.Return != "https://insurer.example/answers" {
		t.Errorf("%+v", r)
	}
	date := func(s string) uint64 {
		v, err := consent.EncodeDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	lo, hi, _ := consent.CodePrefix("E11")
	want := []consent.RangeQuestion{
		{Label: "diagnosis 1 or diagnosis 2 begins with E11", Range: consent.Range{Mask: 1<<4 | 1<<6, Lo: lo, Hi: hi}},
		{Label: "diagnosis 1 known since or diagnosis 2 known since is on or after 2025-11-21 (of the same entry)",
			Range: consent.Range{Mask: 1<<5 | 1<<7, Lo: date("2025-11-21"), Hi: math.MaxUint64}},
		{Label: "birth date shows an age of 18 to 64 on 2026-11-21", Range: consent.Range{Mask: 1 << 1, Lo: date("1961-11-22"), Hi: date("2008-11-21")}},
		{Range: consent.Range{Mask: consent.AllSlots, Hi: math.MaxUint64}},
	}
	for i := range want {
		if r.Ranges[i] != want[i] {
			t.Errorf("range %d: %+v, want %+v", i, r.Ranges[i], want[i])
		}
	}
	if s := r.Sets[0]; s.Label != "not recorded as male" || s.Mask != 1<<2 || !s.Set.Negative() || s.Set.Name != "" {
		t.Errorf("set %+v", s)
	}
	if r.Links[0] != (consent.Link{On: true, Offset: consent.LinkBias + 1}) || r.Links[1].On || r.Links[2].On || r.Links[3].On {
		t.Errorf("links %+v", r.Links)
	}
	if _, err := consent.DecodeRequest(r.Encode()); err != nil {
		t.Errorf("the request is not readable: %v", err)
	}
}

// with changes one field of the sound document.
func with(t *testing.T, change func(map[string]any)) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(sound), &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func where(conditions string) func(map[string]any) {
	return func(m map[string]any) {
		var c any
		if err := json.Unmarshal([]byte(conditions), &c); err != nil {
			panic(err)
		}
		m["where"] = c
	}
}

func set(name string, value any) func(map[string]any) {
	return func(m map[string]any) {
		if value == nil {
			delete(m, name)
		} else {
			m[name] = value
		}
	}
}

func both(changes ...func(map[string]any)) func(map[string]any) {
	return func(m map[string]any) {
		for _, c := range changes {
			c(m)
		}
	}
}

// The scheme is the document's, Groth16 where it names none, and changes
// nothing else of the request.
func TestSchemeChoosesTheCircuit(t *testing.T) {
	var asked []consent.Request
	for scheme, want := range map[string]consent.CircuitID{"": consent.Claim, "groth16": consent.Claim, "plonk": consent.ClaimPlonk} {
		p, err := Parse([]byte(strings.Replace(sound, `"circuit"`, `"scheme": "`+scheme+`", "circuit"`, 1)), files())
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.Template(now)
		if err != nil {
			t.Fatal(err)
		}
		if r.Circuit != want {
			t.Errorf("scheme %q: %s, want %s", scheme, r.Circuit, want)
		}
		r.Circuit = ""
		asked = append(asked, r)
	}
	if !reflect.DeepEqual(asked[0], asked[1]) || !reflect.DeepEqual(asked[1], asked[2]) {
		t.Error("the scheme changes what is asked")
	}
}

func TestRefusesDocuments(t *testing.T) {
	for name, c := range map[string]struct {
		at     string
		change func(map[string]any)
	}{
		"unknown field":            {"document", set("purposes", "CLMATTCH")},
		"unknown test":             {"document", where(`[{"slots": ["sex"], "like": "x"}]`)},
		"number for a value":       {"document", where(`[{"slots": ["deceased"], "equals": 1}]`)},
		"no circuit":               {"circuit", set("circuit", nil)},
		"enrol":                    {"circuit", set("circuit", "enrol")},
		"wide consent":             {"circuit", both(set("circuit", "consent"), set("profile", "wide"))},
		"profile":                  {"profile", set("profile", "huge")},
		"scheme":                   {"scheme", set("scheme", "marlin")},
		"scheme in capitals":       {"scheme", set("scheme", "PLONK")},
		"enrol under PLONK":        {"circuit", both(set("circuit", "enrol"), set("scheme", "plonk"))},
		"wide consent under PLONK": {"circuit", both(set("circuit", "consent"), set("profile", "wide"), set("scheme", "plonk"))},
		"purpose":                  {"purpose", set("purpose", "EVERYTHING")},
		"two purposes":             {"purpose", set("purpose", "CLMATTCH,TREAT")},
		"restriction":              {"accept", set("accept", []string{"DS"})},
		"no category":              {"categories", set("categories", []string{})},
		"category":                 {"categories", set("categories", []string{"everything"})},
		"untouched category":       {"categories", set("categories", []string{"conditions"})},
		"no period":                {"data.from", set("data", map[string]any{})},
		"period backwards":         {"data", set("data", map[string]any{"from": "2026-01-02", "to": "2026-01-01"})},
		"no such day":              {"data.to", set("data", map[string]any{"from": "2026-01-02", "to": "2026-02-30"})},
		"for ever":                 {"relyFor", set("relyFor", "401d")},
		"negative time":            {"relyFor", set("relyFor", "-1h")},
		"time without unit":        {"relyFor", set("relyFor", "30")},
		"part of a second":         {"maxRootAge", set("maxRootAge", "1500ms")},
		"no text":                  {"policyText", set("policyText", nil)},
		"no schema":                {"schema", set("schema", nil)},
		"no such schema":           {"schema", set("schema", "astrology")},
		"no trust":                 {"trust", set("trust", nil)},
		"no such list":             {"trust", set("trust", "none.trust")},
		"broken list":              {"trust", set("trust", "broken.trust")},
		"a set as list":            {"trust", set("trust", "plans-2026.set")},
		"outside of the folder":    {"trust", set("trust", "../clinics.trust")},
		"absolute file":            {"trust", set("trust", "/etc/passwd")},
		"rule":                     {"rule", set("rule", "twice")},
		"no rule":                  {"rule", set("rule", nil)},
		"no context":               {"context", set("context", nil)},
		"once without a day":       {"opened", set("rule", "once")},
		"once in consent":          {"rule", both(set("circuit", "consent"), set("rule", "once"), set("schema", nil), set("where", nil))},
		"none that lasts":          {"rule", set("rule", "none")},
		"opened before 1970":       {"opened", set("opened", "1969-01-01")},
		"conditions in consent":    {"where", set("circuit", "consent")},
		"no slots":                 {"where[0].slots", where(`[{"slots": [], "equals": "x"}]`)},
		"no such slot":             {"where[0].slots", where(`[{"slots": ["name"], "equals": "x"}]`)},
		"slot twice":               {"where[0].slots", where(`[{"slots": ["sex", "sex"], "equals": "x"}]`)},
		"mixed slots":              {"where[0].slots", where(`[{"slots": ["dx1", "dx1Date"], "equals": "x"}]`)},
		"mixed systems":            {"where[0].slots", where(`[{"slots": ["dx1", "sex"], "equals": "E11"}]`)},
		"no test":                  {"where[0]", where(`[{"slots": ["sex"]}]`)},
		"two tests":                {"where[0]", where(`[{"slots": ["sex"], "equals": "male", "notEquals": "male"}]`)},
		"differs over slots":       {"where[0].notEquals", where(`[{"slots": ["dx1", "dx2"], "notEquals": "E11"}]`)},
		"excluding list":           {"where[0].in", where(`[{"slots": ["dx1", "dx2"], "in": "most.set"}]`)},
		"list too large":           {"where[0]", where(`[{"slots": ["dx1"], "in": "large.set"}]`)},
		"file too large":           {"where[0].in", where(`[{"slots": ["dx1"], "in": "huge.set"}]`)},
		"no list":                  {"where[0].in", where(`[{"slots": ["dx1"], "in": ""}]`)},
		"prefix of a date":         {"where[0].prefix", where(`[{"slots": ["birthDate"], "prefix": ["20"]}]`)},
		"no prefix":                {"where[0].prefix", where(`[{"slots": ["dx1"], "prefix": []}]`)},
		"lower case":               {"where[0].prefix", where(`[{"slots": ["dx1"], "prefix": ["e11"]}]`)},
		"nothing":                  {"where[0].oneOf", where(`[{"slots": ["dx1"], "oneOf": []}]`)},
		"three bounds":             {"where[0].between", where(`[{"slots": ["dx1"], "between": ["A", "B", "C"]}]`)},
		"bounds backwards":         {"where[0].between", where(`[{"slots": ["birthDate"], "between": ["2001-01-01", "2000-01-01"]}]`)},
		"not a date":               {"where[0].atMost", where(`[{"slots": ["birthDate"], "atMost": "yesterday"}]`)},
		"age of a code":            {"where[0].age", where(`[{"slots": ["dx1"], "age": {"min": 18}}]`)},
		"no age":                   {"where[0].age", where(`[{"slots": ["birthDate"], "age": {}}]`)},
		"negative age":             {"where[0].age", where(`[{"slots": ["birthDate"], "age": {"min": -1}}]`)},
		"age of a tree":            {"where[0].age", where(`[{"slots": ["birthDate"], "age": {"max": 1000}}]`)},
		"ages backwards":           {"where[0].age", where(`[{"slots": ["birthDate"], "age": {"min": 65, "max": 18}}]`)},
		"age on no day":            {"where[0].age", where(`[{"slots": ["birthDate"], "age": {"min": 18, "on": "today"}}]`)},
		"label too long":           {"where[0].label", where(`[{"slots": ["sex"], "equals": "male", "label": "` + strings.Repeat("x", 201) + `"}]`)},
		"sensitive codes":          {"categories", where(`[{"slots": ["dx1"], "prefix": ["B20"]}]`)},
		"all but sensitive codes":  {"categories", where(`[{"slots": ["dx1"], "between": ["B25", "E11"]}]`)},
		"link to nothing":          {"where[0].linkTo", where(`[{"slots": ["dx1Date"], "atLeast": "2025-01-01", "linkTo": "dx"}]`)},
		"link to itself":           {"where[0].linkTo", where(`[{"slots": ["dx1Date"], "atLeast": "2025-01-01", "linkTo": "dx", "id": "dx"}]`)},
		"two of one id":            {"where[1].id", where(`[{"slots": ["dx1"], "prefix": ["E11"], "id": "a"}, {"slots": ["dx2"], "prefix": ["E11"], "id": "a"}]`)},
		"link to a list":           {"where[0]", where(`[{"slots": ["dx1"], "prefix": ["E11", "I10"], "id": "a"}, {"slots": ["dx1Date"], "atLeast": "2025-01-01", "linkTo": "a"}]`)},
		"link to another group":    {"where[1].linkTo", where(`[{"slots": ["dx1"], "prefix": ["E11"], "id": "a"}, {"slots": ["dx2Date"], "atLeast": "2025-01-01", "linkTo": "a"}]`)},
		"link of fewer slots":      {"where[1].linkTo", where(`[{"slots": ["dx1", "dx2"], "prefix": ["E11"], "id": "a"}, {"slots": ["dx1Date"], "atLeast": "2025-01-01", "linkTo": "a"}]`)},
		"link across":              {"where[1].linkTo", where(`[{"slots": ["dx1", "dx2"], "prefix": ["E11"], "id": "a"}, {"slots": ["dx2Date", "dx1Date"], "atLeast": "2025-01-01", "linkTo": "a"}]`)},
		"chain of links":           {"where[2].linkTo", where(`[{"slots": ["dx1"], "prefix": ["E11"], "id": "a"}, {"slots": ["dx1Date"], "atLeast": "2025-01-01", "linkTo": "a", "id": "b"}, {"slots": ["dx1"], "equals": "E11", "linkTo": "b"}]`)},
		"link under once":          {"where[0].linkTo", both(set("rule", "once"), set("opened", "2026-11-01"))},
		"two lists, one set":       {"where[1]", where(`[{"slots": ["dx1"], "prefix": ["E11", "I10"]}, {"slots": ["dx1"], "prefix": ["E11", "I12"]}]`)},
		"six ranges":               {"where[5]", where(`[{"slots": ["dx1"], "equals": "E11"},{"slots": ["dx1"], "equals": "E12"},{"slots": ["dx1"], "equals": "E13"},{"slots": ["dx1"], "equals": "E14"},{"slots": ["dx1"], "equals": "E15"},{"slots": ["dx1"], "equals": "E16"}]`)},
		"five ranges under once":   {"where[4]", both(set("rule", "once"), set("opened", "2026-11-01"), where(`[{"slots": ["dx1"], "equals": "E11"},{"slots": ["dx1"], "equals": "E12"},{"slots": ["dx1"], "equals": "E13"},{"slots": ["dx1"], "equals": "E14"},{"slots": ["dx1"], "equals": "E15"}]`))},
		"no order of identifiers":  {"where[0].atMost", both(set("schema", "own.json"), set("categories", []string{"devices"}), where(`[{"slots": ["y"], "atMost": "5"}]`))},
		"reversed text":            {"label", where(`[{"slots": ["sex"], "equals": "male", "label": "a\u202eb"}]`)},
		"long context":             {"context", set("context", strings.Repeat("x", 201))},
		"long policy text":         {"policy", set("policyText", strings.Repeat("x", 9<<10))},
		"schema of another folder": {"schema", set("schema", "../own.json")},
	} {
		p, err := Parse(with(t, c.change), files())
		var e *Error
		if !errors.As(err, &e) || e.Where != c.at || p != nil {
			t.Errorf("%s: %v; want a fault at %s", name, err, c.at)
		}
	}
	for name, text := range map[string]string{
		"nothing":           "",
		"a list":            "[]",
		"two documents":     sound + sound,
		"repeated field":    strings.Replace(sound, `"rule"`, `"circuit": "claim", "rule"`, 1),
		"field in two ways": strings.Replace(sound, `"rule"`, `"Circuit": "claim", "rule"`, 1),
		"repeated deep":     strings.Replace(sound, `"age": {`, `"age": {"min": 1, `, 1),
		"very deep":         strings.Repeat(`{"a":`, 5000),
		"very long":         sound + strings.Repeat(" ", maxDocument),
	} {
		if _, err := Parse([]byte(text), files()); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func TestCompilesConditions(t *testing.T) {
	value := func(typ consent.Type, s string) uint64 {
		a, err := consent.Slot{Type: typ, System: "x"}.Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		return a.Value
	}
	_, e14, _ := consent.CodePrefix("E14")
	e10, _, _ := consent.CodePrefix("E10")
	male, _, _ := consent.CodePrefix("MALE")
	for _, c := range []struct {
		schema, categories, condition, label string
		lo, hi                               uint64
	}{
		{"clinical", "conditions,GDIS", `{"slots": ["dx1"], "between": ["E10", "E14"]}`, "diagnosis 1 is from E10 to E14", e10, e14},
		{"clinical", "demographics", `{"slots": ["sex"], "equals": "male"}`, "administrative gender is male", male, male},
		{"clinical", "demographics", `{"slots": ["birthDate"], "atMost": "2000-01-31"}`, "birth date is on or before 2000-01-31", 0, value(consent.Date, "2000-01-31")},
		{"coverage", "coverage", `{"slots": ["plan"], "equals": "Gold"}`, "plan is Gold", value(consent.Text, "Gold"), value(consent.Text, "Gold")},
		{"measurements", "observations", `{"slots": ["glucose"], "between": ["4.0", "7.8"]}`, "glucose in blood is from 4.0 to 7.8 mmol/L", value(consent.Decimal, "4.0"), value(consent.Decimal, "7.8")},
		{"own.json", "devices", `{"slots": ["x"], "atLeast": "-3"}`, "x of the device is at least -3", value(consent.Integer, "-3"), math.MaxUint64},
		{"own.json", "devices", `{"slots": ["since"], "atMost": "2026-01-01"}`, "known to the issuer since is on or before 2026-01-01", 0, value(consent.Date, "2026-01-01")},
	} {
		p, err := Parse(with(t, both(set("schema", c.schema), set("categories", strings.Split(c.categories, ",")), where("["+c.condition+"]"))), files())
		if err != nil {
			t.Errorf("%s: %v", c.condition, err)
			continue
		}
		r, err := p.Template(now)
		if err != nil {
			t.Fatal(err)
		}
		if q := r.Ranges[0]; q.Label != c.label || q.Lo != c.lo || q.Hi != c.hi {
			t.Errorf("%s: %+v", c.condition, q)
		}
	}
}

func TestCompilesLists(t *testing.T) {
	gold, _ := consent.EncodeText("Gold")
	for condition, want := range map[string]struct {
		label     string
		intervals int
		name      string
	}{
		`{"slots": ["plan"], "in": "plans-2026.set"}`:            {"plan is in the list plans-2026", 2, "plans-2026"},
		`{"slots": ["plan"], "oneOf": ["Gold", "Silver"]}`:       {"plan is Gold or Silver", 2, ""},
		`{"slots": ["plan"], "notEquals": "Gold"}`:               {"plan is present and not Gold", 2, ""},
		`{"slots": ["plan"], "in": "most.set"}`:                  {"plan is in the list most", 2, "most"},
		`{"slots": ["region"], "prefix": ["US-NY", "DE", "de"]}`: {"country and state begins with US-NY or DE or de", 2, ""},
	} {
		p, err := Parse(with(t, both(set("schema", "coverage"), set("categories", []string{"coverage", "demographics"}), where("["+condition+"]"))), files())
		if err != nil {
			t.Errorf("%s: %v", condition, err)
			continue
		}
		r, err := p.Template(now)
		if err != nil {
			t.Fatal(err)
		}
		s := r.Sets[0]
		if s.Label != want.label || len(s.Set.Intervals) != want.intervals || s.Set.Name != want.name || s.Set.Check() != nil {
			t.Errorf("%s: %+v", condition, s)
		}
		if strings.Contains(condition, "notEquals") {
			if _, in := s.Set.Contains(gold); in {
				t.Error("notEquals contains what it excludes")
			}
		}
	}
}

// encoding/json takes a long s for an s, so a second field under it would
// silently replace the one that everybody reads.
func TestAttack_FieldRepeatedInAnotherAlphabet(t *testing.T) {
	for _, name := range []string{"ſlots", "SLOTS", "\\u0073lots", "\\u017flots"} {
		doc := with(t, where(`[{"slots": ["sex"], "equals": "male"}]`))
		doc = []byte(strings.Replace(string(doc), `"slots":["sex"]`, `"slots":["sex"],"`+name+`":["region"]`, 1))
		var e *Error
		if _, err := Parse(doc, files()); !errors.As(err, &e) || e.Reason != "occurs twice" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnceTakesTheFirstRange(t *testing.T) {
	p, err := Parse(with(t, both(set("rule", "once"), set("opened", "2026-11-01"), set("trust", "raw.trust"),
		where(`[{"slots": ["dx1"], "prefix": ["E11"]}]`))), files())
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Template(now)
	if err != nil {
		t.Fatal(err)
	}
	opened, _ := consent.EncodeDate("2026-11-01")
	if q := r.Ranges[0]; q.Mask != 1 || q.Lo != 0 || q.Hi != opened || q.Label == "" || consent.DayValue(r.Opened) != opened {
		t.Errorf("%+v", q)
	}
	if q := r.Ranges[1]; q.Mask != 1<<4 {
		t.Errorf("%+v", q)
	}
}

func TestOpenEndsFollowTheClock(t *testing.T) {
	p, err := Parse(with(t, both(set("data", map[string]any{"from": "1960-01-01"}), set("relyFor", nil), set("rule", "none"),
		where(`[{"slots": ["birthDate"], "age": {"min": 18}}]`))), files())
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Template(now)
	if err != nil {
		t.Fatal(err)
	}
	born, _ := consent.EncodeDate("2008-11-21")
	if r.QFrom != 1 || r.QTo != consent.Time(now.Unix()) || r.Until != 0 || r.Ranges[0].Hi != born {
		t.Errorf("%+v", r)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sound))
	f.Add([]byte(`{"where": [{"slots": ["dx1"], "oneOf": ["A", "B"]}]}`))
	f.Add([]byte(`{"data": {"from": "0001-01-01"}, "relyFor": "1h1d"}`))
	below := files()
	delete(below, "huge.set")
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := Parse(in, below)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		r, err := p.Template(now)
		if err != nil {
			return
		}
		for i := range r.Sets {
			if err := r.Sets[i].Set.Check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzFiles gives the files that a policy names.
func FuzzFiles(f *testing.F) {
	all := files()
	for _, name := range []string{"clinics.trust", "raw.trust", "plans-2026.set", "most.set", "own.json", "broken.trust"} {
		f.Add(all[name].Data)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		below := fstest.MapFS{"x": {Data: b}, "clinics.trust": all["clinics.trust"]}
		for _, text := range []string{
			strings.Replace(sound, "clinics.trust", "x", 1),
			strings.Replace(sound, `"schema": "clinical"`, `"schema": "x"`, 1),
			strings.Replace(sound, `"prefix": ["E11"]`, `"in": "x"`, 1),
		} {
			var fault *Error
			if _, err := Parse([]byte(text), below); err != nil && !errors.As(err, &fault) {
				t.Fatalf("untyped error %v", err)
			}
		}
	})
}
