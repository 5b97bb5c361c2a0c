// Package ptau reads powers of tau, the first phase of a Groth16 setup and a
// universal setup for PLONK, from files in the form that snarkjs writes
// (docs/spec.md §9.6).
//
// # Caveats
//
// [Read] shows that a file holds consistent powers of some tau, alpha and beta.
// It does not show that nobody knows them: the contributions of which the file
// tells are listed by the names that it gives them, and are not verified.
// Whoever takes a file verifies it with snarkjs, or compares its SHA-256 with
// one that a ceremony of good name has published.
package ptau

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	kzg "github.com/consensys/gnark-crypto/ecc/bn254/mpcsetup"
	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"
)

// MaxPower bounds the exponent of a file's domain: what the scalar field has.
const MaxPower = 28

// An Error reports a file that does not hold powers of tau.
type Error struct {
	Section string
	Reason  string
}

func (e *Error) Error() string { return "ptau: " + e.Section + ": " + e.Reason }

func fault(section, format string, args ...any) error {
	return &Error{section, fmt.Sprintf(format, args...)}
}

// A File is what a file says beside its powers.
type File struct {
	Power         int // of the file's domain, 2^Power
	CeremonyPower int // of the ceremony's that the file was cut from
	Contributions []Contribution
}

// The numbers of sections.
const (
	sectionHeader = 1 + iota
	sectionTauG1
	sectionTauG2
	sectionAlphaTauG1
	sectionBetaTauG1
	sectionBetaG2
	sectionContributions
)

var sectionNames = [...]string{"file", "header", "tauG1", "tauG2", "alphaTauG1", "betaTauG1", "betaG2", "contributions"}

// Lagrange forms of sections 2 to 5, which a file that was prepared for
// snarkjs's own second phase has and nobody reads here.
const firstLagrange, lastLagrange = 12, 15

const (
	maxSections      = 16
	sizeG1, sizeG2   = 64, 128
	maxContributions = 4 << 20 // bytes
)

type section struct{ at, size int64 }

// Read returns the powers in a file of size bytes, cut to the domain 2^power:
// 2n−1 of tau in G1 and n each of tau in G2, and of alpha·tau and beta·tau in
// G1. Every point that it returns is on its curve, in its subgroup and not
// infinity; the vectors begin with the generators and are powers of one tau,
// which like alpha and beta is not 1. Errors are *[Error], of r, or ctx's.
func Read(ctx context.Context, r io.ReaderAt, size int64, power int) (*mpcsetup.SrsCommons, *File, error) {
	sections, err := readSections(r, size)
	if err != nil {
		return nil, nil, err
	}
	f, err := readHeader(r, sections)
	if err != nil {
		return nil, nil, err
	}
	if power < 1 || power > f.Power {
		return nil, nil, fault("header", "it is for domains up to 2^%d, 2^%d is needed", f.Power, power)
	}
	full := int64(1) << f.Power
	for id, want := range map[int]int64{
		sectionTauG1: (2*full - 1) * sizeG1, sectionTauG2: full * sizeG2,
		sectionAlphaTauG1: full * sizeG1, sectionBetaTauG1: full * sizeG1, sectionBetaG2: sizeG2,
	} {
		if got := sections[id].size; got != want {
			return nil, nil, fault(sectionNames[id], "%d bytes, the domain has %d", got, want)
		}
	}
	if f.Contributions, err = readContributions(r, sections[sectionContributions]); err != nil {
		return nil, nil, err
	}
	n := 1 << power
	srs := new(mpcsetup.SrsCommons)
	for _, part := range []struct {
		id    int
		n     int
		point *[]bn254.G1Affine
	}{{sectionTauG1, 2*n - 1, &srs.G1.Tau}, {sectionAlphaTauG1, n, &srs.G1.AlphaTau}, {sectionBetaTauG1, n, &srs.G1.BetaTau}} {
		if *part.point, err = readG1(ctx, r, part.id, sections[part.id].at, part.n); err != nil {
			return nil, nil, err
		}
	}
	if srs.G2.Tau, err = readG2(ctx, r, sectionTauG2, sections[sectionTauG2].at, n); err != nil {
		return nil, nil, err
	}
	beta, err := readG2(ctx, r, sectionBetaG2, sections[sectionBetaG2].at, 1)
	if err != nil {
		return nil, nil, err
	}
	srs.G2.Beta = beta[0]
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	return srs, f, check(srs)
}

