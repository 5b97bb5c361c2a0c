package main

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

func (a *app) nodeLeaveVerb() *cobra.Command {
	var named string
	var destroy, yes bool
	c := &cobra.Command{
		Use:   "leave",
		Short: "Show how this member leaves, or destroy its key when it has left",
		Long: `A member leaves when the stewards take its validator's power away; show what they
run for that. Keep the node running until it is done: a validator that is away
counts as one that failed.

With --destroy-key, afterwards: make sure from a verified head that no validator set
holds this node's key any more, and destroy it. Whoever finds the keys of members
that left could otherwise help to sign another past. Destroy its backups too.`,
		RunE: func(c *cobra.Command, _ []string) error {
			home := ledger.Home(a.nodeHome(named))
			key, err := home.ValidatorKey()
			if err != nil {
				return err
			}
			power, name, signs, err := a.powerOf(c.Context(), key)
			if err != nil {
				return err
			}
			digits := hex.EncodeToString(key)
			v := map[string]any{"validator": digits, "power": power, "destroyed": false}
			if !destroy {
				propose := fmt.Sprintf("zkconsent steward propose validator --key %s --power 0 --out leave.zkc", digits)
				if power > 0 {
					v["propose"] = propose
				}
				return a.emit(v, func(w io.Writer) {
					if power == 0 {
						fmt.Fprintf(w, "validator %s has no power: it has left, or never voted\nstop the node, then: zkconsent node leave --destroy-key\n", digits)
						return
					}
					fmt.Fprintf(w, "validator %s of %s votes with power %d\na steward takes it away with: %s\nthe others approve, one submits; then stop the node, and: zkconsent node leave --destroy-key\n", digits, name, power, propose)
				})
			}
			if power > 0 {
				return fmt.Errorf("validator %s still votes with power %d: a validator set of a verified head holds its key; nothing was destroyed", digits, power)
			}
			if signs {
				return fmt.Errorf("validator %s has no power from the next blocks on, but the newest verified head is still of its set; nothing was destroyed: run the same again in a minute", digits)
			}
			if err := home.Idle(); err != nil {
				return fmt.Errorf("%w; stop it first: nothing was destroyed", err)
			}
			if !yes && !a.confirm("destroy this node's validator key for ever?") {
				return errors.New("nothing was destroyed: agree at the prompt, or with --yes")
			}
			if err := home.DestroyValidator(); err != nil {
				return err
			}
			v["destroyed"] = true
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "the key of validator %s is destroyed here; destroy its backups too\n", digits)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&named, "node-home", "", "the node's folder (default: node in this party's folder)")
	f.BoolVar(&destroy, "destroy-key", false, "destroy the validator's key, once no validator set holds it any more")
	f.BoolVar(&yes, "yes", false, "destroy it without asking")
	return c
}

// powerOf is the power that a validator has in the newest verified directory,
// and whether the set that signed that head still holds its key.
func (a *app) powerOf(ctx context.Context, key ed25519.PublicKey) (power uint64, name string, signs bool, err error) {
	s, err := a.verdicts(ctx)
	if err != nil {
		return 0, "", false, err
	}
	defer s.close()
	h, err := s.light.Head()
	if err != nil {
		return 0, "", false, err
	}
	d, err := s.light.Directory()
	if err != nil {
		return 0, "", false, err
	}
	if v, ok := findValidator(d, key); ok {
		power, name = v.Power, v.Name
	}
	signers, err := light.Voters(&h)
	if err != nil {
		return 0, "", false, err
	}
	for _, k := range signers {
		signs = signs || k.Equal(key)
	}
	return power, name, signs, nil
}
