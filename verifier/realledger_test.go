package verifier_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
	"github.com/zkconsent/zkconsent/verifier"
)

// lightRoots is the ledger's light client as a root source.
type lightRoots struct{ client *light.Client }

func (l lightRoots) Head(ctx context.Context) (*directory.Head, *directory.Directory, error) {
	if err := l.client.Sync(ctx); err != nil {
		return nil, nil, err
	}
	h, err := l.client.Head()
	if err != nil {
		return nil, nil, err
	}
	d, err := l.client.Directory()
	return &h, d, err
}

func (l lightRoots) Epochs(_ context.Context, from, to uint64) ([]directory.Epoch, error) {
	out := l.client.Epochs(from)
	return out[:min(uint64(len(out)), to-from)], nil
}

func (l lightRoots) Withdrawals(_ context.Context, from, to uint64) ([]verifier.Withdrawal, error) {
	all := l.client.Withdrawals(from)
	var out []verifier.Withdrawal
	for _, w := range all[:min(uint64(len(all)), to-from)] {
		out = append(out, verifier.Withdrawal{V: w.V, At: w.At})
	}
	return out, nil
}

// The whole way on a real ledger: genesis, commits, epochs, proof, verdict,
// record, withdrawal, standing.
func TestVerifiesOnARealLedger(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	w := newWorld(t)
	w.now = time.Now()
	home := ledger.Home(t.TempDir())
	validator, err := home.Create()
	if err != nil {
		t.Fatal(err)
	}
	w.dir.Parameters = directory.Parameters{Epoch: 60, EveryBlock: true, MaxHeadAge: 60, Heartbeat: 2, Quota: 1000, PowBits: 8, RevokeDelay: 60, TrustPeriod: 1 << 20, DevelopmentKeys: true}
	w.dir.Validators = []directory.Validator{{Key: validator, Power: 10, Name: "validator"}}
	g := &directory.Genesis{
		ChainID: "verifier-test", Time: uint64(w.now.Add(-time.Hour).Unix()), Directory: w.dir,
	}
	if err := home.WriteGenesis(g); err != nil {
		t.Fatal(err)
	}
	w.genesis = directory.GenesisHash(g)
	node, err := ledger.Start(ctx, home, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Stop() })
	client, err := light.Open(light.Config{Genesis: g, Source: node})
	if err != nil {
		t.Fatal(err)
	}

	nonce := uint64(0)
	submit := func(kind transaction.Kind, payload []byte, by party) {
		t.Helper()
		if err := client.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		h, err := client.Head()
		if err != nil {
			t.Fatal(err)
		}
		nonce++
		tx := &transaction.Transaction{Genesis: w.genesis, Expiry: h.Height + 500, Nonce: nonce, Kind: kind, Payload: payload}
		tx.Sign(by.id, by.key)
		result, err := client.Submit(ctx, tx)
		if err == nil {
			err = result.Refused()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for ; !done(); time.Sleep(20 * time.Millisecond) {
			if err := client.Sync(ctx); err != nil {
				t.Fatalf("waiting for %s: %v", what, err)
			}
		}
	}
	p := w.newPatient(w.issuer)
	submit(transaction.CommitConsents, transaction.SealedPayload([]consent.Sealed{{Commitment: p.consent.Commitment(), Lock: p.locks[0]}}), w.registrar)
	submit(transaction.CommitCredentials, transaction.SealedPayload([]consent.Sealed{{Commitment: p.credential.Commitment(), Lock: p.locks[1]}}), w.issuer)
	var epoch directory.Epoch
	until("the records", func() bool {
		_, e, err := client.Path(p.index[1])
		epoch = e
		return err == nil
	})
	if local := w.records.Root(); !epoch.Root.Equal(&local) {
		t.Fatal("the ledger's tree is not the one that its leaves make")
	}

	_, s := w.verifierOf(w.insurer)
	v, err := verifier.New(verifier.Config{ID: w.insurer.id, Key: w.insurer.key, Genesis: w.genesis, Roots: lightRoots{client}, Keys: w.keys, Store: s})
	if err != nil {
		t.Fatal(err)
	}
	present := func(rule consent.Rule) *consent.Presentation {
		t.Helper()
		w.foreign = &epoch
		return p.present(w.ask(v, consent.Claim, rule))
	}
	first, second := present(consent.Pseudonym), present(consent.Once)
	verdict := verify(t, v, first, "")
	record, err := v.Record(ctx, verdict.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	trust := verifier.Trust{Genesis: w.genesis, Keys: w.keys, CheckHead: func(h *directory.Head) error {
		_, err := light.VerifyHead(g, h.Encode())
		return err
	}}
	if got, err := verifier.Recheck(record, trust); err != nil || got != verdict {
		t.Fatalf("rechecked: %+v, %v", got, err)
	}
	forged, err := verifier.DecodeRecord(record)
	if err != nil {
		t.Fatal(err)
	}
	forged.Head.State.Records.Count++
	var fault *verifier.RecordError
	if _, err := verifier.Recheck(forged.Encode(), trust); !errors.As(err, &fault) || fault.Part != "head" {
		t.Errorf("a state that no validator signed: %v", err)
	}
	t.Logf("a record of %d bytes", len(record))

	submit(transaction.Withdraw, transaction.WithdrawalPayload([]fr.Element{p.v}), w.registrar)
	until("the withdrawal", func() bool { return len(client.Withdrawals(0)) == 1 })
	verify(t, v, second, verifier.Withdrawn)
	found := 0
	if err := v.Standing(ctx, func(st verifier.Standing) error {
		if st.RequestID != verdict.RequestID || !st.Withdrawn || time.Since(time.Unix(int64(st.Since), 0)).Abs() > time.Minute {
			t.Errorf("%+v", st)
		}
		found++
		return nil
	}); err != nil || found != 1 {
		t.Errorf("%d standing answers, %v", found, err)
	}
	// The record is as true as before: it tells what was so then.
	if got, err := verifier.Recheck(bytes.Clone(record), trust); err != nil || got != verdict {
		t.Errorf("rechecked after the withdrawal: %+v, %v", got, err)
	}
}
