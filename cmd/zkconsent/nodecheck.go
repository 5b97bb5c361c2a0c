package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/registry/ledger"
)

// checkVerb checks a stopped node's data; it stands under node and registry.
func (a *app) checkVerb() *cobra.Command {
	var named string
	c := &cobra.Command{
		Use:   "check",
		Short: "Verify a stopped node's data from its leaves up",
		Long: `Read everything that a stopped node has on disk, and change nothing. The state is
derived anew: logs and their roots, every leaf, every node of the tree, every epoch,
all indexes. Every block that is kept is held against its header, its place in the
chain and the signatures of its validators. The first thing that does not follow is
named; then restore a backup, or take the state from the other members.`,
		RunE: func(c *cobra.Command, _ []string) error {
			home := ledger.Home(a.nodeHome(named))
			if _, err := os.Stat(home.StateDir()); err != nil {
				return fmt.Errorf("%w; a node's data lies in the folder that it was started with (--home or --node-home)", err)
			}
			start := time.Now()
			bar := newBar(a.stderr, a.json)
			r, err := ledger.Check(c.Context(), home, func(stage string, done, total uint64) {
				bar.show(float64(done)/float64(max(total, 1)), stage)
			})
			bar.end()
			if errors.Is(err, syscall.EAGAIN) {
				return fmt.Errorf("%s: a node is running on it; stop the node first", home)
			}
			if err != nil {
				return err
			}
			took := time.Since(start)
			v := map[string]any{
				"folder": string(home), "height": r.Height, "oldestBlock": r.Base, "newestBlock": r.Top, "behind": r.Behind(),
				"torn": append([]string{}, r.Torn...), "clean": true, "seconds": took.Seconds(),
			}
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "clean: everything up to block %d follows from the logs, and blocks %d to %d are as their validators signed them (%s)\n", r.Height, r.Base, r.Top, took.Round(time.Millisecond))
				if n := r.Behind(); n > 1 {
					fmt.Fprintf(w, "the state is %d blocks behind: it is an older one, such as from a backup; the next start executes them\n", n)
				}
				if len(r.Torn) > 0 {
					fmt.Fprintf(w, "a crash has cut off the last entry of %s; the next start drops it, and nothing acknowledged is in it\n", strings.Join(r.Torn, ", "))
				}
			})
		},
	}
	c.Flags().StringVar(&named, "node-home", "", "the node's folder (default: node in this party's folder)")
	return c
}
