package wallet_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/presented"
	"github.com/zkconsent/zkconsent/internal/redsig"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// elements collects every field element in a value, whatever holds it.
func elements(v reflect.Value, found map[fr.Element]bool) {
	if v.IsValid() && v.Type() == reflect.TypeFor[fr.Element]() {
		found[v.Interface().(fr.Element)] = true
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			elements(v.Elem(), found)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			elements(v.Field(i), found)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			elements(v.Index(i), found)
		}
	}
}

// A prover service that keeps all it sees can neither sign for the holder nor
// withdraw: it never sees ask, v or rs.
func TestAttack_ThievingProver(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	f.given()
	v, rs, err := wallet.Numbered(f.w, 0)
	if err != nil {
		t.Fatal(err)
	}
	var stolen consent.Witness
	thief := proverFunc(func(ctx context.Context, s *consent.Statement, w *consent.Witness) (consent.Proof, error) {
		stolen = *w
		return f.prover.Prove(ctx, s, w)
	})
	r := f.request(consent.ConsentOnly)
	p, err := f.w.Prove(f.ctx, f, thief, f.review(r), true)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[fr.Element]bool{}
	elements(reflect.ValueOf(stolen), seen)
	w := consent.WithdrawalKey(v)
	if !seen[w] || !seen[stolen.Holder.Nk] {
		t.Fatal("the search does not find what is there")
	}
	if seen[v] || seen[rs] {
		t.Error("the prover sees what withdraws or revokes")
	}
	// w is no v: published as one, it withdraws nothing.
	if tag := consent.Watch(consent.WithdrawalKey(w), r.Scope(p.Rk)); tag.Equal(&p.Watch) {
		t.Error("the withdrawal key withdraws")
	}
	// The best keys that a thief can sign with: α alone, and α with a key of its own.
	alpha, err := redsig.DecodeScalar(stolen.Holder.Alpha[:])
	if err != nil {
		t.Fatal(err)
	}
	var wide [64]byte
	copy(wide[32:], stolen.Holder.Alpha[:])
	bare, err := redsig.NewSecretKey(wide)
	if err != nil {
		t.Fatal(err)
	}
	own, err := redsig.NewSecretKey([64]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	mixed, err := redsig.Randomize(own, alpha)
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Snapshot(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	rk, err := redsig.DecodePoint(p.Rk[:])
	if err != nil {
		t.Fatal(err)
	}
	statement, err := r.Statement(consent.Presented{Epoch: p.Epoch, Root: s.Epoch.Root, Nullifier: p.Nullifier, Watch: p.Watch, Rk: p.Rk, RkX: rk.X(), RkY: rk.Y()})
	if err != nil {
		t.Fatal(err)
	}
	m, err := statement.SignedDigest(p.Proof)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.verify(r, p); err != nil {
		t.Fatalf("the holder's own: %v", err)
	}
	for name, key := range map[string]redsig.SecretKey{"α alone": bare, "α with a key of its own": mixed} {
		t.Run(name, func(t *testing.T) {
			forged := *p
			if forged.Signature, err = redsig.Sign(key, [redsig.NonceKeySize]byte{1}, [redsig.FreshSize]byte{2}, m); err != nil {
				t.Fatal(err)
			}
			if err := f.verify(r, &forged); !errors.Is(err, presented.ErrSignature) {
				t.Errorf("%v, want ErrSignature", err)
			}
		})
	}
}

// publications notes what a relay was given.
type publications struct {
	v       []fr.Element
	revokes int
}

func (p *publications) Withdraw(_ context.Context, v fr.Element) error {
	p.v = append(p.v, v)
	return nil
}

func (p *publications) Revoke(context.Context, uint64, fr.Element) error {
	p.revokes++
	return nil
}

// What a withdrawal publishes leads nobody to a leaf, and the revocation that
// does is not seen beside it.
func TestWithdrawalNamesNoLeaf(t *testing.T) {
	f := newFixture(t)
	id := f.given()
	relayed := &publications{}
	if err := f.w.Withdraw(f.ctx, relayed, id); err != nil {
		t.Fatal(err)
	}
	if len(relayed.v) != 1 || relayed.revokes != 0 {
		t.Fatalf("%d withdrawals and %d revocations at once, want 1 and 0", len(relayed.v), relayed.revokes)
	}
	// The first attempt was lost. However long the wallet was away, the second
	// goes out alone, and the revocation follows a delay after it is seen.
	f.Wait(48 * time.Hour)
	if err := f.w.Run(f.ctx, relayed); err != nil || len(relayed.v) != 2 || relayed.revokes != 0 {
		t.Fatalf("two days later: %d withdrawals and %d revocations together, %v", len(relayed.v), relayed.revokes, err)
	}
	f.Wait(48 * time.Hour)
	if err := f.w.Run(f.ctx, &wallet.Stamper{Ledger: f, Submit: f}); err != nil {
		t.Fatal(err)
	}
	f.sync()
	if tasks, err := f.w.Pending(); err != nil || len(tasks) != 1 || tasks[0].Action != "revoke" || tasks[0].At <= f.Time() || tasks[0].At > f.Time()+3600 {
		t.Errorf("the revocation is not delayed: %+v, %v", tasks, err)
	}
	if err := f.w.Run(f.ctx, relayed); err != nil || relayed.revokes != 0 {
		t.Errorf("the revocation is sent at once: %v", err)
	}
	v := relayed.v[0]
	w := consent.WithdrawalKey(v)
	for _, e := range f.log() {
		for name, derived := range map[string]fr.Element{
			"v": v, "w": w, "the lock of v": consent.Lock(v), "the lock of w": consent.Lock(w),
			"a leaf of v": consent.Leaf(e.Kind, e.Authority, v, e.Lock), "a leaf of w": consent.Leaf(e.Kind, e.Authority, w, e.Lock),
		} {
			if derived.Equal(&e.Lock) || derived.Equal(&e.Leaf) {
				t.Errorf("%s stands in the record log", name)
			}
		}
	}
}

func (f *fixture) log() []journal.Record {
	f.t.Helper()
	s, err := f.Snapshot(f.ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	all, err := f.Records(f.ctx, 0, s.Head.State.Records.Count)
	if err != nil || len(all) == 0 {
		f.t.Fatalf("%d entries, %v", len(all), err)
	}
	return all
}

// Somebody who knows all of a consent but its salt, the patient's words
// included, finds it on the ledger by no salt that can be guessed or derived.
func TestAttack_DictionaryOnLedger(t *testing.T) {
	f := newFixture(t)
	id := f.given()
	e := f.log()[0]
	v, rs, err := wallet.Numbered(f.w, 0)
	if err != nil {
		t.Fatal(err)
	}
	matches := func(salt fr.Element) bool {
		c := consent.Consent{
			Holder: f.w.Holder(), Grantee: f.Insurer.ID, Terms: f.terms(), Policy: consent.PolicyDigest(policy),
			Source: consent.SourceDigest([]byte("a signed document for "+f.Insurer.URI), salt), W: consent.WithdrawalKey(v), Salt: salt,
		}
		leaf := consent.Leaf(consent.KindConsent, f.Hospital.ID, c.Commitment(), e.Lock)
		return leaf.Equal(&e.Leaf)
	}
	salt := wallet.Salt(f.w, id)
	if !matches(salt) {
		t.Fatal("the consent is not found with its own salt: this test would find nothing")
	}
	guesses := []fr.Element{v, rs, consent.WithdrawalKey(v), consent.Lock(rs), f.w.Holder(), f.Insurer.ID}
	for i := range uint64(100) {
		guesses = append(guesses, field.Uint(i))
	}
	for _, g := range guesses {
		if matches(g) {
			t.Errorf("the consent is found with salt %s", field.Hex(g))
		}
	}
	// Another wallet of the same words seals the same consent under another salt.
	other, err := wallet.Restore(f.path+"-restored", passphrase, f.words.Reveal(), f.options())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	drafts, err := other.Import(f.ctx, f, []byte("a signed document for "+f.Insurer.URI), []wallet.Grant{{Actor: f.Insurer.URI, Terms: f.terms(), Policy: policy}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Grant(f.ctx, f, f.Hospital.ID, drafts[0].ID); err != nil {
		t.Fatal(err)
	}
	if again := wallet.Salt(other, drafts[0].ID); again.IsZero() || again.Equal(&salt) {
		t.Error("the salt comes from the words: whoever has them opens what was erased")
	}
}
