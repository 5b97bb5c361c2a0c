package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/wallet"
)

// A chosenProver is the prover of this run, and remembers why it failed: a
// wallet passes no prover's words on.
type chosenProver struct {
	wallet.Prover
	service string // empty for this machine
	err     error
}

func (p *chosenProver) Prove(ctx context.Context, s *consent.Statement, w *consent.Witness) (consent.Proof, error) {
	var out consent.Proof
	out, p.err = p.Prover.Prove(ctx, s, w)
	return out, p.err
}

// failure says why a service made no proof. What this machine's own prover says
// may hold parts of the witness, and is not shown.
func (p *chosenProver) failure(err error) error {
	if p.service == "" {
		return err
	}
	why := "it gave no reason that could be shown"
	var e *client.Error
	switch {
	case errors.As(p.err, &e):
		why = fmt.Sprintf("%v; %s", e, advice(e))
	case errors.Is(p.err, client.ErrAnswer):
		why = p.err.Error()
	}
	return fmt.Errorf("the service at %s made no proof, and nothing was shown to the verifier: %s; without --prover the proof is made on this machine", p.service, why)
}

// proverFor is the service at an address, or this machine where there is none.
func (a *app) proverFor(service string) (*chosenProver, func(), error) {
	if service == "" {
		p, err := a.prover()
		return &chosenProver{Prover: p}, func() {}, err
	}
	conn, err := a.connect(service)
	if err != nil {
		return nil, nil, err
	}
	bar := newBar(a.stderr, a.json)
	progress := func(stage client.Stage, ahead int) {
		text := "the service: " + string(stage)
		if stage == client.Queued && ahead > 0 {
			text += fmt.Sprintf(", %d ahead", ahead)
		}
		bar.show(stageShare[stage], text)
	}
	return &chosenProver{Prover: client.NewProver(conn, progress), service: service}, func() { bar.end(); _ = conn.Close() }, nil
}

var stageShare = map[client.Stage]float64{client.Queued: 0, client.Preparing: 0.1, client.Proving: 0.2, client.Checking: 0.95}

// sees tells a patient what a prover service will see, before they decide.
func sees(service string, r *wallet.Review) string {
	if service == "" {
		return ""
	}
	records := []string{}
	if r.UsesConsent {
		records = append(records, "the consent")
	}
	if len(r.Questions) > 0 {
		records = append(records, "the record")
	}
	return fmt.Sprintf(`
PROOF BY A SERVICE
  %s makes the proof, not this machine. For that it sees:
  - %s that answers this request, with everything in it;
  - this request, and who asks;
  - two of your keys. With them it can recognise your answers and your pseudonyms
    elsewhere, for as long as it keeps them.
  It cannot answer, sign or withdraw in your name, and it is to keep nothing; that
  it keeps nothing, nobody can check. Without --prover nothing leaves this machine.
`, service, strings.Join(records, " and "))
}
