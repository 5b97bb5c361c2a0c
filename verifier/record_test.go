package verifier_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/verifier"
)

func (w *world) trust() verifier.Trust {
	return verifier.Trust{Genesis: w.genesis, CheckHead: w.checkHead, Keys: w.keys}
}

// recorded makes an accepted presentation whose epoch was replaced, and its
// record.
func recorded(t testing.TB, w *world, c consent.CircuitID) (*verifier.Verifier, verifier.Verdict, []byte) {
	t.Helper()
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	shown := p.present(w.ask(v, c, consent.Pseudonym))
	for range 4 {
		w.newPatient(w.issuer)
		w.closeEpoch()
	}
	verdict := verify(t, v, shown, "")
	b, err := v.Record(context.Background(), verdict.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	return v, verdict, b
}

func TestRecordIsRecheckedFromFilesAlone(t *testing.T) {
	for _, c := range []consent.CircuitID{consent.Claim, consent.Eligibility, consent.ConsentOnly, consent.ConsentOnlyPlonk} {
		w := newWorld(t)
		_, verdict, b := recorded(t, w, c)
		trust := w.trust()
		w.fail = errors.New("the ledger is gone")
		got, err := verifier.Recheck(b, trust)
		if err != nil || got != verdict {
			t.Errorf("%s: %+v, %v", c, got, err)
		}
		r, err := verifier.DecodeRecord(b)
		if err != nil || !bytes.Equal(r.Encode(), b) {
			t.Errorf("%s: another encoding, %v", c, err)
		}
		t.Logf("%s: a record of %d bytes", c, len(b))
	}
}

func TestRecordOfTheNewestEpochNeedsNoSuccessor(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	verdict := verify(t, v, p.present(w.ask(v, consent.Claim, consent.Once)), "")
	b, err := v.Record(context.Background(), verdict.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := verifier.Recheck(b, w.trust()); err != nil || got != verdict {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestAttack_AlteredRecord(t *testing.T) {
	w := newWorld(t)
	_, verdict, b := recorded(t, w, consent.Claim)
	step := 1
	if testing.Short() {
		step = 37
	}
	tried := 0
	for i := 0; i < len(b); i += step {
		bad := bytes.Clone(b)
		bad[i] ^= 1 << w.rng.UintN(8)
		// Cheap parts are tried at each byte; the pairing is not reached by
		// most of them.
		got, err := verifier.Recheck(bad, w.trust())
		// The second of the verdict is the verifier's word, within the bounds
		// that the head sets.
		if at := got.At; err == nil && at != verdict.At && at < verdict.At+601 {
			if got.At = verdict.At; got == verdict {
				continue
			}
		}
		if err == nil || got.Accepted {
			t.Fatalf("byte %d of %d changed and still: %+v", i, len(b), got)
		}
		tried++
	}
	t.Logf("%d changed records were found", tried)
}

func TestAttack_RecordOfAnotherStory(t *testing.T) {
	w := newWorld(t)
	_, _, b := recorded(t, w, consent.Claim)
	decoded := func() *verifier.Record {
		r, err := verifier.DecodeRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	resign := func(r *verifier.Record) { r.Head.SignedHeader = ed25519.Sign(w.headKey, signedPart(&r.Head)) }
	for name, c := range map[string]struct {
		part   string
		change func(*verifier.Record, *verifier.Trust)
	}{
		"another ledger":       {"head", func(_ *verifier.Record, t *verifier.Trust) { t.Genesis[0]++ }},
		"nothing to check":     {"head", func(_ *verifier.Record, t *verifier.Trust) { t.CheckHead = nil }},
		"no key":               {"presentation", func(_ *verifier.Record, t *verifier.Trust) { t.Keys = verifier.Keys{} }},
		"unsigned head":        {"head", func(r *verifier.Record, _ *verifier.Trust) { r.Head.Time++ }},
		"later head":           {"head", func(r *verifier.Record, _ *verifier.Trust) { r.Head.Time += 1000; resign(r) }},
		"earlier head":         {"head", func(r *verifier.Record, _ *verifier.Trust) { r.Head.Time -= 1000; resign(r) }},
		"another directory":    {"directory", func(r *verifier.Record, _ *verifier.Trust) { r.Head.State.Directory[0]++; resign(r) }},
		"another epoch log":    {"epoch", func(r *verifier.Record, _ *verifier.Trust) { r.Head.State.Epochs.Root[0]++; resign(r) }},
		"another root":         {"epoch", func(r *verifier.Record, _ *verifier.Trust) { r.Epoch.Root.SetOne() }},
		"another epoch":        {"epoch", func(r *verifier.Record, _ *verifier.Trust) { r.Epoch = *r.Successor; r.EpochPath = r.SuccessPath }},
		"no successor":         {"epoch", func(r *verifier.Record, _ *verifier.Trust) { r.Successor, r.SuccessPath = nil, nil }},
		"successor later":      {"epoch", func(r *verifier.Record, _ *verifier.Trust) { r.Successor.ClosedAt++ }},
		"verdict until later":  {"verdict", func(r *verifier.Record, _ *verifier.Trust) { r.Verdict.Until++ }},
		"verdict of a person":  {"verdict", func(r *verifier.Record, _ *verifier.Trust) { r.Verdict.SpeaksForPerson = false }},
		"another pseudonym":    {"verdict", func(r *verifier.Record, _ *verifier.Trust) { r.Verdict.Nullifier.SetOne() }},
		"denied":               {"verdict", func(r *verifier.Record, _ *verifier.Trust) { r.Verdict.Accepted = false }},
		"another time":         {"head", func(r *verifier.Record, _ *verifier.Trust) { r.Verdict.At -= 500 }},
		"another asker":        {"request", func(r *verifier.Record, _ *verifier.Trust) { r.Request[len(r.Request)-1]++ }},
		"another signature":    {"presentation", func(r *verifier.Record, _ *verifier.Trust) { r.Presentation[consent.Claim.PresentationSize()-1]++ }},
		"the directory of now": {"directory", func(r *verifier.Record, _ *verifier.Trust) { r.Directory = differentDirectory(t, w) }},
	} {
		t.Run(name, func(t *testing.T) {
			r, trust := decoded(), w.trust()
			c.change(r, &trust)
			got, err := verifier.Recheck(r.Encode(), trust)
			var fault *verifier.RecordError
			if !errors.As(err, &fault) || fault.Part != c.part || got.Accepted {
				t.Errorf("%+v, %v; want a fault of the %s", got, err, c.part)
			}
		})
	}
}

func differentDirectory(t *testing.T, w *world) []byte {
	d := w.dir
	d.Parameters.Quota++
	if _, err := directory.DecodeDirectory(d.Encode()); err != nil {
		t.Fatal(err)
	}
	return d.Encode()
}

func FuzzDecodeRecord(f *testing.F) {
	_, _, b := recorded(f, newWorld(f), consent.Claim)
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add([]byte{})
	f.Add([]byte("\x13zkconsent/v1/record"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := verifier.DecodeRecord(in)
		if err != nil {
			return
		}
		if !bytes.Equal(r.Encode(), in) {
			t.Fatalf("%d bytes have another encoding", len(in))
		}
	})
}
