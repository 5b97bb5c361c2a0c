package linkability

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/assurance"
	"github.com/zkconsent/zkconsent/internal/field"
)

// windows is every run of 32 bytes that the ledger publishes: transactions with
// the commitments in them, the logs, epochs, directory and state.
func windows(t *testing.T, p *population) map[[32]byte]bool {
	t.Helper()
	published := p.Transactions()
	s, err := p.Snapshot(p.ctx)
	if err != nil {
		t.Fatal(err)
	}
	records, err := p.Records(p.ctx, 0, s.Head.State.Records.Count)
	if err != nil || uint64(len(records)) != s.Head.State.Records.Count {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for _, r := range records {
		published = append(published, r.Encode())
	}
	withdrawals, err := p.World.Withdrawals(p.ctx, 0, s.Head.State.Withdrawals.Count)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range withdrawals {
		published = append(published, w.Encode())
	}
	epochs, err := p.Epochs(p.ctx, 0, s.Head.State.Epochs.Count)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range epochs {
		published = append(published, e.Encode())
	}
	published = append(published, s.Directory.Encode(), s.Head.State.Encode())
	out, size := map[[32]byte]bool{}, 0
	for _, b := range published {
		size += len(b)
		for at := range max(len(b)-31, 0) {
			out[[32]byte(b[at:at+32])] = true
		}
	}
	t.Logf("%d runs of 32 bytes in %d bytes, with %d records", len(out), size, len(records))
	return out
}

// A derivation is a way to hash something short without a salt, or with one
// that can be guessed.
type derivation struct {
	name string
	of   func(text string, value uint64) [32]byte
}

func element(e fr.Element) [32]byte { return e.Bytes() }

func attribute(v uint64) fr.Element { return consent.Attribute{Value: v, Present: true}.Element() }

// plain are derivations that need no knowledge of a patient.
func plain() (out []derivation) {
	add := func(name string, of func(text string, value uint64) [32]byte) {
		out = append(out, derivation{name: name, of: of})
	}
	eight := func(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
	add("SHA-256 of the text", func(s string, _ uint64) [32]byte { return sha256.Sum256([]byte(s)) })
	add("SHA-256 of the text, mod r", func(s string, _ uint64) [32]byte { return element(field.Reduce(sha256.Sum256([]byte(s)))) })
	add("SHA-256 twice", func(s string, _ uint64) [32]byte {
		d := sha256.Sum256([]byte(s))
		return sha256.Sum256(d[:])
	})
	add("the attribute itself", func(_ string, v uint64) [32]byte { return element(attribute(v)) })
	add("SHA-256 of the attribute's 8 bytes", func(_ string, v uint64) [32]byte { return sha256.Sum256(eight(v)) })
	add("SHA-256 of the attribute's 32 bytes", func(_ string, v uint64) [32]byte {
		e := element(attribute(v))
		return sha256.Sum256(e[:])
	})
	for _, d := range []string{"attribute", "source", "policy", "schema", "credential", "record"} {
		add("FieldOf("+d+"; text)", func(s string, _ uint64) [32]byte { return element(field.Of(d, []byte(s))) })
		add("FieldOf("+d+"; attribute)", func(_ string, v uint64) [32]byte { return element(field.Of(d, eight(v))) })
	}
	add("source digest with salt 0", func(s string, _ uint64) [32]byte { return element(consent.SourceDigest([]byte(s), fr.Element{})) })
	return out
}

// tagged are derivations by the tagged hashes.
func tagged() (out []derivation) {
	add := func(name string, of func(a fr.Element) fr.Element) {
		out = append(out, derivation{name: name, of: func(_ string, v uint64) [32]byte { return element(of(attribute(v))) }})
	}
	add("LOCK of the attribute", consent.Lock)
	add("WKEY of the attribute", consent.WithdrawalKey)
	add("NULLIFIER in scope 0", func(a fr.Element) fr.Element { return consent.Nullifier(a, fr.Element{}) })
	add("LEAF_CREDENTIAL of the attribute", func(a fr.Element) fr.Element {
		return consent.Leaf(consent.KindCredential, fr.Element{}, a, fr.Element{})
	})
	return out
}

// known are derivations by somebody who knows everything of a patient's
// credential but one slot and the salt: holder, schema, expiry and all other
// attributes. The ledger publishes commitments, so no leaf needs a guess.
func known(o *consent.Offer, slot int, salts map[string]fr.Element) (out []derivation) {
	for name, salt := range salts {
		out = append(out, derivation{name: "the commitment of a known patient with " + name, of: func(_ string, v uint64) [32]byte {
			c := o.Credential
			c.Attributes[slot], c.Salt = consent.Attribute{Value: v, Present: true}, salt
			return element(c.Commitment())
		}})
	}
	return append(out, derivation{name: "the commitment of nobody in particular", of: func(_ string, v uint64) [32]byte {
		c := consent.Credential{Schema: o.Credential.Schema, Expires: o.Credential.Expires}
		c.Attributes[slot] = consent.Attribute{Value: v, Present: true}
		return element(c.Commitment())
	}})
}

// A word is an entry of the dictionary.
type word struct {
	text  string
	value uint64
}

func birthDates(t *testing.T, every int) (out []word) {
	t.Helper()
	for d := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC); !d.After(time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)); d = d.AddDate(0, 0, every) {
		text := d.Format(time.DateOnly)
		v, err := consent.EncodeDate(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, word{text, v})
	}
	return out
}

