package verifying_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/verifier"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// refused checks a refusal.
func refused(t testing.TB, err error, code codes.Code, reason refusal.Reason) {
	t.Helper()
	if status.Code(err) != code || refusal.Of(err) != reason {
		t.Errorf("%v with reason %q, want %s and %s", err, refusal.Of(err), code, reason)
	}
	if retry := code == codes.Unavailable || code == codes.ResourceExhausted; retry != (refusal.After(err) > 0) {
		t.Errorf("%v: to be sent again after %s", err, refusal.After(err))
	}
}

// The whole story over the wire, with a real ledger, a real wallet and real
// proofs: asked, fetched, proved, verified, looked up, withdrawn, and told.
func TestStory(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient()
	d := w.open()

	made := d.ask(func(r *zkconsentv1.CreateRequestRequest) {
		r.Context, r.ReturnAddress = "claim 2026-00317", "https://insurer.example/answers"
	})
	got, err := d.api.GetRequest(w.ctx, &zkconsentv1.GetRequestRequest{Id: made.Id})
	w.must(err)
	if !bytes.Equal(got.SignedRequest, made.SignedRequest) {
		t.Fatal("the wallet gets another request")
	}
	asked, err := consent.DecodeSignedRequest(got.SignedRequest)
	w.must(err)
	if r := asked.Request; r.Context != "claim 2026-00317" || r.Return != "https://insurer.example/answers" || int64(r.Expires) != made.Expires || hex.EncodeToString(r.ID[:]) != made.Id {
		t.Fatalf("%+v", r)
	}
	_, err = d.api.GetVerdict(w.ctx, &zkconsentv1.GetVerdictRequest{Request: made.Id})
	refused(t, err, codes.NotFound, refusal.Unknown)

	presentation := p.answer(got.SignedRequest)
	v := d.verdict(presentation)
	if !v.Accepted || v.Reason != "" || v.Request != made.Id || v.Rule != "pseudonym" || len(v.Nullifier) != 64 || len(v.ComparisonCode) != 6 || v.SpeaksForPerson {
		t.Fatalf("%v", v)
	}
	found, err := d.api.GetVerdict(w.ctx, &zkconsentv1.GetVerdictRequest{Request: made.Id})
	w.must(err)
	if found.Verdict.String() != v.String() {
		t.Errorf("looked up: %v", found.Verdict)
	}
	again, err := verifier.Recheck(found.Record, verifier.Trust{Genesis: w.hash, Keys: w.keys, CheckHead: func(h *directory.Head) error {
		_, err := light.VerifyHead(w.genesis, h.Encode())
		return err
	}})
	if err != nil || !again.Accepted {
		t.Errorf("the record does not re-run: %v, %v", again, err)
	}

	stream, err := d.api.WatchWithdrawals(as(w.ctx, "cert:clerk"), &zkconsentv1.VerifierServiceWatchWithdrawalsRequest{})
	w.must(err)
	beat, err := stream.Recv()
	w.must(err)
	if len(beat.Withdrawn) != 0 || beat.Position != 0 || beat.HeadTime == 0 {
		t.Fatalf("%v", beat)
	}
	p.withdraw()
	for {
		m, err := stream.Recv()
		w.must(err)
		if m.Position != 0 {
			t.Fatalf("a decision may still be under way: %v", m)
		}
		if len(m.Withdrawn) == 0 {
			continue
		}
		if a := m.Withdrawn[0]; len(m.Withdrawn) != 1 || a.Request != made.Id || a.Digest != v.Digest || a.Nullifier != v.Nullifier || a.Rule != v.Rule || a.Until != v.Until || a.Since == 0 {
			t.Errorf("%v", m)
		}
		break
	}
	// The feed lives on and does not repeat itself.
	for range 3 {
		if m, err := stream.Recv(); err != nil || len(m.Withdrawn) != 0 {
			t.Errorf("%v, %v", m, err)
		}
	}
	// What was accepted stays what was decided then.
	if after := d.verdict(presentation); after.String() != v.String() {
		t.Errorf("the same bytes after the withdrawal: %v", after)
	}
}
