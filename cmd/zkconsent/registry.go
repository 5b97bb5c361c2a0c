package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/ledger"
)

func (a *app) registryVerb() *cobra.Command {
	c := &cobra.Command{Use: "registry", Short: "Look at the ledger, or check a node's data"}
	c.AddCommand(a.registryStatusVerb(), a.registryCheckVerb())
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

func (a *app) registryCheckVerb() *cobra.Command {
	var home string
	c := &cobra.Command{
		Use:   "check",
		Short: "Verify a stopped node's data from its leaves up",
		Long: `Read everything that a stopped node has on disk and derive it anew: logs and their
roots, every leaf, every node of the tree, every epoch, all indexes. The first
thing that does not follow is named.`,
		RunE: func(c *cobra.Command, _ []string) error {
			dir := ledger.Home(a.nodeHome(home)).StateDir()
			if _, err := os.Stat(dir); err != nil {
				return fmt.Errorf("%w; a node's data lies in the folder that it was started with (--home or --node-home)", err)
			}
			state, err := registry.Open(dir, &registry.Options{ReadOnly: true})
			if errors.Is(err, syscall.EAGAIN) {
				return fmt.Errorf("%s: a node is running on it; stop the node first", dir)
			}
			if err != nil {
				return err
			}
			defer state.Close()
			start := time.Now()
			bar := newBar(a.stderr, a.json)
			height, err := state.Check(c.Context(), func(stage string, done, total uint64) {
				bar.show(float64(done)/float64(max(total, 1)), stage)
			})
			bar.end()
			if err != nil {
				return err
			}
			v := map[string]any{"folder": dir, "height": height, "clean": true, "seconds": time.Since(start).Seconds()}
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "clean: everything up to block %d follows from the logs (%s)\n", height, time.Since(start).Round(time.Millisecond))
			})
		},
	}
	c.Flags().StringVar(&home, "node-home", "", "the node's folder (default: node in this party's folder)")
	return c
}
