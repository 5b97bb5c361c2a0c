package ceremony

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"
	"github.com/consensys/gnark/constraint"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/signed"
)

// TestRefusesTooFewContributors: with one contributor the keys are that one's
// alone, and every consent in the country is what they say it is.
func TestRefusesTooFewContributors(t *testing.T) {
	for name, who := range map[string][]byte{
		"nobody": nil, "one": {1}, "two": {1, 2}, "one three times": {1, 1, 1}, "two, one of them twice": {1, 2, 1},
	} {
		f := at(t, begun)
		contribute(t, f, who...)
		_, err := f.Seal(t.Context(), beacon(1), "", nil)
		because(t, err, TooFew)
		if len(who) == 0 {
			continue
		}
		// A seal that somebody wrote all the same.
		status, err := f.Status(t.Context())
		if err != nil {
			t.Fatal(name, err)
		}
		s := &Seal{Ceremony: status.Digest, Phase: 1, Count: len(who), Last: status.First.head, Beacon: beacon(1)}
		f.put(t, sealFile(1), s.Encode())
		refused(t, f, TooFew)
	}
}

// TestRefusesZeroContributions: gnark itself verifies an empty list.
func TestRefusesZeroContributions(t *testing.T) {
	f := at(t, begun)
	status, err := f.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, count := range []int{0, 3} {
		s := &Seal{Ceremony: status.Digest, Phase: 1, Count: count, Last: status.Digest, Beacon: beacon(1)}
		f.put(t, sealFile(1), s.Encode())
		refused(t, f, map[int]Reason{0: Malformed, 3: WrongSeal}[count])
	}
	f = at(t, halfway)
	_, err = f.Seal(t.Context(), beacon(2), "", nil)
	because(t, err, TooFew)
}

// TestAttack_ContributionOfOne: three friends who multiply by 1 have made keys
// whose trapdoor everybody knows.
func TestAttack_ContributionOfOne(t *testing.T) {
	one, two := scalar(1), scalar(2)
	for i := range 3 {
		f := at(t, begun)
		shares := []struct{ tau, alpha, beta uint64 }{{1, 2, 2}, {2, 1, 2}, {2, 2, 1}}[i]
		f.submit(t, 1, 1, craftPowers(t, firstPowers(t, f.n(t)), scalar(shares.tau), scalar(shares.alpha), scalar(shares.beta), nil))
		refused(t, f, NoChange)
	}
	f := at(t, halfway)
	p := firstKeys(t, f)
	f.submit(t, 1, 2, craftKey(t, p[0], two, nil), craftKey(t, p[1], one, nil))
	refused(t, f, NoChange)
}

