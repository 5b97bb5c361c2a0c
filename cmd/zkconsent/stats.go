package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
)

func (a *app) statsVerb() *cobra.Command {
	var rule, context, opened string
	c := &cobra.Command{
		Use:   "stats --server ADDRESS --context TEXT",
		Short: "Count the answers in one of a verifier's scopes",
		Long: `Count the answers that a verifier's service keeps in one scope: that of a policy with
this rule, context and day of opening. Small counts are suppressed, since they would
speak of persons.`,
		RunE: func(c *cobra.Command, _ []string) error {
			s := client.Scope{Rule: consent.Rule(rule), Context: context}
			if s.Rule != consent.Once && s.Rule != consent.Pseudonym {
				return misuse("--rule %q: once or pseudonym", rule)
			}
			if opened != "" {
				day, err := time.Parse(time.DateOnly, opened)
				if err != nil || day.Unix() < 0 {
					return misuse("--opened %q: a day such as 2026-06-15", opened)
				}
				s.Opened = uint64(day.Unix() / (24 * 60 * 60))
			}
			return a.verifierAt(func(v *client.Verifier) error {
				n, err := v.ScopeStats(c.Context(), s)
				if err != nil {
					return err
				}
				return a.emit(n, func(w io.Writer) {
					for _, row := range []struct {
						name string
						n    client.Count
					}{{"accepted", n.Answers}, {"pseudonyms", n.Nullifiers}, {"standing", n.Standing}, {"withdrawn", n.Withdrawn}} {
						text := fmt.Sprint(row.n.N)
						if row.n.Suppressed {
							text = fmt.Sprintf("fewer than %d", n.Smallest)
						}
						fmt.Fprintf(w, "%-11s %s\n", row.name, text)
					}
					fmt.Fprintf(w, "by the ledger of %s\n", instant(n.HeadTime))
				})
			})
		},
	}
	f := c.Flags()
	f.StringVar(&rule, "rule", string(consent.Pseudonym), "the policy's rule: once or pseudonym")
	f.StringVar(&context, "context", "", "the policy's context")
	f.StringVar(&opened, "opened", "", "the `day` on which the policy says that the scope was opened")
	required(c, "context")
	return c
}
