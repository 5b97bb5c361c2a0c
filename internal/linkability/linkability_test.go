package linkability

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/assurance"
	"github.com/zkconsent/zkconsent/internal/field"
)

// tooOften is by how many standard deviations a matcher may beat chance: more
// happens by chance once in 10^9 trials, and there are fewer than 200.
const tooOften = 6

// TestAssurance_Linkability: verifiers that put all that they were shown on one
// table, together with the ledger, know no more than each did alone.
func TestAssurance_Linkability(t *testing.T) {
	wallets, verifiers, perPair := assurance.Cases(4, 50), assurance.Cases(2, 5), assurance.Cases(2, len(kinds))
	p := newPopulation(t, wallets, verifiers)
	var all []presented
	for kind := range perPair {
		for w := range wallets {
			for v := range verifiers {
				all = append(all, p.present(w, v, kind))
			}
		}
	}
	assurance.Record(t, "linkability/presentations", len(all), fmt.Sprintf("%d wallets × %d verifiers × %d, accepted by real verifiers", wallets, verifiers, perPair))
	t.Run("fields", func(t *testing.T) { sharesNothing(t, all) })
	t.Run("pseudonyms", func(t *testing.T) { isStable(t, all) })
	t.Run("matcher", func(t *testing.T) { matchesNobody(t, all) })
	t.Run("dictionary", func(t *testing.T) { findsNothing(t, p) })
	t.Run("withdrawal", func(t *testing.T) { withdrawalLinksForTheGranteeAlone(t, p, all) })
}

// sharesNothing: outside of public parts, no 8 bytes of two presentations are
// equal, but for the pseudonym and the watch tag of one wallet in one scope.
func sharesNothing(t *testing.T, all []presented) {
	faults, own, others := 0, 0, 0
	for i := range all {
		for j := range i {
			switch {
			case all[i].wallet != all[j].wallet:
				others++
			case all[i].verifier != all[j].verifier:
				own++
			}
		}
	}
	for pair, places := range shared(all) {
		a, b := &all[pair[0]], &all[pair[1]]
		stable := a.wallet == b.wallet && a.scope.Equal(&b.scope)
		for _, place := range places {
			if stable && (place == "nullifier is nullifier" || place == "watch is watch") {
				continue
			}
			if faults++; faults <= 10 {
				t.Errorf("wallets %d and %d, verifiers %d and %d: %s", a.wallet, b.wallet, a.verifier, b.verifier, place)
			}
		}
	}
	// What is found must be there: the pseudonym in its scope is, and planted
	// bytes are, at another place.
	planted := slices.Clone(all)
	planted[0].overwrite(40, planted[len(planted)-1].shown.Signature[3:11])
	if got := shared(planted)[[2]int{0, len(planted) - 1}]; len(got) != 1 || got[0] != "signature R is proof B, first half" {
		t.Errorf("eight planted bytes are not found: %q", got)
	}
	assurance.Record(t, "linkability/shared", faults, fmt.Sprintf("runs of 8 bytes that two presentations share outside of format, epoch, empty watch tag and one scope's pseudonym: among %d pairs of one wallet at two verifiers, and %d of two wallets", own, others))
}

// isStable: two presentations have equal pseudonyms if and only if they are one
// wallet's in one scope; likewise with the tags of consents.
func isStable(t *testing.T, all []presented) {
	faults, same := 0, 0
	for i := range all {
		for j := range i {
			a, b := &all[i], &all[j]
			one := a.wallet == b.wallet && a.scope.Equal(&b.scope)
			if one {
				same++
			}
			if a.shown.Nullifier.Equal(&b.shown.Nullifier) != one {
				faults++
			}
			if proved := !a.shown.Watch.IsZero() && !b.shown.Watch.IsZero(); proved && a.shown.Watch.Equal(&b.shown.Watch) != one {
				faults++
			}
			if one != (a.wallet == b.wallet && a.verifier == b.verifier && a.kind < 2 && b.kind < 2) {
				t.Errorf("wallets %d and %d, verifiers %d and %d, kinds %d and %d: one scope is %v", a.wallet, b.wallet, a.verifier, b.verifier, a.kind, b.kind, one)
			}
		}
	}
	if faults > 0 || same == 0 {
		t.Errorf("%d pairs have the pseudonym or tag of others; %d have their own", faults, same)
	}
	assurance.Record(t, "linkability/pseudonyms", faults, fmt.Sprintf("pairs of %d presentations whose pseudonyms are equal and should not be, or the reverse; %d pairs are equal", len(all), same))
}

