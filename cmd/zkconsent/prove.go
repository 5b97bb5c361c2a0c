package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/internal/field"
)

func (a *app) proveVerb() *cobra.Command {
	var in, out, service string
	var yes, explain, send bool
	c := &cobra.Command{
		Use:   "prove --request FILE|URL --out FILE",
		Short: "Look at a request, decide, and answer it with a proof",
		Long: `Show in plain words who asks for what, why and for how long, and answer with a proof
if you agree. Whoever asks learns that the answer to its questions is yes and
nothing else; whether you declined, lack a record or the answer is no looks the
same from outside.

A request can be fetched from its address, https://host/v1/requests/ID, and with
--present the answer is sent to the return address that the request names. Neither
call says who you are. With --prover a service makes the proof; what it sees is
shown before you decide.`,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := a.readRequest(c.Context(), in)
			if err != nil {
				return err
			}
			if send {
				if err := presentable(r, in); err != nil {
					return err
				}
			}
			p, done, err := a.proverFor(service)
			if err != nil {
				return err
			}
			defer done()
			return a.withWallet(c.Context(), func(w *wallet.Wallet, s *session) error {
				review, err := w.Review(c.Context(), s.walletLedger(), r)
				if err != nil {
					return ledgerError(err)
				}
				seen := sees(service, review) + sends(send, review)
				switch {
				case !a.json:
					fmt.Fprint(a.results, review.Text(), seen)
				case !yes:
					// Nobody is asked to agree to what they do not see.
					fmt.Fprint(a.stderr, review.Text(), seen)
				}
				if !yes {
					yes = a.confirm("answer this request?")
				}
				start := time.Now()
				shown, err := w.Prove(c.Context(), s.walletLedger(), p, review, yes)
				if errors.Is(err, wallet.ErrNoPresentation) {
					return a.explain(w, review, yes, explain)
				}
				if errors.Is(err, wallet.ErrProver) {
					return p.failure(err)
				}
				if err != nil {
					return ledgerError(err)
				}
				took := time.Since(start)
				message := shown.Encode()
				if err := a.writeMessage("presentation", out, message); err != nil {
					return err
				}
				code := fmt.Sprintf("%06d", consent.ComparisonCode(r.Request.Challenge(), shown.Rk))
				v := struct {
					Review    *wallet.Review `json:"review"`
					Pseudonym string         `json:"pseudonym"`
					Epoch     uint64         `json:"epoch"`
					Code      string         `json:"comparisonCode"`
					Proof     int            `json:"proofBytes"`
					Bytes     int            `json:"bytes"`
					Seconds   float64        `json:"seconds"`
					File      string         `json:"file"`
					Prover    string         `json:"prover,omitempty"` // the service that saw the records
					Verdict   *decided       `json:"verdict,omitempty"`
				}{review, field.Hex(shown.Nullifier), shown.Epoch, code, len(shown.Proof), len(message), took.Seconds(), out, service, nil}
				var undecided error
				if send {
					v.Verdict, undecided = a.present(c.Context(), review.ReturnTo, shown)
				}
				err = a.emit(v, func(w io.Writer) {
					fmt.Fprintf(w, "presentation of %d bytes (proof %d) written to %s in %s\n", v.Bytes, v.Proof, out, took.Round(time.Millisecond))
					fmt.Fprintf(w, "if it is scanned from another screen, both must show the code %s\n", code)
					v.Verdict.print(w, code)
				})
				if undecided != nil {
					return errors.Join(err, notSent(undecided, out, review.ReturnTo))
				}
				return errors.Join(err, v.Verdict.exit())
			})
		},
	}
	f := c.Flags()
	f.StringVar(&in, "request", "", "`file` with the verifier's request, or its address, https://host/v1/requests/ID")
	f.StringVar(&out, "out", "", "`file` to write the presentation to; - for standard output")
	f.StringVar(&service, "prover", "", "`address` https://HOST:PORT of a service that makes the proof, in place of this machine; it sees your records")
	f.BoolVar(&send, "present", false, "send the answer to the return address that the request names")
	f.BoolVar(&yes, "yes", false, "answer without asking")
	f.BoolVar(&explain, "explain", false, "if there is nothing to present, say why, on this screen only")
	required(c, "request", "out")
	return c
}

// explain ends with the one status for "nothing to present"; why is told to
// the patient alone, on standard error, and only when asked for.
func (a *app) explain(w *wallet.Wallet, review *wallet.Review, approved, wanted bool) error {
	switch {
	case !approved:
		return &exit{exitNothing, errors.New("nothing presented: not approved (agree at the prompt, or with --yes)")}
	case !wanted:
		return &exit{exitNothing, errors.New("nothing presented; to see why, on this screen only, add --explain")}
	}
	reasons, err := w.Explain(review)
	if err != nil {
		return err
	}
	for _, r := range reasons {
		kind := "credential"
		if r.Consent {
			kind = "consent"
		}
		fmt.Fprintf(a.stderr, "%s %s: %s\n", kind, r.ID, r.Reason)
	}
	return &exit{exitNothing, errors.New("nothing presented; the reasons above are for you alone")}
}