// codesAndPlans are the other short values: every ICD-10 code of three and four
// characters, and names of plans.
func codesAndPlans(t *testing.T, every int) (out []word) {
	t.Helper()
	for i := 0; i < 26*100*11; i += every {
		text := fmt.Sprintf("%c%02d", 'A'+i/1100, i/11%100)
		if i%11 > 0 {
			text += fmt.Sprintf(".%d", i%11-1)
		}
		v, err := consent.EncodeCode(text, false)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, word{text, v})
	}
	for _, text := range []string{"Gold", "Silver", "Bronze", "Platinum", "HMO", "PPO", "Medicare", "Medicaid", "Family", "Single"} {
		v, err := consent.EncodeText(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, word{text, v})
	}
	return out
}

// recordNumber is the i-th in the form that the issuers of this test use.
func recordNumber(i int) word {
	text := fmt.Sprintf("MRN-%06d", i)
	v, err := consent.EncodeText(text)
	if err != nil {
		return word{text: text}
	}
	return word{text, v}
}

// bareNumber is the i-th as a plain number and an identifier.
func bareNumber(i int) word { return word{strconv.Itoa(i), uint64(i)} }

// search tries words in all ways and returns what it found.
func search(n int, at func(int) word, ways []derivation, published map[[32]byte]bool) (found []string, tried int64) {
	var mu sync.Mutex
	var next, count atomic.Int64
	var wg sync.WaitGroup
	const block = 256
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				from := int(next.Add(block)) - block
				if from >= n {
					return
				}
				for i := from; i < min(from+block, n); i++ {
					w := at(i)
					for _, d := range ways {
						count.Add(1)
						if published[d.of(w.text, w.value)] {
							mu.Lock()
							found = append(found, d.name+" of "+w.text)
							mu.Unlock()
						}
					}
				}
			}
		})
	}
	wg.Wait()
	return found, count.Load()
}

// findsNothing: whoever hashes all birth dates, a million record numbers, all
// diagnoses and some plans, in every way that comes to mind, finds none of them
// in what the ledger publishes; and finds every one of them that was published
// without a salt, or whose salt is known.
func findsNothing(t *testing.T, p *population) {
	published := windows(t, p)
	birth, _ := p.Schema.Find("birthDate")
	dx, _ := p.Schema.Find("dx0")
	dates, codes := birthDates(t, assurance.Cases(97, 1)), codesAndPlans(t, assurance.Cases(97, 1))
	numbers := assurance.Cases(3_000, 1_000_000)
	patient := p.offers[1]
	// Salts that somebody could guess, or derive from what is public.
	guesses := map[string]fr.Element{
		"salt 0": {}, "salt 1": field.Uint(1), "the holder as salt": patient.Credential.Holder, "the lock as salt": patient.Lock, "the issuer as salt": patient.Issuer,
	}
	zero := map[string]fr.Element{"salt 0": {}}
	words, total := 0, int64(0)
	var finds []string
	try := func(n int, at func(int) word, ways ...[]derivation) []string {
		words += n
		var all []derivation
		for _, w := range ways {
			all = append(all, w...)
		}
		found, tried := search(n, at, all, published)
		total += tried
		finds = append(finds, found...)
		return found
	}
	of := func(list []word) (int, func(int) word) { return len(list), func(i int) word { return list[i] } }
	n, at := of(dates)
	try(n, at, plain(), tagged(), known(patient, birth, guesses))
	n, at = of(codes)
	try(n, at, plain(), tagged(), known(patient, dx, guesses))
	try(numbers, recordNumber, plain(), tagged()[:2], known(patient, 6, zero)[:1])
	try(numbers, bareNumber, plain())
	for _, f := range finds {
		t.Errorf("found on the ledger: %s", f)
	}

	// With the right salt the dictionary finds the birth date: the salt is all
	// that stands between the two, and destroying it is erasure.
	right := known(patient, birth, map[string]fr.Element{"its salt": patient.Credential.Salt})[:1]
	value := patient.Credential.Attributes[birth].Value
	if found, _ := search(1, func(int) word { return word{born(1), value} }, right, published); len(found) != 1 {
		t.Error("the birth date is not found with its own salt: this test would find nothing")
	}
	// Everything that is published unsalted is found, and by its own way alone.
	controls := 0
	for _, d := range append(append(plain(), tagged()...), known(patient, birth, guesses)...) {
		secret := word{"1977-07-07", 0}
		secret.value, _ = consent.EncodeDate(secret.text)
		planted := d.of(secret.text, secret.value)
		if published[planted] {
			t.Errorf("%s: was there before", d.name)
		}
		published[planted] = true
		near := birthDates(t, 1)[28_000:28_500]
		found, _ := search(len(near), func(i int) word { return near[i] }, []derivation{d}, published)
		delete(published, planted)
		if len(found) != 1 || found[0] != d.name+" of "+secret.text {
			t.Errorf("%s: planted, and found are %q", d.name, found)
			continue
		}
		controls++
	}
	assurance.Record(t, "linkability/dictionary", words, fmt.Sprintf("words tried, %d hashes against %d runs of 32 bytes; each of %d planted hashes is found", total, len(published), controls))
	assurance.Record(t, "linkability/found", len(finds), "words found in what the ledger publishes")
}
