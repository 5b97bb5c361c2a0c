package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

func (a *app) registrarVerb() *cobra.Command {
	c := &cobra.Command{Use: "registrar", Short: "Put patients' sealed consents on the ledger"}
	c.AddCommand(a.registrarCommitVerb())
	return c
}

func (a *app) registrarCommitVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "commit FILE",
		Short: "Put a patient's sealed consents on the ledger",
		Long: `Put sealed consents on the ledger. This registrar cannot read them: it learns how
many there are, and knows whose they are from the patient who handed them in.
Done means: in a committed block, on disk.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := a.readMessage("sealed", args[0], 1<<19)
			if err != nil {
				return err
			}
			batch, err := consent.DecodeSealedBatch(b)
			if err != nil {
				return err
			}
			o, err := a.office(c.Context())
			if err != nil {
				return err
			}
			defer o.close()
			if batch.Genesis != o.genesis.hash || !batch.Registrar.Equal(&o.self.ID) {
				return errors.New("these consents were sealed for another registrar or another ledger; nothing was sent")
			}
			r, err := o.transact(c.Context(), transaction.CommitConsents, transaction.SealedPayload(batch.Items))
			if err != nil {
				return err
			}
			v := struct {
				Height uint64   `json:"height"`
				Items  []string `json:"items"`
			}{Height: r.Height}
			refused := 0
			for _, code := range r.Items {
				v.Items = append(v.Items, code.String())
				// A batch that is handed in again is as good as done.
				if code != transaction.Accepted && code != transaction.DuplicateLock {
					refused++
				}
			}
			err = a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "%d of %d consent(s) on the ledger, in block %d\n", len(v.Items)-refused, len(v.Items), r.Height)
				for i, code := range v.Items {
					if r.Items[i] != transaction.Accepted {
						fmt.Fprintf(w, "item %d: %s\n", i+1, code)
					}
				}
			})
			if err == nil && refused > 0 {
				err = &exit{exitFailed, fmt.Errorf("%d item(s) were refused", refused)}
			}
			return err
		},
	}
}