// n is the size of the ceremony's domain.
func (f *Folder) n(tb testing.TB) int {
	tb.Helper()
	status, err := f.Status(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return 1 << status.Power
}

// TestAttack_ContributionOfZero: parameters at infinity verify anything.
func TestAttack_ContributionOfZero(t *testing.T) {
	zero, two := scalar(0), scalar(2)
	for i := range 3 {
		f := at(t, begun)
		s := []uint64{2, 2, 2}
		s[i] = 0
		f.submit(t, 1, 1, craftPowers(t, firstPowers(t, f.n(t)), scalar(s[0]), scalar(s[1]), scalar(s[2]), nil))
		refused(t, f, NoContribution)
	}
	f := at(t, halfway)
	p := firstKeys(t, f)
	f.submit(t, 1, 2, craftKey(t, p[0], zero, nil), craftKey(t, p[1], two, nil))
	refused(t, f, NoContribution)
}

// TestCraftedPayloadsAreWhatGnarkMakes: otherwise the attacks would be refused
// for the attacker's mistakes.
func TestCraftedPayloadsAreWhatGnarkMakes(t *testing.T) {
	f := at(t, begun)
	f.submit(t, 1, 1, craftPowers(t, firstPowers(t, f.n(t)), scalar(2), scalar(3), scalar(5), nil))
	verified(t, f)
	f = at(t, halfway)
	p := firstKeys(t, f)
	f.submit(t, 1, 2, craftKey(t, p[0], scalar(2), nil), craftKey(t, p[1], scalar(3), nil))
	verified(t, f)
}

// TestAttack_DeltaIsGamma: two contributors who cancel each other leave δ at
// the generator, as γ is, and valid proofs can be bent into false ones.
func TestAttack_DeltaIsGamma(t *testing.T) {
	f := at(t, halfway)
	p := firstKeys(t, f)
	f.submit(t, 1, 2, craftKey(t, p[0], scalar(2), nil), craftKey(t, p[1], scalar(7), nil))
	verified(t, f)
	a, b := f.bytes(t, payloadFile(2, 1, cube)), f.bytes(t, payloadFile(2, 1, fourth))
	f.submit(t, 2, 2, craftKey(t, a, inverse(2), nil), craftKey(t, b, scalar(7), nil))
	refused(t, f, Degenerate)

	// The same with τ, α and β, one of them at a time.
	f = at(t, begun)
	first := craftPowers(t, firstPowers(t, f.n(t)), scalar(2), scalar(3), scalar(5), nil)
	for i, v := range []uint64{2, 3, 5} {
		shares := []fr.Element{scalar(7), scalar(7), scalar(7)}
		shares[i] = inverse(v)
		f := at(t, begun)
		f.submit(t, 1, 1, first)
		f.submit(t, 2, 1, craftPowers(t, first, shares[0], shares[1], shares[2], nil))
		refused(t, f, Degenerate)
	}
}

func TestRefusesVerifyingKeysThatProveAnything(t *testing.T) {
	_, _, g1, g2 := bn254.Generators()
	var p1 bn254.G1Affine
	var p2 bn254.G2Affine
	good := func() *groth16.VerifyingKey {
		vk := new(groth16.VerifyingKey)
		for i, p := range []*bn254.G1Affine{&vk.G1.Alpha, &vk.G1.Beta, &vk.G1.Delta} {
			*p = g1
			times(scalar(uint64(i)+2), p)
		}
		for i, p := range []*bn254.G2Affine{&vk.G2.Beta, &vk.G2.Delta} {
			*p = g2
			timesG2(scalar(uint64(i)+3), p)
		}
		vk.G2.Gamma = g2
		return vk
	}
	if refused := sound(good()); refused != nil {
		t.Fatal(refused)
	}
	for name, spoil := range map[string]func(*groth16.VerifyingKey){
		"δ = γ":               func(k *groth16.VerifyingKey) { k.G2.Gamma = k.G2.Delta },
		"δ = generator":       func(k *groth16.VerifyingKey) { k.G2.Delta, k.G2.Gamma = g2, k.G2.Beta },
		"δ = generator of G1": func(k *groth16.VerifyingKey) { k.G1.Delta = g1 },
		"δ = infinity":        func(k *groth16.VerifyingKey) { k.G2.Delta = p2 },
		"δ = infinity of G1":  func(k *groth16.VerifyingKey) { k.G1.Delta = p1 },
		"γ = infinity":        func(k *groth16.VerifyingKey) { k.G2.Gamma = p2 },
		"α = generator":       func(k *groth16.VerifyingKey) { k.G1.Alpha = g1 },
		"α = infinity":        func(k *groth16.VerifyingKey) { k.G1.Alpha = p1 },
		"β = generator":       func(k *groth16.VerifyingKey) { k.G1.Beta = g1 },
		"β = infinity of G2":  func(k *groth16.VerifyingKey) { k.G2.Beta = p2 },
	} {
		k := good()
		spoil(k)
		if refused := sound(k); refused == nil || refused.Reason != Degenerate {
			t.Errorf("%s: %v", name, refused)
		}
	}
}

// files are those of a contribution, its payloads first.
func files(phase, number int) []string {
	r := &run{keyed: []prepared{{id: cube}, {id: fourth}}}
	return append(r.payloadFiles(phase, number), contributionFile(phase, number))
}

// rename copies the files of a contribution to another number.
func (f *Folder) rename(tb testing.TB, phase, from, to int) {
	tb.Helper()
	a, b := files(phase, from), files(phase, to)
	for i := range a {
		f.put(tb, b[i], f.bytes(tb, a[i]))
	}
}

func (f *Folder) remove(tb testing.TB, names ...string) {
	tb.Helper()
	for _, n := range names {
		if err := os.Remove(f.file(n)); err != nil {
			tb.Fatal(err)
		}
	}
}

// TestAttack_ReplayedContribution: one contributor's file must not count for
// several.
func TestAttack_ReplayedContribution(t *testing.T) {
	for phase, stage := range map[int]string{1: powered, 2: keyed} {
		f := at(t, stage)
		f.rename(t, phase, 2, 4)
		refused(t, f, OutOfOrder)
		// Signed again by somebody else, in its place.
		f = at(t, stage)
		var payloads [][]byte
		for _, name := range files(phase, 2) {
			payloads = append(payloads, f.bytes(t, name))
		}
		f.submit(t, 4, phase, payloads[:len(payloads)-1]...)
		refused(t, f, OtherBase)
	}
}

func TestAttack_ReorderedContributions(t *testing.T) {
	for phase, stage := range map[int]string{1: powered, 2: keyed} {
		f := at(t, stage)
		f.rename(t, phase, 1, 9)
		f.rename(t, phase, 2, 1)
		f.rename(t, phase, 9, 2)
		f.remove(t, files(phase, 9)...)
		refused(t, f, OutOfOrder)
	}
}

// TestAttack_DroppedContribution: the one honest contributor's must not be
// left out.
func TestAttack_DroppedContribution(t *testing.T) {
	f := at(t, powered)
	f.remove(t, files(1, 2)...)
	refused(t, f, Missing)

	f = at(t, powered)
	f.remove(t, payloadFile(1, 2, ""))
	refused(t, f, Missing)

	f = at(t, powered)
	f.remove(t, contributionFile(1, 3))
	refused(t, f, Missing)

	// The first is left out, and the second's author moves up.
	f = at(t, powered)
	f.rename(t, 1, 2, 1)
	f.remove(t, append(files(1, 2), files(1, 3)...)...)
	c := f.contribution(t, 1, 1)
	refused(t, f, OutOfOrder)
	c.Number = 1
	c.sign(key(2))
	f.putContribution(t, c)
	refused(t, f, NotChained)
	c.Previous = c.Ceremony
	c.sign(key(2))
	f.putContribution(t, c)
	refused(t, f, OtherBase)

	// The last of a sealed phase.
	f = at(t, halfway)
	f.remove(t, files(1, 3)...)
	refused(t, f, WrongSeal)
	f = at(t, whole)
	f.remove(t, files(2, 3)...)
	refused(t, f, WrongSeal)
}

func TestAttack_ContributionAfterTheSeal(t *testing.T) {
	f := at(t, halfway)
	last := f.bytes(t, payloadFile(1, 3, ""))
	f.remove(t, sealFile(1))
	s := at(t, halfway)
	f.submit(t, 4, 1, craftPowers(t, last, scalar(2), scalar(3), scalar(5), nil))
	f.put(t, sealFile(1), s.bytes(t, sealFile(1)))
	refused(t, f, WrongSeal)
}

func TestAttack_ContributionOfAnotherCeremony(t *testing.T) {
	f, g := at(t, begun), tiny(filepath.Join(t.TempDir(), "other"))
	if _, err := g.Begin(t.Context(), Options{Circuits: []consent.CircuitID{fourth, cube}}); err != nil {
		t.Fatal(err)
	}
	contribute(t, g, 1)
	for _, name := range []string{contributionFile(1, 1), payloadFile(1, 1, "")} {
		f.put(t, name, g.bytes(t, name))
	}
	refused(t, f, ForeignCeremony)
	// The seal, too.
	contribute(t, g, 2, 3)
	seal(t, g, 1)
	f = at(t, powered)
	f.put(t, sealFile(1), g.bytes(t, sealFile(1)))
	refused(t, f, ForeignCeremony)
}

func TestAttack_ContributionToAnotherPhase(t *testing.T) {
	f := at(t, halfway)
	f.put(t, contributionFile(2, 1), f.bytes(t, contributionFile(1, 1)))
	refused(t, f, WrongPhase)
	f = at(t, whole)
	f.put(t, sealFile(2), f.bytes(t, sealFile(1)))
	refused(t, f, WrongPhase)
}

// TestAttack_PayloadOfAnotherCircuit: the two circuits have one shape, so that
// nothing but the chain tells their payloads apart.
func TestAttack_PayloadOfAnotherCircuit(t *testing.T) {
	f := at(t, keyed)
	a, b := payloadFile(2, 2, cube), payloadFile(2, 2, fourth)
	x, y := f.bytes(t, a), f.bytes(t, b)
	if len(x) != len(y) {
		t.Fatal("the circuits differ in size")
	}
	f.put(t, a, y)
	f.put(t, b, x)
	refused(t, f, WrongPayload)

	f = at(t, halfway)
	p := firstKeys(t, f)
	f.submit(t, 1, 2, craftKey(t, p[1], scalar(2), nil), craftKey(t, p[0], scalar(3), nil))
	refused(t, f, OtherBase)

	// Signed for one circuit alone.
	f = at(t, keyed)
	c := f.contribution(t, 2, 1)
	c.Payloads = c.Payloads[:1]
	c.sign(key(1))
	f.putContribution(t, c)
	refused(t, f, Malformed)
}

// TestAttack_ForgedSignature: a good name must not be lent without its key.
func TestAttack_ForgedSignature(t *testing.T) {
	for name, forge := range map[string]func(*Contribution){
		"a flipped bit":        func(c *Contribution) { c.Signature[5] ^= 1 },
		"another name":         func(c *Contribution) { c.Name = "A hospital of good name" },
		"another key":          func(c *Contribution) { c.Key = key(9).Public().(ed25519.PublicKey) },
		"signed by another":    func(c *Contribution) { k := c.Key; c.sign(key(9)); c.Key = k },
		"another payload":      func(c *Contribution) { c.Payloads[0][0] ^= 1 },
		"as a message of else": func(c *Contribution) { copy(c.Signature[:], signed.Sign(key(2), signed.Request, c.message(false))) },
	} {
		f := at(t, powered)
		c := f.contribution(t, 1, 2)
		forge(c)
		f.putContribution(t, c)
		if _, err := f.Verify(t.Context(), nil); err == nil {
			t.Error(name)
		}
		refused(t, f, BadSignature)
	}
}

func TestAttack_ContributorWithoutLeave(t *testing.T) {
	f := tiny(filepath.Join(t.TempDir(), "c"))
	if _, err := f.Begin(t.Context(), Options{Power: 2, Allowed: publicKeys(1, 2, 3)}); err != nil {
		t.Fatal(err)
	}
	_, err := f.Contribute(t.Context(), contributor(4), nil)
	because(t, err, NotAllowed)
	contribute(t, f, 3)
	f.submit(t, 4, 1, craftPowers(t, f.bytes(t, payloadFile(1, 1, "")), scalar(2), scalar(3), scalar(5), nil))
	refused(t, f, NotAllowed)
}

// TestAttack_OneByteOfAPayload: whatever byte it is.
func TestAttack_OneByteOfAPayload(t *testing.T) {
	f := at(t, powered)
	good := f.bytes(t, payloadFile(1, 2, ""))
	for i := 0; i < len(good); i += 97 {
		f.alter(t, payloadFile(1, 2, ""), func([]byte) []byte { b := bytes.Clone(good); b[i] ^= 1; return b })
		refused(t, f, WrongPayload)
	}
}

// TestAttack_SignedNonsense: a contributor who signs a payload that is not what
// gnark would make of the last one.
func TestAttack_SignedNonsense(t *testing.T) {
	f := at(t, halfway)
	p := firstKeys(t, f)
	good, other := craftKey(t, p[0], scalar(2), nil), craftKey(t, p[1], scalar(3), nil)
	end := len(good) - challengeSize
	infinity := infinityG1()
	system := mustSystem(t)
	spoiled := func(at int, with []byte) []byte { b := bytes.Clone(good); copy(b[at:], with); return b }
	for name, c := range map[string]struct {
		payload []byte
		why     Reason
	}{
		"δ of G2 off its subgroup":     {spoiled(delta2At(system), offSubgroup(t)), Malformed},
		"the proof off its subgroup":   {spoiled(end-g2Size, offSubgroup(t)), Malformed},
		"a point beyond the modulus":   {spoiled(deltaAt, bytes.Repeat([]byte{0xbf}, 32)), Malformed},
		"an uncompressed point":        {spoiled(deltaAt, make([]byte, 32)), Malformed},
		"infinity with something else": {spoiled(deltaAt, append([]byte{0x40}, bytes.Repeat([]byte{1}, 31)...)), Malformed},
		"δ at infinity":                {spoiled(deltaAt, infinity[:]), BadUpdate},
		"more commitments":             {spoiled(0, []byte{0xff, 0xff}), Malformed},
		"more wires":                   {spoiled(wiresAt, []byte{0xff, 0xff, 0xff, 0xff}), Malformed},
		"fewer powers":                 {spoiled(quotientAt(system), []byte{0, 0, 0, 1}), Malformed},
		"no challenge":                 {spoiled(end, []byte{0}), OtherBase},
		"another challenge":            {spoiled(end+1, []byte{good[end+1] ^ 1}), OtherBase},
		"δ of G1 alone":                {craftKey(t, p[0], scalar(2), func(p *mpcsetup.Phase2) { times(scalar(3), &p.Parameters.G1.Delta) }), BadUpdate},
		"δ of G2 alone":                {craftKey(t, p[0], scalar(2), func(p *mpcsetup.Phase2) { timesG2(scalar(3), &p.Parameters.G2.Delta) }), BadUpdate},
		"one wire":                     {craftKey(t, p[0], scalar(2), func(p *mpcsetup.Phase2) { times(scalar(3), &p.Parameters.G1.PKK[0]) }), BadUpdate},
		"one power":                    {craftKey(t, p[0], scalar(2), func(p *mpcsetup.Phase2) { times(scalar(3), &p.Parameters.G1.Z[1]) }), BadUpdate},
		"two wires exchanged": {craftKey(t, p[0], scalar(2), func(p *mpcsetup.Phase2) {
			w := p.Parameters.G1.PKK
			w[0], w[1] = w[1], w[0]
		}), BadUpdate},
		"nothing done, something proved": {craftKey(t, p[0], scalar(2), func(p *mpcsetup.Phase2) {
			half := inverse(2)
			times(half, &p.Parameters.G1.Delta)
			timesG2(half, &p.Parameters.G2.Delta)
			for _, l := range [][]bn254.G1Affine{p.Parameters.G1.PKK, p.Parameters.G1.Z} {
				for i := range l {
					times(scalar(2), &l[i])
				}
			}
		}), BadUpdate},
	} {
		f := at(t, halfway)
		f.submit(t, 1, 2, c.payload, other)
		_, err := f.Verify(t.Context(), nil)
		var r *Refusal
		if !errors.As(err, &r) || r.Reason != c.why {
			t.Errorf("%s: %v, want %s", name, err, c.why)
		}
	}
}

func TestAttack_SignedFalsePowers(t *testing.T) {
	f := at(t, begun)
	n := f.n(t)
	first := firstPowers(t, n)
	craft := func(spoil func(*mpcsetup.SrsCommons)) []byte {
		return craftPowers(t, first, scalar(2), scalar(3), scalar(5), spoil)
	}
	good := craft(nil)
	spoiled := func(at int, with []byte) []byte { b := bytes.Clone(good); copy(b[at:], with); return b }
	for name, c := range map[string]struct {
		payload []byte
		why     Reason
	}{
		"another domain":         {spoiled(powersAt-8, []byte{0, 0, 0, 0, 0, 0, 1}), Malformed},
		"2^63 powers":            {spoiled(powersAt-8, []byte{0x80}), Malformed},
		"off the subgroup":       {spoiled(powersAt, offSubgroup(t)), Malformed},
		"no challenge":           {spoiled(len(good)-challengeSize, []byte{0}), OtherBase},
		"one power of G1":        {craft(func(s *mpcsetup.SrsCommons) { times(scalar(3), &s.G1.Tau[3]) }), BadUpdate},
		"the last power of G1":   {craft(func(s *mpcsetup.SrsCommons) { times(scalar(3), &s.G1.Tau[2*n-2]) }), BadUpdate},
		"one power of G2":        {craft(func(s *mpcsetup.SrsCommons) { timesG2(scalar(3), &s.G2.Tau[1]) }), BadUpdate},
		"one of alpha":           {craft(func(s *mpcsetup.SrsCommons) { times(scalar(3), &s.G1.AlphaTau[n-1]) }), BadUpdate},
		"one of beta":            {craft(func(s *mpcsetup.SrsCommons) { times(scalar(3), &s.G1.BetaTau[0]) }), BadUpdate},
		"beta of G2":             {craft(func(s *mpcsetup.SrsCommons) { timesG2(scalar(3), &s.G2.Beta) }), BadUpdate},
		"another tau in its end": {craft(func(s *mpcsetup.SrsCommons) { s.G1.Tau[2*n-2] = s.G1.Tau[2*n-3] }), BadUpdate},
	} {
		f := at(t, begun)
		f.submit(t, 1, 1, c.payload)
		_, err := f.Verify(t.Context(), nil)
		var r *Refusal
		if !errors.As(err, &r) || r.Reason != c.why {
			t.Errorf("%s: %v, want %s", name, err, c.why)
		}
	}
}

func TestRefusesTruncatedAndOversizedFiles(t *testing.T) {
	for _, name := range []string{payloadFile(1, 2, ""), payloadFile(2, 2, cube)} {
		f := at(t, keyed)
		good := f.bytes(t, name)
		for _, n := range []int{0, 1, challengeSize, len(good) - 1} {
			f.put(t, name, good[:n])
			refused(t, f, WrongSize)
		}
		f.put(t, name, append(bytes.Clone(good), 0))
		refused(t, f, WrongSize)
	}
	for name, max := range map[string]int{descriptionFile: maxDescription, contributionFile(1, 1): maxContribution, sealFile(1): maxSeal} {
		f := at(t, keyed)
		good := f.bytes(t, name)
		f.put(t, name, good[:len(good)-30])
		refused(t, f, Malformed)
		f.put(t, name, make([]byte, 2*max+257))
		refused(t, f, WrongSize)
	}
	f := at(t, keyed)
	f.put(t, filepath.Join(phaseFolder(1), "notes.txt"), []byte("x"))
	refused(t, f, Unexpected)
	f = at(t, keyed)
	f.put(t, payloadFile(2, 5, cube), []byte("x"))
	refused(t, f, Missing)
}

// TestAttack_AnotherBeacon: whoever may choose the beacon afterwards can try
// many keys until one suits.
func TestAttack_AnotherBeacon(t *testing.T) {
	f := at(t, keyed)
	s := f.seal(t, 1)
	s.Beacon[0] ^= 1
	f.put(t, sealFile(1), s.Encode())
	refused(t, f, NotChained)

	f = at(t, whole)
	published := produced(t, f)
	s = f.seal(t, 2)
	s.Beacon[0] ^= 1
	f.put(t, sealFile(2), s.Encode())
	because(t, verified(t, f).Compare(published), OtherKeys)

	f = at(t, keyed)
	_, err := f.Seal(t.Context(), beacon(1), "", nil)
	because(t, err, UsedBeacon)
	_, err = f.Seal(t.Context(), beacon(2)[:31], "", nil)
	because(t, err, Malformed)
	f = at(t, whole)
	s = f.seal(t, 2)
	s.Beacon = beacon(1)
	f.put(t, sealFile(2), s.Encode())
	refused(t, f, UsedBeacon)
}

// TestAttack_SecondPhaseOnOtherPowers: on powers whose tau the contributor
// knows.
func TestAttack_SecondPhaseOnOtherPowers(t *testing.T) {
	f, g := at(t, halfway), at(t, powered)
	s := f.seal(t, 1)
	s.Beacon = beacon(77)
	g.put(t, sealFile(1), s.Encode())
	p := firstKeys(t, g)
	f.submit(t, 1, 2, craftKey(t, p[0], scalar(2), nil), craftKey(t, p[1], scalar(3), nil))
	refused(t, f, OtherBase)
}

// TestAttack_KeysForAnotherCircuit: one with a constraint fewer.
func TestAttack_KeysForAnotherCircuit(t *testing.T) {
	f := at(t, whole)
	f.compile = func(id consent.CircuitID) (constraint.ConstraintSystem, error) { return compileTiny(cube) }
	refused(t, f, OtherSystem)

	f = at(t, whole)
	m := produced(t, f)
	for i := range m.Entries {
		spoiled := produced(t, f)
		spoiled.Entries[i].VerifyingKey[0] ^= 1
		because(t, verified(t, f).Compare(spoiled), OtherKeys)
	}
	more := produced(t, f)
	more.Put(manifest.Entry{Circuit: "tiny/of nobody knows whom", Transcript: verified(t, f).KeysDigest()})
	because(t, verified(t, f).Compare(more), OtherKeys)
	m.Entries = m.Entries[:1]
	because(t, verified(t, f).Compare(m), OtherKeys)
}

func TestRefusesSealedPhases(t *testing.T) {
	f := at(t, whole)
	_, err := f.Seal(t.Context(), beacon(3), "", nil)
	because(t, err, Sealed)
	_, err = f.Contribute(t.Context(), contributor(4), nil)
	because(t, err, Sealed)
}

func TestRefusesFoldersWithoutCeremony(t *testing.T) {
	refused(t, tiny(t.TempDir()), Missing)
}

func TestVerifyHonoursContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := at(t, whole).Verify(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestAttack_ContributionsSideBySide: two contributors who started from one
// folder; only one of them can stand in it.
func TestAttack_ContributionsSideBySide(t *testing.T) {
	f := at(t, powered)
	other := at(t, powered)
	contribute(t, f, 4)
	contribute(t, other, 5)
	for i, name := range files(1, 4) {
		f.put(t, files(1, 5)[i], other.bytes(t, name))
	}
	refused(t, f, OutOfOrder)
	if sha256.Sum256(f.bytes(t, contributionFile(1, 4))) == sha256.Sum256(other.bytes(t, contributionFile(1, 4))) {
		t.Error("two contributors drew the same")
	}
}