// matchesNobody: no cheap comparison of what two verifiers hold tells better
// than chance which of it is one wallet's; and the comparisons would tell, if
// wallets were careless.
func matchesNobody(t *testing.T, all []presented) {
	const seed = 20261124
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	on, best, above := shelves(all, rng), score{}, 0
	ways := comparisons(on)
	for _, c := range ways {
		s := judge(c.match(on, rng), rng)
		if s.deviation() > tooOften {
			above++
			t.Errorf("%s: %d of %d guesses are right, by chance %.0f ± %.1f", c.name, s.right, s.guesses, s.mean, s.sd)
		}
		if best.sd == 0 || s.deviation() > best.deviation() {
			best = s
		}
	}
	assurance.Record(t, "linkability/matcher", above, fmt.Sprintf("of %d comparisons, those right more often than by chance and %d deviations; the best is right in %d of %d guesses, by chance %.0f ± %.1f; seed %d",
		len(ways), tooOften, best.right, best.guesses, best.mean, best.sd, seed))

	found := 0
	for _, l := range leaks {
		careless := slices.Clone(all)
		for i := range careless {
			l.leak(&careless[i], all[i].wallet)
		}
		on := shelves(careless, rng)
		at := slices.IndexFunc(ways, func(c comparison) bool { return c.name == l.by })
		s := judge(ways[at].match(on, rng), rng)
		if s.right*10 >= s.guesses*9 {
			found++
			continue
		}
		t.Errorf("%s: only %d of %d guesses by %s are right", l.name, s.right, s.guesses, l.by)
	}
	assurance.Record(t, "linkability/leaks", found, "kinds of careless wallets whose presentations the matcher does match, at least nine of ten")
}

// leaks are ways in which a wallet could be careless, each with the comparison
// that must then tell.
var leaks = []struct {
	name, by string
	leak     func(p *presented, wallet int)
}{
	{"the key is not re-randomised", "rk: equal bits", func(p *presented, w int) { p.shown.Rk = key(w) }},
	{"one scope for all verifiers", "nullifier: equal bytes", func(p *presented, w int) { p.shown.Nullifier = secret(w) }},
	{"the pseudonym counts up from verifier to verifier", "nullifier: difference", func(p *presented, w int) {
		s, v := secret(w), field.Uint(uint64(1+p.verifier))
		p.shown.Nullifier.Add(&s, &v)
	}},
	{"pseudonyms keep their order", "nullifier: order", func(p *presented, w int) {
		p.shown.Nullifier = field.Uint(uint64(w)*1000 + uint64(p.verifier)*7)
	}},
	{"one nonce for all signatures", "signature R: equal bytes", func(p *presented, w int) { k := key(w); copy(p.shown.Signature[:32], k[:]) }},
	{"blinding of sixteen bits in the proof", "proof C: first bytes", func(p *presented, w int) {
		s := secret(w)
		b := s.Bytes()
		p.overwrite(96, b[2:])
	}},
	{"a counter in the end of the proof", "proof A: last bytes", func(p *presented, w int) {
		p.overwrite(24, binary.BigEndian.AppendUint64(nil, uint64(w)<<8|uint64(p.verifier)))
	}},
	{"a mark in the number of ones", "signature s: number of ones", func(p *presented, w int) {
		mark := bytes.Repeat([]byte{0}, 32)
		for i := range 4 * w {
			at := (i + 31*p.verifier) % 256
			mark[at/8] |= 1 << (at % 8)
		}
		copy(p.shown.Signature[32:], mark)
	}},
}

// secret is a number of a careless wallet.
func secret(w int) fr.Element { return field.Of("careless", []byte{byte(w)}) }

func key(w int) [32]byte { s := secret(w); return s.Bytes() }

// relay notes what a wallet publishes.
type relay struct{ v []fr.Element }

func (r *relay) Withdraw(_ context.Context, v fr.Element) error { r.v = append(r.v, v); return nil }

func (r *relay) Revoke(context.Context, uint64, fr.Element) error { return nil }

// withdrawalLinksForTheGranteeAlone: what one withdrawal publishes leads to the
// presentations of that consent, and to no other verifier's.
func withdrawalLinksForTheGranteeAlone(t *testing.T, p *population, all []presented) {
	var published relay
	if err := p.wallets[1].Withdraw(p.ctx, &published, p.consents[1][0]); err != nil || len(published.v) != 1 {
		t.Fatalf("%d published, %v", len(published.v), err)
	}
	w := consent.WithdrawalKey(published.v[0])
	linked := 0
	for i := range all {
		a := &all[i]
		if a.shown.Watch.IsZero() {
			continue
		}
		tag := consent.Watch(w, a.scope)
		matches, should := tag.Equal(&a.shown.Watch), a.wallet == 1 && a.verifier == 0
		if matches != should {
			t.Errorf("wallet %d, verifier %d: the withdrawal of wallet 1 from verifier 0 matches: %v", a.wallet, a.verifier, matches)
		}
		if matches {
			linked++
		}
	}
	if linked == 0 {
		t.Error("the grantee does not find what it must purge")
	}
}
