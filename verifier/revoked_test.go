package verifier_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/prover"
	"github.com/zkconsent/zkconsent/verifier"
)

// A revoked credential proves nothing under the root that lacks it, and what
// was proved under the root before goes stale as soon as that root is too old.
func TestRefusesRevokedCredential(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	asked := w.template(consent.Claim, consent.Pseudonym)
	asked.MaxRootAge = epochSeconds
	inTime, late := p.present(w.askFor(v, asked)), p.present(w.askFor(v, asked))

	if _, err := w.records.Update([]merkle.Leaf{{Index: p.index[1], Value: fr.Element{}}}); err != nil {
		t.Fatal(err)
	}
	w.closeEpoch()
	r := w.askFor(v, asked)
	s, wit, rsk, rk := p.statement(r)
	if _, err := w.prover.Prove(context.Background(), s, wit); !errors.Is(err, prover.ErrNotSatisfied) {
		t.Errorf("a proof under the new root: %v, want ErrNotSatisfied", err)
	}
	// The old proof, presented as one under the new root.
	verify(t, v, p.sign(r, s, rsk, rk, inTime.Proof), verifier.BadProof)

	w.pass(epochSeconds * time.Second)
	verify(t, v, inTime, "")
	w.pass(time.Second)
	verify(t, v, late, verifier.StaleEpoch)
}

func TestSigningKeyDoesNotPrint(t *testing.T) {
	w := newWorld(t)
	v, _ := w.verifierOf(w.insurer)
	c := verifier.Config{Key: w.insurer.key}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("starting", "config", c, "verifier", v)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("starting", "config", c, "pointer", &c)
	text := log.String() + fmt.Sprintf("%v %+v %#v %x %+v %#v", c, c, c, c, v, v)
	seed := w.insurer.key.Seed()
	for name, form := range map[string]string{
		"hexadecimal": hex.EncodeToString(seed), "decimal": strings.Trim(fmt.Sprint(seed), "[]"), "Go": strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", seed), "[]byte{"), "}"),
	} {
		if strings.Contains(text, form) {
			t.Errorf("the key is shown in %s", name)
		}
	}
	if !strings.Contains(text, "REDACTED") {
		t.Errorf("nothing was printed: %s", text)
	}
}
