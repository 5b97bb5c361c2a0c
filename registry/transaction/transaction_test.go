package transaction_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/bits"
	"reflect"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func sample() *transaction.Transaction {
	t := &transaction.Transaction{
		Genesis: [32]byte{9}, Expiry: 12, Nonce: 3, Kind: transaction.CommitConsents,
		Payload: transaction.SealedPayload([]consent.Sealed{{Commitment: field.Uint(1), Lock: field.Uint(2)}, {Commitment: field.Uint(3), Lock: field.Uint(4)}}),
	}
	t.Sign(field.Uint(77), key(1))
	return t
}

func governed() *transaction.Transaction {
	k := key(5).Public().(ed25519.PublicKey)
	a := directory.Authority{ID: directory.AuthorityID(k), Key: k, URI: "https://example.org/x", Name: "X", Roles: directory.Issuer, Active: true, Live: 5}
	t := &transaction.Transaction{Genesis: [32]byte{9}, Expiry: 12, Kind: transaction.SetAuthority, Payload: transaction.AuthorityPayload(a)}
	for _, s := range []byte{3, 1, 2, 1} {
		if err := t.Approve(field.Uint(uint64(s)), key(s)); err != nil {
			panic(err)
		}
	}
	return t
}

func stamped(t testing.TB) *transaction.Transaction {
	t.Helper()
	x := &transaction.Transaction{Genesis: [32]byte{9}, Expiry: 12, Nonce: 1 << 40, Kind: transaction.Withdraw, Payload: transaction.WithdrawalPayload([]fr.Element{field.Uint(5)})}
	if err := x.Stamp(context.Background(), 10); err != nil {
		t.Fatal(err)
	}
	return x
}

