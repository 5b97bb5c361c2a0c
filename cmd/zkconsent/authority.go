package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

func (a *app) authorityVerb() *cobra.Command {
	c := &cobra.Command{Use: "authority", Short: "Make authority keys, add authorities to the ledger, list them"}
	c.AddCommand(a.authorityKeyVerb(), a.authorityAddVerb(), a.authorityListVerb())
	return c
}

// roleNames are the roles by their bits.
var roleNames = []struct {
	role directory.Roles
	name string
}{
	{directory.Issuer, "issuer"}, {directory.Registrar, "registrar"}, {directory.Verifier, "verifier"},
	{directory.Custodian, "custodian"}, {directory.Steward, "steward"},
}

func parseRoles(list string) (roles directory.Roles, err error) {
next:
	for _, name := range strings.Split(list, ",") {
		for _, r := range roleNames {
			if r.name == name {
				roles |= r.role
				continue next
			}
		}
		return 0, misuse("--roles: %q is none of issuer, registrar, verifier, custodian, steward", name)
	}
	return roles, nil
}

func formatRoles(roles directory.Roles) string {
	var names []string
	for _, r := range roleNames {
		if roles&r.role != 0 {
			names = append(names, r.name)
		}
	}
	return strings.Join(names, ",")
}

func parseKey(digits string) (ed25519.PublicKey, error) {
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("a public key has %d hexadecimal digits", 2*ed25519.PublicKeySize)
	}
	return b, nil
}

func (a *app) authorityAddVerb() *cobra.Command {
	var key, id, name, uri, roles string
	var inactive bool
	c := &cobra.Command{
		Use:   "add --key HEX --name NAME --uri URI --roles LIST",
		Short: "As a steward: add an authority to the ledger, or change one",
		Long: `Add an authority to the ledger, or with --id change one: its key, name, roles, or
whether it is active. The steward's key is in this folder. Where a decision takes the
approvals of several stewards, use: zkconsent steward propose authority.`,
		RunE: func(c *cobra.Command, _ []string) error {
			pub, err := parseKey(key)
			if err != nil {
				return misuse("--key: %w", err)
			}
			r, err := parseRoles(roles)
			if err != nil {
				return err
			}
			record := directory.Authority{ID: directory.AuthorityID(pub), Key: pub, URI: uri, Name: name, Roles: r, Active: !inactive}
			if id != "" {
				if record.ID, err = field.ParseHex(id); err != nil {
					return misuse("--id: %w", err)
				}
			}
			o, err := a.office(c.Context())
			if err != nil {
				return err
			}
			defer o.close()
			d, err := o.light.Directory()
			if err != nil {
				return err
			}
			if n := d.Parameters.Stewards; n > 1 {
				return fmt.Errorf("this ledger wants %d approvals: make a proposal with zkconsent steward propose authority, for others to approve", n)
			}
			if old, ok := d.Authority(record.ID); ok {
				record.Sequence = old.Sequence + 1
			}
			t, err := o.envelope(transaction.SetAuthority, transaction.AuthorityPayload(record))
			if err != nil {
				return err
			}
			if err := t.Approve(o.self.ID, o.key); err != nil {
				return err
			}
			result, err := o.Submit(c.Context(), t)
			if err != nil {
				return err
			}
			if err := result.Refused(); err != nil {
				return err
			}
			v := map[string]any{"id": field.Hex(record.ID), "name": name, "roles": formatRoles(r), "height": result.Height}
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "%s is on the ledger as %s, in block %d\nid %s\n", name, formatRoles(r), result.Height, v["id"])
			})
		},
	}
	f := c.Flags()
	f.StringVar(&key, "key", "", "public key in hexadecimal, from: zkconsent authority key")
	f.StringVar(&id, "id", "", "id of the authority to change; without it a new one is added")
	f.StringVar(&name, "name", "", "name that patients see")
	f.StringVar(&uri, "uri", "", "reference by which FHIR documents name it")
	f.StringVar(&roles, "roles", "", "issuer,registrar,verifier,custodian,steward: one or more")
	f.BoolVar(&inactive, "inactive", false, "the authority may do nothing any more")
	required(c, "key", "name", "uri", "roles")
	return c
}

func (a *app) authorityListVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the authorities on the ledger",
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.verdicts(c.Context())
			if err != nil {
				return err
			}
			defer s.close()
			d, err := s.light.Directory()
			if err != nil {
				return err
			}
			v := viewAuthorities(d)
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "%-18s %-24s %-28s %-34s %s\n", "id", "name", "roles", "uri", "live records")
				for _, k := range v {
					state := ""
					if !k.Active {
						state = "  inactive"
					}
					fmt.Fprintf(w, "%-18s %-24s %-28s %-34s %d%s\n", k.ID[:16]+"…", k.Name, k.Roles, k.URI, k.Live, state)
				}
			})
		},
	}
}
