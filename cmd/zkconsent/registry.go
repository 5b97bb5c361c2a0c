package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/internal/field"
)

func (a *app) registryVerb() *cobra.Command {
	c := &cobra.Command{Use: "registry", Short: "Look at the ledger, or check a node's data"}
	c.AddCommand(a.registryStatusVerb(), a.checkVerb())
	return c
}

func (a *app) registryStatusVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the ledger's newest state, as its validators signed it",
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.verdicts(c.Context())
			if err != nil {
				return err
			}
			defer s.close()
			h, err := s.light.Head()
			if err != nil {
				return err
			}
			e, err := s.light.Newest()
			if err != nil {
				return err
			}
			v := struct {
				Chain       string `json:"chain"`
				Genesis     string `json:"genesis"`
				Height      uint64 `json:"height"`
				Time        string `json:"time"`
				Epoch       uint64 `json:"epoch"`
				Root        string `json:"root"`
				Records     uint64 `json:"records"`
				Withdrawals uint64 `json:"withdrawals"`
				ClosedAt    string `json:"epochClosedAt"`
			}{s.genesis.ChainID, fmt.Sprintf("%x", s.genesis.hash), h.Height, rfc3339(h.Time), e.Number, field.Hex(e.Root),
				h.State.Records.Count, h.State.Withdrawals.Count, rfc3339(e.ClosedAt)}
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "ledger      %s (genesis %s…)\nhead        height %d at %s\nepoch       %d, closed at %s\nroot        %s\nentries     %d records, %d withdrawals\n",
					v.Chain, v.Genesis[:16], v.Height, v.Time, v.Epoch, v.ClosedAt, v.Root, v.Records, v.Withdrawals)
			})
		},
	}
}

func rfc3339(unix uint64) string { return time.Unix(int64(unix), 0).UTC().Format(time.RFC3339) }