func readSections(r io.ReaderAt, size int64) (map[int]section, error) {
	var head [12]byte
	if err := readAt(r, head[:], 0, size, "file"); err != nil {
		return nil, err
	}
	if string(head[:4]) != "ptau" {
		return nil, fault("file", "it does not begin with \"ptau\"")
	}
	if v := binary.LittleEndian.Uint32(head[4:]); v != 1 {
		return nil, fault("file", "version %d, this program reads version 1", v)
	}
	count := binary.LittleEndian.Uint32(head[8:])
	if count > maxSections {
		return nil, fault("file", "%d sections, at most %d are allowed", count, maxSections)
	}
	sections := map[int]section{}
	at := int64(len(head))
	for range count {
		var b [12]byte
		if err := readAt(r, b[:], at, size, "file"); err != nil {
			return nil, err
		}
		at += int64(len(b))
		id, n := binary.LittleEndian.Uint32(b[:]), binary.LittleEndian.Uint64(b[4:])
		if id == 0 || id > sectionContributions && id < firstLagrange || id > lastLagrange {
			return nil, fault("file", "section %d is not one of powers of tau", id)
		}
		if _, twice := sections[int(id)]; twice {
			return nil, fault("file", "section %d stands there twice", id)
		}
		if n > uint64(size-at) {
			return nil, fault("file", "section %d announces %d bytes, %d are left", id, n, size-at)
		}
		sections[int(id)] = section{at, int64(n)}
		at += int64(n)
	}
	if at != size {
		return nil, fault("file", "%d trailing bytes", size-at)
	}
	for id := sectionHeader; id <= sectionContributions; id++ {
		if _, ok := sections[id]; !ok {
			return nil, fault(sectionNames[id], "the section is missing")
		}
	}
	return sections, nil
}

func readHeader(r io.ReaderAt, sections map[int]section) (*File, error) {
	var b [4 + 32 + 8]byte
	s := sections[sectionHeader]
	if s.size != int64(len(b)) {
		return nil, fault("header", "%d bytes, one of BN254 has %d", s.size, len(b))
	}
	if err := readAt(r, b[:], s.at, s.at+s.size, "header"); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(b[:]) != 32 || !isModulus(b[4:36]) {
		return nil, fault("header", "the curve is not BN254")
	}
	power, ceremony := binary.LittleEndian.Uint32(b[36:]), binary.LittleEndian.Uint32(b[40:])
	if power < 1 || power > ceremony || ceremony > MaxPower {
		return nil, fault("header", "power %d of a ceremony's %d, allowed are 1 to %d", power, ceremony, MaxPower)
	}
	return &File{Power: int(power), CeremonyPower: int(ceremony)}, nil
}

// check holds the vectors against each other.
func check(srs *mpcsetup.SrsCommons) error {
	_, _, g1, g2 := bn254.Generators()
	switch {
	case !srs.G1.Tau[0].Equal(&g1):
		return fault("tauG1", "it does not begin with the generator")
	case !srs.G2.Tau[0].Equal(&g2):
		return fault("tauG2", "it does not begin with the generator")
	case srs.G1.Tau[1].Equal(&g1):
		return fault("tauG1", "tau is 1: nobody has contributed")
	case srs.G1.AlphaTau[0].Equal(&g1):
		return fault("alphaTauG1", "alpha is 1: nobody has contributed")
	case srs.G1.BetaTau[0].Equal(&g1):
		return fault("betaTauG1", "beta is 1: nobody has contributed")
	}
	if kzg.SameRatioMany(srs.G1.Tau, srs.G2.Tau, srs.G1.AlphaTau, srs.G1.BetaTau) != nil {
		return fault("powers", "they are not the powers of one tau")
	}
	var minus bn254.G1Affine
	minus.Neg(&g1)
	same, err := bn254.PairingCheck([]bn254.G1Affine{srs.G1.BetaTau[0], minus}, []bn254.G2Affine{g2, srs.G2.Beta})
	if err != nil || !same {
		return fault("betaG2", "it is not the beta of betaTauG1")
	}
	return nil
}

func readAt(r io.ReaderAt, b []byte, at, end int64, name string) error {
	if int64(len(b)) > end-at {
		return fault(name, "truncated")
	}
	if n, err := r.ReadAt(b, at); n < len(b) {
		if err == io.EOF {
			return fault(name, "truncated")
		}
		return fmt.Errorf("ptau: %w", err)
	}
	return nil
}
