package codes

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/internal/field"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite testdata; only for a new version of a table")

func tables() []*Table { return []*Table{PurposeTable(), RestrictionTable(), CategoryTable()} }

// A consent on the ledger commits to a mask, so this file may only grow.
func TestFrozenBits(t *testing.T) {
	var b strings.Builder
	for _, table := range tables() {
		fmt.Fprintf(&b, "%s version %d digest %s\n", table.Name, table.Version, field.Hex(table.Digest()))
		for _, e := range table.Entries() {
			fmt.Fprintf(&b, "%s %d %s %s|%s\n", table.Name, e.Bit, e.Name, e.System, e.Code)
		}
	}
	const path = "testdata/bits.golden"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("a bit, code or digest differs from %s: bits are frozen, new codes take free bits and raise the version", path)
	}
}

func TestHierarchy(t *testing.T) {
	for _, c := range []struct {
		parent   string
		children string
		not      string
	}{
		{"HPAYMT", "CLMATTCH,COVAUTH,COVERAGE,ELIGDTRM,ELIGVER,ENROLLM,MILDCRG,REMITADV", "HMARKT,TREAT,HRESCH"},
		{"COVERAGE", "ELIGVER,ELIGDTRM,ENROLLM,MILDCRG", "CLMATTCH,HPAYMT"},
		{"HRESCH", "BIORCH,CLINTRCH,CLINTRCHNPC,CLINTRCHPC,PRECLINTRCH,DSRCH,POARCH,TRANSRCH", "CLINTRL,GRU"},
		{"TREAT", "CLINTRL,COC,ETREAT,BTG,ERTREAT,POPHLTH", "CLINTRCH"},
		{"GRU", "HMB,POA", "HRESCH,NRES"},
		{"HMB", "HMB", "POA,BIORCH"},
	} {
		p, err := ParsePurposes(c.parent)
		if err != nil {
			t.Fatal(err)
		}
		children, err := ParsePurposes(c.children)
		if err != nil {
			t.Fatal(err)
		}
		not, err := ParsePurposes(c.not)
		if err != nil {
			t.Fatal(err)
		}
		if closed := p.Closed(); !children.Within(closed) || closed&not != 0 {
			t.Errorf("%s closes to %s", c.parent, closed)
		}
	}
	eligver, _ := PurposeTable().ByName("ELIGVER")
	if got := Purposes(PurposeTable().Up(eligver.Mask())).String(); got != "HPAYMT,COVERAGE,ELIGVER" {
		t.Errorf("above ELIGVER: %s", got)
	}
}

func TestRefusesUnknownCodes(t *testing.T) {
	for _, c := range []struct {
		table        *Table
		system, code string
	}{
		{PurposeTable(), SystemPurpose, "PurposeOfUse"},
		{PurposeTable(), SystemPurpose, "treat"},
		{PurposeTable(), "http://healthit.gov/nhin/purposeofuse", "TREATMENT"},
		{PurposeTable(), "", "TREAT"},
		{PurposeTable(), SystemDUO, "DUO:0000007"},
		{RestrictionTable(), SystemDUO, "DUO:0000007"},
		{CategoryTable(), SystemResource, "Basic"},
		{CategoryTable(), SystemSensitivity, "CEL"},
	} {
		_, err := c.table.Lookup(c.system, c.code)
		var unknown *UnknownCode
		if !errors.As(err, &unknown) || !errors.Is(err, ErrUnknownCode) || unknown.Code != c.code || unknown.System != c.system {
			t.Errorf("%s %s|%s: %v", c.table.Name, c.system, c.code, err)
		}
	}
	for _, s := range []string{"TREAT,", ",", "TREAT,TREAT", "TREAT, COC", "bit63", "treat"} {
		if p, err := ParsePurposes(s); err == nil {
			t.Errorf("%q parsed as %v", s, p)
		}
	}
}

func TestExactlyOnePurpose(t *testing.T) {
	for _, c := range []struct {
		p    Purposes
		want bool
	}{{0, false}, {1, true}, {3, false}, {1 << 63, false}, {1 << 62, true}} {
		if c.p.One() != c.want {
			t.Errorf("%v.One() = %v", c.p, !c.want)
		}
	}
}

func TestSensitivityIsNotImplied(t *testing.T) {
	classes := Categories(CategoryTable().Known()) &^ Sensitivities
	if classes.Closed() != classes {
		t.Errorf("classes of records imply %v", classes.Closed()&^classes)
	}
	for _, e := range CategoryTable().Entries() {
		if sensitive := e.System == SystemSensitivity; sensitive != (Categories(e.Mask())&Sensitivities != 0) {
			t.Errorf("%s stands on bit %d", e.Name, e.Bit)
		}
	}
}

