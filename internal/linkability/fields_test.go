package linkability

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/redsig"
)

// A part is a field of a presentation as it travels.
type part struct {
	name     string
	from, to int
}

// public are the parts that say nothing of a wallet: format, and the number of
// the epoch, which is the same for everybody. Eligibility's empty watch tag is
// the only other one.
var public = []part{{"format", 0, 4}, {"epoch", 20, 28}}

// parts are all others: who presents must not show in any of them.
var parts = []part{
	{"request id", 4, 20}, {"nullifier", 28, 60}, {"watch", 60, 92}, {"rk", 92, 124},
	{"proof A", 124, 156}, {"proof B, first half", 156, 188}, {"proof B, second half", 188, 220}, {"proof C", 220, 252},
	{"signature R", 252, 284}, {"signature s", 284, 316},
}

// window is the shortest run of bytes that counts as shared. Among the bytes of
// 1,000 presentations a run of 8 is equal by chance once in 10^9 trials.
const window = 8

// A sighting is a place in a presentation.
type sighting struct{ presentation, at int }

// shared finds every run of bytes that two presentations have in common, at
// whatever places, outside of public parts.
func shared(all []presented) (pairs map[[2]int][]string) {
	seen := map[uint64][]sighting{}
	pairs = map[[2]int][]string{}
	for i := range all {
		b := all[i].shown.Encode()
		for at := range len(b) - window + 1 {
			if isPublic(b, at) {
				continue
			}
			key := binary.BigEndian.Uint64(b[at:])
			for _, other := range seen[key] {
				if other.presentation != i {
					pair := [2]int{other.presentation, i}
					pairs[pair] = append(pairs[pair], fmt.Sprintf("%s is %s", name(at), name(other.at)))
				}
			}
			seen[key] = append(seen[key], sighting{i, at})
		}
	}
	return pairs
}

// isPublic tells whether a run touches a public part, or an empty watch tag.
func isPublic(b []byte, at int) bool {
	touches := func(p part) bool { return at < p.to && p.from < at+window }
	if slices.ContainsFunc(public, touches) {
		return true
	}
	watch := parts[2]
	return touches(watch) && bytes.Count(b[watch.from:watch.to], []byte{0}) == watch.to-watch.from
}

func name(at int) string {
	for _, p := range parts {
		if p.from <= at && at < p.to {
			return p.name
		}
	}
	return "format or epoch"
}

// views are the numbers that a presentation shows to those who look closer:
// its parts, and the coordinates behind its compressed points.
func views(p *consent.Presentation) map[string][]byte {
	b, out := p.Encode(), map[string][]byte{}
	for _, f := range parts {
		out[f.name] = b[f.from:f.to]
	}
	// A point that is none, as only a careless wallet shows it, has no coordinates.
	coordinates := func(name string, x, y []byte) { out[name+", x"], out[name+", y"] = x, y }
	for name, raw := range map[string][]byte{"rk": p.Rk[:], "signature R": p.Signature[:32]} {
		k, err := redsig.DecodePoint(raw)
		if err != nil {
			k = redsig.Point{}
		}
		x, y := k.X(), k.Y()
		coordinates(name, x.Marshal(), y.Marshal())
	}
	for name, raw := range map[string]consent.Proof{"proof A": p.Proof[:32], "proof C": p.Proof[96:]} {
		var g bn254.G1Affine
		if _, err := g.SetBytes([]byte(raw)); err != nil {
			g = bn254.G1Affine{}
		}
		coordinates(name, g.X.Marshal(), g.Y.Marshal())
	}
	return out
}