func TestRoundTrip(t *testing.T) {
	for name, x := range map[string]*transaction.Transaction{"signed": sample(), "stamped": stamped(t), "governed": governed()} {
		got, err := transaction.Decode(x.Encode())
		if err != nil || !bytes.Equal(got.Encode(), x.Encode()) || got.Digest() != x.Digest() {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		b := x.Encode()
		for n := range b {
			if _, err := transaction.Decode(b[:n]); err == nil {
				t.Fatalf("%s: %d of %d bytes were taken", name, n, len(b))
			}
		}
	}
}

func TestSignature(t *testing.T) {
	x := sample()
	pub := key(1).Public().(ed25519.PublicKey)
	if !x.SignedBy(pub) || x.SignedBy(key(2).Public().(ed25519.PublicKey)) {
		t.Error("the signature is not the signer's")
	}
	for name, change := range map[string]func(*transaction.Transaction){
		"genesis": func(x *transaction.Transaction) { x.Genesis[31] ^= 1 },
		"expiry":  func(x *transaction.Transaction) { x.Expiry++ },
		"signer":  func(x *transaction.Transaction) { x.Signer = field.Uint(78) },
		"nonce":   func(x *transaction.Transaction) { x.Nonce++ },
		"kind":    func(x *transaction.Transaction) { x.Kind = transaction.CommitCredentials },
		"payload": func(x *transaction.Transaction) { x.Payload[63] ^= 1 },
	} {
		y := sample()
		change(y)
		if y.SignedBy(pub) {
			t.Errorf("the signature does not bind the %s", name)
		}
		if y.Digest() == x.Digest() {
			t.Errorf("the digest does not bind the %s", name)
		}
	}
	y := sample()
	y.Signature[0] ^= 1
	if y.Digest() != x.Digest() {
		t.Error("another signature makes another transaction")
	}
}

func TestStamp(t *testing.T) {
	x := stamped(t)
	// Computed here from the specification's formula.
	in := append([]byte("zkconsent/v1/pow"), x.Genesis[:]...)
	in = append(binary.BigEndian.AppendUint64(in, x.Expiry), byte(x.Kind))
	in = binary.BigEndian.AppendUint64(append(in, x.Payload...), x.Nonce)
	d := sha256.Sum256(in)
	zeros := uint64(bits.LeadingZeros64(binary.BigEndian.Uint64(d[:])))
	if zeros < 10 {
		t.Errorf("%d leading zero bits", zeros)
	}
	if err := x.CheckStamp(zeros); err != nil {
		t.Error(err)
	}
	if err := x.CheckStamp(zeros + 1); !errors.Is(err, transaction.ErrStamp) {
		t.Errorf("one bit more: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := x.Stamp(ctx, 200); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestApprovalsAreSortedAndUnique(t *testing.T) {
	as, err := governed().Approvals()
	if err != nil || len(as) != 3 {
		t.Fatalf("%d approvals, %v", len(as), err)
	}
	for i, a := range as {
		if a.Steward != field.Uint(uint64(i+1)) {
			t.Errorf("approval %d is by %v", i, a.Steward)
		}
	}
	x := governed()
	one := len(x.Signature) / 3
	for name, s := range map[string][]byte{
		"none":         {},
		"one twice":    append(bytes.Clone(x.Signature[:one]), x.Signature[:one]...),
		"out of order": append(bytes.Clone(x.Signature[one:2*one]), x.Signature[:one]...),
		"cut short":    x.Signature[:one-1],
		"65":           bytes.Repeat(x.Signature[:one], 65),
	} {
		x.Signature = s
		if _, err := x.Approvals(); !errors.Is(err, transaction.ErrApprovals) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := transaction.Decode(x.Encode()); err == nil {
			t.Errorf("%s: decoded", name)
		}
	}
}

func TestRefusesForms(t *testing.T) {
	for _, c := range []struct {
		name, field string
		change      func(*transaction.Transaction)
	}{
		{"no kind", "kind", func(x *transaction.Transaction) { x.Kind = 0 }},
		{"unknown kind", "kind", func(x *transaction.Transaction) { x.Kind = 16 }},
		{"no payload", "payload", func(x *transaction.Transaction) { x.Payload = nil }},
		{"no signature", "signature", func(x *transaction.Transaction) { x.Signature = nil }},
		{"a long signature", "signature", func(x *transaction.Transaction) { x.Signature = append(x.Signature, 0) }},
		{"a signature without signer", "signature", func(x *transaction.Transaction) { x.Signer.SetZero() }},
		{"a commit without signer", "signer", func(x *transaction.Transaction) { x.Signer.SetZero(); x.Signature = nil }},
		{"set-authority with a signer", "signer", func(x *transaction.Transaction) { x.Kind = transaction.SetAuthority }},
		{"distrust with a signer", "signer", func(x *transaction.Transaction) { x.Kind = transaction.DistrustRange }},
		{"set-scope with a signer", "signer", func(x *transaction.Transaction) { x.Kind = transaction.SetScope }},
		{"a spend without signer", "signer", func(x *transaction.Transaction) {
			x.Kind, x.Signature = transaction.Spend, nil
			x.Signer.SetZero()
		}},
	} {
		x := sample()
		c.change(x)
		if _, err := transaction.Decode(x.Encode()); err == nil || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%s: %v, want a fault of %s", c.name, err, c.field)
		}
	}
}

func TestPayloads(t *testing.T) {
	if got, err := transaction.DecodeSealed(sample().Payload); err != nil || len(got) != 2 || got[1].Lock != field.Uint(4) {
		t.Errorf("%+v, %v", got, err)
	}
	rev := []transaction.Revocation{{Index: 7, RS: field.Uint(8)}, {Index: 1 << 40}}
	if got, err := transaction.DecodeRevocations(transaction.RevocationPayload(rev)); err != nil || !reflect.DeepEqual(got, rev) {
		t.Errorf("%+v, %v", got, err)
	}
	if a, err := transaction.DecodeAuthority(governed().Payload); err != nil || a.Live != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	a, _ := transaction.DecodeAuthority(governed().Payload)
	a.Live = 1
	if _, err := transaction.DecodeAuthority(a.Encode()); err == nil {
		t.Error("a record that sets its own count of leaves was taken")
	}
	over := bytes.Repeat([]byte{0xff}, 64)
	for name, err := range map[string]error{
		"sealed above the modulus":      second(transaction.DecodeSealed(over)),
		"withdrawal above the modulus":  second(transaction.DecodeWithdrawals(over[:32])),
		"revocation above the modulus":  second(transaction.DecodeRevocations(over[:40])),
		"no items":                      second(transaction.DecodeSealed(nil)),
		"4,097 items":                   second(transaction.DecodeWithdrawals(make([]byte, 32*4097))),
		"an item and a half":            second(transaction.DecodeWithdrawals(make([]byte, 48))),
		"an authority with more behind": second(transaction.DecodeAuthority(append(governed().Payload, 0))),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestResult(t *testing.T) {
	r := &transaction.Result{Height: 4, Items: []transaction.ItemCode{0, 8}}
	if got, err := transaction.DecodeResult(r.Encode()); err != nil || !reflect.DeepEqual(got, r) || got.Refused() != nil {
		t.Errorf("%+v, %v", got, err)
	}
	no := &transaction.Result{Code: transaction.Expired, Reason: "late"}
	var refused *transaction.RefusedError
	if got, err := transaction.DecodeResult(no.Encode()); err != nil || !errors.As(got.Refused(), &refused) || refused.Code != transaction.Expired {
		t.Errorf("%+v, %v", got, err)
	}
	for name, bad := range map[string]*transaction.Result{
		"unknown code":            {Code: 11},
		"unknown item code":       {Items: []transaction.ItemCode{14}},
		"items of a refused one":  {Code: 1, Items: []transaction.ItemCode{0}},
		"a reason beyond measure": {Code: 1, Reason: strings.Repeat("a", 513)},
	} {
		if _, err := transaction.DecodeResult(bad.Encode()); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for c := transaction.Code(0); c < 12; c++ {
		if c.String() == "" {
			t.Errorf("code %d has no name", c)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(sample().Encode())
	f.Add(governed().Encode())
	f.Add(stamped(f).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := transaction.Decode(b)
		if err != nil {
			return
		}
		if !bytes.Equal(x.Encode(), b) {
			t.Fatal("two encodings of one transaction")
		}
		if v, err := transaction.DecodeSealed(x.Payload); err == nil && !bytes.Equal(transaction.SealedPayload(v), x.Payload) {
			t.Fatal("two encodings of one commit")
		}
		if v, err := transaction.DecodeWithdrawals(x.Payload); err == nil && !bytes.Equal(transaction.WithdrawalPayload(v), x.Payload) {
			t.Fatal("two encodings of one withdraw")
		}
		if v, err := transaction.DecodeRevocations(x.Payload); err == nil && !bytes.Equal(transaction.RevocationPayload(v), x.Payload) {
			t.Fatal("two encodings of one revoke")
		}
		if v, err := transaction.DecodeAuthority(x.Payload); err == nil && !bytes.Equal(transaction.AuthorityPayload(v), x.Payload) {
			t.Fatal("two encodings of one authority")
		}
	})
}

func FuzzDecodeResult(f *testing.F) {
	f.Add((&transaction.Result{Height: 4, Items: []transaction.ItemCode{0, 8}}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := transaction.DecodeResult(b); err == nil && !bytes.Equal(r.Encode(), b) {
			t.Fatal("two encodings of one result")
		}
	})
}

// FuzzDecodePayload gives the decoders of payloads bytes without an envelope.
func FuzzDecodePayload(f *testing.F) {
	f.Add(sample().Payload)
	f.Add(governed().Payload)
	f.Add(stamped(f).Payload)
	f.Add(make([]byte, 40))
	f.Add(transaction.SpendPayload([]transaction.Spending{{Scope: field.Uint(1), Nullifier: field.Uint(2), Digest: [32]byte{3}}}))
	f.Add(transaction.DistrustPayload(transaction.Distrusting{Distrust: directory.Distrust{Authority: field.Uint(1), To: 3}, Sequence: 1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := transaction.DecodeSealed(b); err == nil && !bytes.Equal(transaction.SealedPayload(v), b) {
			t.Fatal("two encodings of one commit")
		}
		if v, err := transaction.DecodeWithdrawals(b); err == nil && !bytes.Equal(transaction.WithdrawalPayload(v), b) {
			t.Fatal("two encodings of one withdraw")
		}
		if v, err := transaction.DecodeRevocations(b); err == nil && !bytes.Equal(transaction.RevocationPayload(v), b) {
			t.Fatal("two encodings of one revoke")
		}
		if v, err := transaction.DecodeAuthority(b); err == nil && !bytes.Equal(transaction.AuthorityPayload(v), b) {
			t.Fatal("two encodings of one authority")
		}
		if v, err := transaction.DecodeSpendings(b); err == nil && !bytes.Equal(transaction.SpendPayload(v), b) {
			t.Fatal("two encodings of one spend")
		}
		if v, err := transaction.DecodeAnchors(b); err == nil && !bytes.Equal(transaction.AuditPayload(v), b) {
			t.Fatal("two encodings of one audit root")
		}
		if v, err := transaction.DecodeDistrusting(b); err == nil && !bytes.Equal(transaction.DistrustPayload(v), b) {
			t.Fatal("two encodings of one distrust")
		}
	})
}

// TestApprovalsJoin: stewards who approved copies of one proposal need no
// round through all of them.
func TestApprovalsJoin(t *testing.T) {
	all := governed()
	alone := func(s byte) *transaction.Transaction {
		x := governed()
		x.Signature = nil
		if err := x.Approve(field.Uint(uint64(s)), key(s)); err != nil {
			t.Fatal(err)
		}
		return x
	}
	x := alone(2)
	for _, o := range []*transaction.Transaction{alone(3), alone(1), alone(2)} {
		if err := x.Join(o); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(x.Encode(), all.Encode()) {
		t.Error("joined copies are not what three stewards in turn make")
	}
	other := alone(1)
	other.Expiry++
	if err := x.Join(other); !errors.Is(err, transaction.ErrApprovals) {
		t.Errorf("another transaction's approvals: %v", err)
	}
}