func TestDescribesBranches(t *testing.T) {
	p, _ := ParsePurposes("HPAYMT")
	if got := p.Closed().Describe(); len(got) != 1 || got[0] != "healthcare payment" {
		t.Errorf("%q", got)
	}
	p, _ = ParsePurposes("COVERAGE,ELIGVER")
	if got := strings.Join(p.Describe(), "; "); got != "coverage under policy or program (not all kinds); eligibility verification" {
		t.Errorf("%q", got)
	}
	if got := Purposes(1 << 63).Describe(); len(got) != 1 || !strings.Contains(got[0], "unknown") {
		t.Errorf("%q", got)
	}
}

func TestListsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := tables()[rapid.IntRange(0, 2).Draw(t, "table")]
		mask := rapid.Uint64().Draw(t, "mask") & table.Known()
		got, err := table.Parse(table.Format(mask))
		if err != nil || got != mask {
			t.Fatalf("%x became %x, %v", mask, got, err)
		}
		down := table.Down(mask)
		if mask&^down != 0 || table.Down(down) != down || down&^table.Known() != 0 {
			t.Fatalf("closure of %x is %x", mask, down)
		}
		up := table.Up(mask)
		if mask&^up != 0 || table.Up(up) != up {
			t.Fatalf("closure upward of %x is %x", mask, up)
		}
	})
}

func TestRefusesMalformedTables(t *testing.T) {
	for name, data := range map[string]string{
		"bit used twice":      `{"entries":[{"bit":1,"name":"A","code":"A"},{"bit":1,"name":"B","code":"B"}]}`,
		"bit beyond width":    `{"entries":[{"bit":32,"name":"A","code":"A"}]}`,
		"name used twice":     `{"entries":[{"bit":1,"name":"A","code":"A"},{"bit":2,"name":"A","code":"B"}]}`,
		"code used twice":     `{"entries":[{"bit":1,"name":"A","code":"A"},{"bit":2,"name":"B","code":"A"}]}`,
		"parent after child":  `{"entries":[{"bit":1,"name":"A","code":"A","parent":"B"},{"bit":2,"name":"B","code":"B"}]}`,
		"parent of itself":    `{"entries":[{"bit":1,"name":"A","code":"A","parent":"A"}]}`,
		"not JSON":            `{`,
		"empty name":          `{"entries":[{"bit":1,"name":"","code":"A"}]}`,
		"other spelling used": `{"entries":[{"bit":1,"name":"A","code":"A"},{"bit":2,"name":"B","code":"B","also":["A"]}]}`,
	} {
		if _, err := readTable([]byte(data), 32); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("TREAT,COC")
	f.Add("")
	f.Add("bit63,,")
	f.Add("NPU,IRB")
	f.Add("conditions,HIV")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := ParsePurposes(s); err == nil {
			if again, err := ParsePurposes(p.String()); err != nil || again != p {
				t.Fatalf("purposes %q became %v, then %v, %v", s, p, again, err)
			}
		}
		if r, err := ParseRestrictions(s); err == nil {
			if again, err := ParseRestrictions(r.String()); err != nil || again != r {
				t.Fatalf("restrictions %q became %v, then %v, %v", s, r, again, err)
			}
		}
		if c, err := ParseCategories(s); err == nil {
			if again, err := ParseCategories(c.String()); err != nil || again != c {
				t.Fatalf("categories %q became %v, then %v, %v", s, c, again, err)
			}
		}
	})
}

// FuzzReadTable: a table that reads has parents before children and no two
// entries for one name or bit. The program's own tables are compiled in.
func FuzzReadTable(f *testing.F) {
	f.Add([]byte(`{"name":"t","version":1,"entries":[{"bit":0,"name":"A","code":"a"},{"bit":3,"name":"B","code":"b","parent":"A"}]}`), uint8(64))
	f.Add([]byte(`{"entries":[{"bit":1,"name":"A","parent":"A"}]}`), uint8(32))
	f.Add([]byte(`{"entries":[{"bit":18446744073709551615,"name":"A"}]}`), uint8(64))
	f.Fuzz(func(t *testing.T, b []byte, width uint8) {
		w := uint(width) % 65
		table, err := readTable(b, w)
		if err != nil {
			return
		}
		if w < 64 && table.Known()>>w != 0 {
			t.Fatalf("bits beyond %d: %x", w, table.Known())
		}
		for _, e := range table.entries {
			if table.Down(e.Mask())&e.Mask() == 0 || table.Down(e.Mask())&^table.Known() != 0 {
				t.Fatalf("%s is not below itself, or something unknown is", e.Name)
			}
		}
	})
}
