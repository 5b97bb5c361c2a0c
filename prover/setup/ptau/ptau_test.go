package ptau_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"
	"github.com/zkconsent/zkconsent/prover/setup/ptau"
	"github.com/zkconsent/zkconsent/prover/setup/ptau/ptautest"
)

func file(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func read(b []byte, power int) (*mpcsetup.SrsCommons, *ptau.File, error) {
	return ptau.Read(context.Background(), bytes.NewReader(b), int64(len(b)), power)
}

func TestReadsWhatSnarkjsWrote(t *testing.T) {
	want := []ptau.Contribution{{Name: "first"}, {Name: "second"}, {Name: "final beacon", Beacon: true}}
	var first *mpcsetup.SrsCommons
	for _, name := range []string{"power4.ptau", "power4-prepared.ptau"} {
		srs, f, err := read(file(t, name), 4)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f.Power != 4 || f.CeremonyPower != 4 || !reflect.DeepEqual(f.Contributions, want) {
			t.Errorf("%s: %+v", name, f)
		}
		if len(srs.G1.Tau) != 31 || len(srs.G2.Tau) != 16 || len(srs.G1.AlphaTau) != 16 || len(srs.G1.BetaTau) != 16 {
			t.Errorf("%s: the lengths are not those of 2^4", name)
		}
		if first != nil && !reflect.DeepEqual(first, srs) {
			t.Errorf("%s has other powers than the file it was prepared from", name)
		}
		first = srs
	}
	cut, _, err := read(file(t, "power4.ptau"), 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(cut.G1.Tau) != 15 || len(cut.G2.Tau) != 8 || !reflect.DeepEqual(cut.G1.Tau, first.G1.Tau[:15]) {
		t.Error("the powers for 2^3 are not the first of those for 2^4")
	}
}

func TestReadsWhatTheTestsWrite(t *testing.T) {
	srs, f, err := read(ptautest.Write(5, 3, 5, 7), 5)
	if err != nil || len(f.Contributions) != 0 {
		t.Fatalf("%+v, %v", f, err)
	}
	if want := ptautest.Write(5, 3, 5, 7); !bytes.Equal(want, ptautest.Write(5, 3, 5, 7)) || len(srs.G1.Tau) != 63 {
		t.Error("the writer is not a function of its arguments")
	}
}

// at is where a section's content begins.
func at(t *testing.T, b []byte, id uint32) int {
	t.Helper()
	for i := 12; i < len(b); {
		size := int(binary.LittleEndian.Uint64(b[i+4:]))
		if binary.LittleEndian.Uint32(b[i:]) == id {
			return i + 12
		}
		i += 12 + size
	}
	t.Fatalf("no section %d", id)
	return 0
}

// offSubgroup is a point of the twist that has another order than r.
func offSubgroup(t *testing.T) []byte {
	t.Helper()
	for i := range uint64(1000) {
		var p bn254.G2Affine
		p.X.A0.SetUint64(i)
		y2 := p.X
		y2.Square(&p.X).Mul(&y2, &p.X)
		_, _, _, g := bn254.Generators()
		// b = y² − x³ of the generator
		b, x3 := g.Y, g.X
		b.Square(&g.Y)
		x3.Square(&g.X).Mul(&x3, &g.X)
		b.Sub(&b, &x3)
		y2.Add(&y2, &b)
		if y2.Legendre() != 1 {
			continue
		}
		p.Y.Sqrt(&y2)
		if p.IsOnCurve() && !p.IsInSubGroup() {
			var out []byte
			for _, e := range []fp.Element{p.X.A0, p.X.A1, p.Y.A0, p.Y.A1} {
				for _, w := range e {
					out = binary.LittleEndian.AppendUint64(out, w)
				}
			}
			return out
		}
	}
	t.Fatal("no point found")
	return nil
}

func TestRefusesFalsePowers(t *testing.T) {
	good := file(t, "power4.ptau")
	other := ptautest.Write(4, 3, 5, 7)
	paste := func(id uint32, offset int, content []byte) func([]byte) []byte {
		return func(b []byte) []byte { copy(b[at(t, b, id)+offset:], content); return b }
	}
	swap := func(id uint32, i, j, size int) func([]byte) []byte {
		return func(b []byte) []byte {
			s := at(t, b, id)
			x := bytes.Clone(b[s+i*size : s+(i+1)*size])
			copy(b[s+i*size:], b[s+j*size:s+(j+1)*size])
			copy(b[s+j*size:], x)
			return b
		}
	}
	section := func(b []byte, id uint32, size int) []byte { s := at(t, b, id); return b[s : s+size] }
	for name, c := range map[string]struct {
		spoil func([]byte) []byte
		want  string
	}{
		"another magic":             {func(b []byte) []byte { b[0] = 'q'; return b }, "does not begin"},
		"another version":           {func(b []byte) []byte { b[4] = 2; return b }, "version 2"},
		"no sections":               {func(b []byte) []byte { b[8] = 0; return b }, "trailing"},
		"four billion sections":     {func(b []byte) []byte { copy(b[8:], "\xff\xff\xff\xff"); return b }, "sections"},
		"an unknown section":        {func(b []byte) []byte { b[12] = 9; return b }, "section 9"},
		"a section twice":           {func(b []byte) []byte { b[at(t, b, 4)-12] = 5; return b }, "twice"},
		"a section left out":        {func(b []byte) []byte { b[at(t, b, 4)-12] = 12; return b }, "missing"},
		"a section beyond the end":  {func(b []byte) []byte { b[at(t, b, 2)-2] = 1; return b }, "announces"},
		"a negative section":        {func(b []byte) []byte { b[at(t, b, 2)-1] = 0x80; return b }, "announces"},
		"a trailing byte":           {func(b []byte) []byte { return append(b, 0) }, "trailing"},
		"another curve":             {paste(1, 4, []byte{0}), "curve"},
		"a field of 48 bytes":       {paste(1, 0, []byte{48}), "curve"},
		"a larger power":            {paste(1, 36, []byte{5, 0, 0, 0, 5}), "bytes, the domain has"},
		"power 0":                   {paste(1, 36, []byte{0}), "power 0"},
		"power 255":                 {paste(1, 36, []byte{255, 0, 0, 0, 255}), "power 255"},
		"a coordinate at modulus":   {paste(2, 64, section(good, 1, 36)[4:]), "not below the modulus"},
		"infinity in G1":            {paste(4, 64, make([]byte, 64)), "infinity"},
		"infinity in G2":            {paste(3, 128, make([]byte, 128)), "infinity"},
		"off the curve in G1":       {paste(5, 32, make([]byte, 32)), "not on the curve"},
		"off the curve in G2":       {paste(3, 64, make([]byte, 64)), "not on the curve"},
		"off the subgroup":          {paste(3, 256, offSubgroup(t)), "not in the subgroup"},
		"beta off the subgroup":     {paste(6, 0, offSubgroup(t)), "not in the subgroup"},
		"does not begin with one":   {swap(2, 0, 1, 64), "generator"},
		"G2 does not begin so":      {swap(3, 0, 1, 128), "generator"},
		"two powers exchanged":      {swap(2, 5, 6, 64), "powers of one tau"},
		"two powers of G2":          {swap(3, 5, 6, 128), "powers of one tau"},
		"two of alpha":              {swap(4, 5, 6, 64), "powers of one tau"},
		"two of beta":               {swap(5, 5, 6, 64), "powers of one tau"},
		"the last power of G1":      {swap(2, 29, 30, 64), "powers of one tau"},
		"another tau in G2":         {paste(3, 0, section(other, 3, 16*128)), "powers of one tau"},
		"another tau for alpha":     {paste(4, 0, section(other, 4, 16*64)), "powers of one tau"},
		"another beta in G2":        {paste(6, 0, section(other, 6, 128)), "betaG2"},
		"4 billion contributions":   {paste(7, 0, []byte{255, 255, 255, 255}), "do not fit"},
		"one contribution fewer":    {paste(7, 0, []byte{2}), "trailing"},
		"a contribution of no type": {paste(7, 4+1504-8, []byte{9}), "contribution 1 is malformed"},
		"parameters beyond the end": {paste(7, 4+1504-4, []byte{255, 255, 255, 255}), "contribution 1 is malformed"},
		"a parameter of no kind":    {paste(7, 4+1504, []byte{4}), "parameters of contribution 1"},
	} {
		_, _, err := read(c.spoil(bytes.Clone(good)), 4)
		var e *ptau.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for _, power := range []int{-1, 0, 5} {
		if _, _, err := read(good, power); err == nil {
			t.Errorf("powers for 2^%d come from a file for 2^4", power)
		}
	}
}

// TestRefusesPowersWithoutContribution: everybody knows the tau of such a file.
func TestRefusesPowersWithoutContribution(t *testing.T) {
	for name, b := range map[string][]byte{
		"tau is 1":  file(t, "power4-fresh.ptau"),
		"alpha":     ptautest.Write(4, 3, 1, 7),
		"beta is 1": ptautest.Write(4, 3, 5, 1),
	} {
		if _, _, err := read(b, 4); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "nobody has contributed") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusesEveryTruncation(t *testing.T) {
	good := file(t, "power4.ptau")
	for n := range good {
		var e *ptau.Error
		if _, _, err := read(good[:n], 4); !errors.As(err, &e) {
			t.Fatalf("%d of %d bytes: %v", n, len(good), err)
		}
	}
}

func TestReadHonoursContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b := file(t, "power4.ptau")
	if _, _, err := ptau.Read(ctx, bytes.NewReader(b), int64(len(b)), 4); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file(f, "power4.ptau"))
	f.Add(ptautest.Write(1, 3, 5, 7))
	f.Add([]byte("ptau\x01\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		srs, _, err := read(b, 1)
		if err != nil {
			if e := (*ptau.Error)(nil); !errors.As(err, &e) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if len(srs.G1.Tau) != 3 || len(srs.G2.Tau) != 2 {
			t.Fatal("other lengths than those of 2^1")
		}
	})
}
