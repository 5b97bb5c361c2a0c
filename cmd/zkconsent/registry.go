package main

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

func (a *app) registryVerb() *cobra.Command {
	c := &cobra.Command{Use: "registry", Short: "Look at the ledger, or check a node's data"}
	c.AddCommand(a.registryStatusVerb(), a.registryHeadVerb(), a.registryLiesVerb(), a.checkVerb())
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

func (a *app) registryHeadVerb() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "head --out FILE",
		Short: "Write the newest verified head, for somebody who trusts this party",
		Long: `Write the newest head that this party has verified, with all that leads to it from
the genesis. Whoever was away for longer than the ledger's trust period, or comes new
to an old ledger, puts it into their folder as ` + trustedFile + `: members who left long
ago may have lost their keys, and only somebody who followed the ledger knows its past.`,
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
			if err := a.writeMessage("checkpoint", out, h.Encode()); err != nil {
				return err
			}
			v := map[string]any{"height": h.Height, "time": rfc3339(h.Time), "changesOfValidators": len(h.Trail), "file": out}
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "head of height %d at %s, written to %s\n", h.Height, v["time"], out)
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "file to write; - is standard output")
	required(c, "out")
	return c
}

func (a *app) registryLiesVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "lies",
		Short: "List what nodes told this party that was not so, with the files that prove it",
		Long: `List the lies that this party was told by nodes and kept: what was wrong, which node
said it, when, and in the files named the bytes that prove it. A fork, two headers of
one height with good signatures, convicts more than a third of the members; show it to
all others. Nothing is asked of any node.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			type view struct {
				Time   string `json:"time"`
				Lie    string `json:"lie"`
				Source string `json:"source"`
				Detail string `json:"detail"`
				Folder string `json:"folder"`
			}
			list := []view{}
			for _, dir := range a.ledgerDirs() {
				told, err := light.LiesIn(dir)
				if err != nil {
					return err
				}
				for _, e := range told {
					list = append(list, view{rfc3339(e.Time), string(e.Lie), e.Source, e.Detail, filepath.Join(dir, "lies")})
				}
			}
			return a.emit(list, func(w io.Writer) {
				for _, e := range list {
					fmt.Fprintf(w, "%s  %-22s %q: %q, in %s\n", e.Time, e.Source, e.Lie, e.Detail, e.Folder)
				}
				if len(list) == 0 {
					fmt.Fprintln(w, "no node has told this party a lie")
				}
			})
		},
	}
}
