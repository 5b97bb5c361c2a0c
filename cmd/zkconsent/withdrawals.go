package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
)

func (a *app) withdrawalsVerb() *cobra.Command {
	var from uint64
	c := &cobra.Command{
		Use:   "withdrawals --server ADDRESS",
		Short: "Follow the withdrawals that meet a verifier's standing answers",
		Long: `Follow the withdrawals that meet the standing answers of a verifier's service, one line
each, until it is stopped. Data behind a withdrawn answer must not be used any more.

A line "at N" says that everything before position N was dealt with: start again with
--from N after an interruption. An answer may be told more than once, and none is
left out. A stream that breaks off is taken up again. With --json each line is one
object.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.verifierAt(func(v *client.Verifier) error {
				err := v.Withdrawals(c.Context(), from, a.emitNews(from))
				if c.Context().Err() != nil {
					return nil // it was stopped, which is how it ends
				}
				return err
			})
		},
	}
	c.Flags().Uint64Var(&from, "from", 0, "`position` of the ledger's withdrawals to begin with")
	return c
}

type newsView struct {
	Position  uint64              `json:"position"`
	HeadTime  consent.Time        `json:"headTime"`
	Withdrawn []verifier.Standing `json:"withdrawn"`
}

// emitNews writes news as it comes. What was written has been dealt with.
func (a *app) emitNews(from uint64) func(client.News) error {
	told := false
	return func(n client.News) error {
		var b bytes.Buffer
		if a.json {
			v := newsView{n.Position, n.HeadTime, n.Withdrawn}
			if v.Withdrawn == nil {
				v.Withdrawn = []verifier.Standing{}
			}
			if err := json.NewEncoder(&b).Encode(v); err != nil {
				return err
			}
		} else {
			for _, s := range n.Withdrawn {
				printWithdrawn(&b, s)
			}
			if !told || n.Position != from {
				fmt.Fprintf(&b, "at %d  the ledger of %s\n", n.Position, instant(n.HeadTime))
			}
		}
		told, from = true, n.Position
		_, err := a.results.Write(b.Bytes())
		return err
	}
}

func printWithdrawn(w io.Writer, s verifier.Standing) {
	fmt.Fprintf(w, "%s  pseudonym %s…  until %s  WITHDRAWN %s\n", hex.EncodeToString(s.RequestID[:]), field.Hex(s.Nullifier)[:16], instant(s.Until), instant(s.Since))
}

// errSeen ends a stream at the first news that the ledger was looked at whole.
var errSeen = errors.New("seen")

// standingAt lists the withdrawn ones of a service's standing answers, as of
// now. The others it does not list.
func (a *app) standingAt(ctx context.Context) error {
	list := []verifier.Standing{}
	seen := map[[16]byte]bool{}
	return a.verifierAt(func(v *client.Verifier) error {
		var head consent.Time
		err := v.Withdrawals(ctx, 0, func(n client.News) error {
			for _, s := range n.Withdrawn {
				if !seen[s.RequestID] {
					seen[s.RequestID], list = true, append(list, s)
				}
			}
			if len(n.Withdrawn) > 0 {
				return nil
			}
			head = n.HeadTime
			return errSeen
		})
		if !errors.Is(err, errSeen) {
			return err
		}
		return a.emit(list, func(w io.Writer) {
			for _, s := range list {
				printWithdrawn(w, s)
			}
			if len(list) == 0 {
				fmt.Fprintf(w, "no answer that is relied on was withdrawn, by the ledger of %s\n", instant(head))
			}
		})
	})
}
