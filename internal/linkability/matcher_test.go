package linkability

import (
	"maps"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sort"
)

// A measure says how alike two fields are: more is more alike.
type measure struct {
	name string
	of   func(a, b []byte) float64
}

var measures = []measure{
	{"equal bytes", func(a, b []byte) (n float64) {
		for i := range a {
			if a[i] == b[i] {
				n++
			}
		}
		return n
	}},
	{"equal bits", func(a, b []byte) float64 { return -float64(hamming(a, b)) }},
	{"differing bits", func(a, b []byte) float64 { return float64(hamming(a, b)) }},
	{"number of ones", func(a, b []byte) float64 { return -math.Abs(float64(ones(a) - ones(b))) }},
	{"first bytes", func(a, b []byte) float64 { return -math.Abs(leading(a) - leading(b)) }},
	{"last bytes", func(a, b []byte) float64 { return -math.Abs(leading(a[len(a)-8:]) - leading(b[len(b)-8:])) }},
	{"difference", func(a, b []byte) float64 {
		d := new(big.Int).Sub(new(big.Int).SetBytes(a), new(big.Int).SetBytes(b))
		f, _ := new(big.Float).SetInt(d).Float64()
		return -math.Abs(f)
	}},
	{"bytes anywhere", func(a, b []byte) float64 {
		var in [256]bool
		for _, x := range a {
			in[x] = true
		}
		n := 0.0
		for _, x := range b {
			if in[x] {
				n++
			}
		}
		return n
	}},
}

func hamming(a, b []byte) (n int) {
	for i := range a {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return n
}

func ones(a []byte) (n int) {
	for _, x := range a {
		n += bits.OnesCount8(x)
	}
	return n
}

func leading(a []byte) (f float64) {
	for _, x := range a[:8] {
		f = f*256 + float64(x)
	}
	return f
}

// A shelf is what one verifier holds of one kind: a presentation of each
// wallet, in an order that tells nothing.
type shelf struct {
	verifier int
	wallets  []int // whose each is, for the count alone
	views    []map[string][]byte
}

// shelves sorts presentations by verifier and kind, each shuffled.
func shelves(all []presented, rng *rand.Rand) []shelf {
	found := map[[2]int]*shelf{}
	for i := range all {
		p := &all[i]
		at := [2]int{p.verifier, p.kind}
		if found[at] == nil {
			found[at] = &shelf{verifier: p.verifier}
		}
		found[at].wallets = append(found[at].wallets, p.wallet)
		found[at].views = append(found[at].views, views(&p.shown))
	}
	places := make([][2]int, 0, len(found))
	for at := range found {
		places = append(places, at)
	}
	sort.Slice(places, func(i, j int) bool {
		return places[i][0] < places[j][0] || places[i][0] == places[j][0] && places[i][1] < places[j][1]
	})
	var out []shelf
	for _, at := range places {
		s := found[at]
		rng.Shuffle(len(s.wallets), func(i, j int) {
			s.wallets[i], s.wallets[j] = s.wallets[j], s.wallets[i]
			s.views[i], s.views[j] = s.views[j], s.views[i]
		})
		out = append(out, *s)
	}
	return out
}

// A matching is the guesses between two shelves of different verifiers:
// guess[i] is the place on b of what is taken for the wallet of place i on a.
type matching struct {
	a, b  *shelf
	guess []int
}

// match compares a field of all presentations of any two verifiers. Where
// several are equally alike it guesses among them.
func match(all []shelf, field string, m measure, rng *rand.Rand) (out []matching) {
	return pairUp(all, func(a, b *shelf) []int {
		guess := make([]int, len(a.views))
		for i := range a.views {
			best, ties := math.Inf(-1), 0
			for j := range b.views {
				score := m.of(a.views[i][field], b.views[j][field])
				switch {
				case score > best:
					best, ties, guess[i] = score, 1, j
				case score == best:
					if ties++; rng.IntN(ties) == 0 {
						guess[i] = j
					}
				}
			}
		}
		return guess
	})
}

// matchByRank sorts both shelves by a field and takes the first for the first.
func matchByRank(all []shelf, field string) []matching {
	ranked := func(s *shelf) []int {
		order := make([]int, len(s.views))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(i, j int) int { return slices.Compare(s.views[i][field], s.views[j][field]) })
		return order
	}
	return pairUp(all, func(a, b *shelf) []int {
		guess, to := make([]int, len(a.views)), ranked(b)
		for rank, i := range ranked(a) {
			guess[i] = to[rank]
		}
		return guess
	})
}

// matchByArrival takes the first that came for the first that came.
func matchByArrival(all []shelf) []matching {
	return pairUp(all, func(a, b *shelf) []int {
		guess := make([]int, len(a.views))
		for i := range guess {
			guess[i] = i
		}
		return guess
	})
}

func pairUp(all []shelf, guesses func(a, b *shelf) []int) (out []matching) {
	for i := range all {
		for j := range all {
			if a, b := &all[i], &all[j]; a.verifier != b.verifier {
				out = append(out, matching{a, b, guesses(a, b)})
			}
		}
	}
	return out
}

// A comparison is one way to guess.
type comparison struct {
	name  string
	match func(on []shelf, rng *rand.Rand) []matching
}

// comparisons are all ways to guess from what presentations show.
func comparisons(on []shelf) []comparison {
	fields := map[string]bool{}
	for i := range on {
		for f := range on[i].views[0] {
			fields[f] = true
		}
	}
	out := []comparison{{"order of arrival", func(on []shelf, _ *rand.Rand) []matching { return matchByArrival(on) }}}
	for _, f := range slices.Sorted(maps.Keys(fields)) {
		for _, m := range measures {
			out = append(out, comparison{f + ": " + m.name, func(on []shelf, rng *rand.Rand) []matching { return match(on, f, m, rng) }})
		}
		out = append(out, comparison{f + ": order", func(on []shelf, _ *rand.Rand) []matching { return matchByRank(on, f) }})
	}
	return out
}

// A score is how often guesses were right, and how often they are right when
// it is drawn by lot whose presentation is whose.
type score struct {
	guesses, right int
	mean, sd       float64
}

// deviation is by how many standard deviations the guesses beat chance.
func (s score) deviation() float64 { return (float64(s.right) - s.mean) / s.sd }

// lots is how often the wallets are drawn by lot.
const lots = 400

// judge counts the right guesses. Guesses depend on each other, within one
// matching and because a verifier knows which of its own presentations are one
// pseudonym's. So their spread is not the binomial one: it is measured, by
// drawing for each verifier anew by lot whose presentations it holds.
func judge(ms []matching, rng *rand.Rand) (s score) {
	count := func(as func(verifier, wallet int) int) (right int) {
		for _, m := range ms {
			for i, j := range m.guess {
				if as(m.a.verifier, m.a.wallets[i]) == as(m.b.verifier, m.b.wallets[j]) {
					right++
				}
			}
		}
		return right
	}
	wallets, verifiers := 0, 0
	for _, m := range ms {
		s.guesses += len(m.guess)
		wallets, verifiers = max(wallets, 1+slices.Max(m.a.wallets)), max(verifiers, 1+m.a.verifier)
	}
	s.right = count(func(_, w int) int { return w })
	var sum, squares float64
	for range lots {
		drawn := make([][]int, verifiers)
		for v := range drawn {
			drawn[v] = rng.Perm(wallets)
		}
		n := float64(count(func(v, w int) int { return drawn[v][w] }))
		sum, squares = sum+n, squares+n*n
	}
	s.mean = sum / lots
	s.sd = math.Max(math.Sqrt(squares/lots-s.mean*s.mean), 1)
	return s
}
