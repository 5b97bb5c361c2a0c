package main

import (
	"fmt"
	"io"
	"sort"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
)

func (a *app) documentVerb() *cobra.Command {
	c := &cobra.Command{
		Use:   "document",
		Short: "Make the lists that a ledger names by digest",
		Long: `Make trust lists and value sets, or write a built-in schema. The ledger names them by
digest, from its genesis on or by a decision of its stewards; verifiers put them into
their requests, and wallets compare.`,
	}
	c.AddCommand(a.trustListVerb(), a.valueSetVerb(), a.schemaVerb())
	return c
}

func (a *app) trustListVerb() *cobra.Command {
	var name, out string
	var number uint64
	var ids []string
	c := &cobra.Command{
		Use:     "trust-list --name NAME --authority ID …",
		Short:   "List the authorities whose records count",
		Example: "  zkconsent document trust-list --name hospitals --authority 1f…9a --out hospitals.zkc",
		RunE: func(*cobra.Command, []string) error {
			t := consent.TrustList{Name: name, Sequence: number}
			for _, id := range ids {
				e, err := field.ParseHex(id)
				if err != nil {
					return misuse("--authority %s: %w", id, err)
				}
				t.Authorities = append(t.Authorities, e)
			}
			sort.Slice(t.Authorities, func(i, j int) bool { return t.Authorities[i].Cmp(&t.Authorities[j]) < 0 })
			if err := t.Check(); err != nil {
				return err
			}
			return a.putDocument("trust-list", out, t.Encode(), t.Name, t.Digest())
		},
	}
	f := c.Flags()
	f.StringVar(&name, "name", "", "name on the ledger")
	f.Uint64Var(&number, "number", 1, "number of this version; on a ledger that has one it only rises")
	f.StringArrayVar(&ids, "authority", nil, "id of an authority; may be repeated")
	f.StringVar(&out, "out", "", "`file` to write; - for standard output")
	required(c, "name", "authority", "out")
	return c
}

func (a *app) valueSetVerb() *cobra.Command {
	var name, out string
	var number uint64
	var texts, prefixes, ids []string
	c := &cobra.Command{
		Use:     "value-set --name NAME --text VALUE …",
		Short:   "List the values that a predicate accepts",
		Example: "  zkconsent document value-set --name plans-2026 --text GOLD --text SILVER --out plans.zkc",
		RunE: func(*cobra.Command, []string) error {
			s := consent.ValueSet{Name: name, Sequence: number}
			for _, t := range texts {
				v, err := consent.EncodeText(t)
				if err != nil {
					return misuse("--text %q: %w", t, err)
				}
				s.Intervals = append(s.Intervals, consent.Interval{Lo: v, Hi: v})
			}
			for _, p := range prefixes {
				lo, hi, err := consent.CodePrefix(p)
				if err != nil {
					return misuse("--prefix %q: %w", p, err)
				}
				s.Intervals = append(s.Intervals, consent.Interval{Lo: lo, Hi: hi})
			}
			for _, id := range ids {
				v, err := consent.EncodeID(id)
				if err != nil {
					return misuse("--id %q: %w", id, err)
				}
				s.Intervals = append(s.Intervals, consent.Interval{Lo: v, Hi: v})
			}
			sort.Slice(s.Intervals, func(i, j int) bool { return s.Intervals[i].Lo < s.Intervals[j].Lo })
			if err := s.Check(); err != nil {
				return err
			}
			if name == "" {
				return misuse("--name is empty")
			}
			return a.putDocument("value-set", out, s.Encode(), s.Name, s.Digest())
		},
	}
	f := c.Flags()
	f.StringVar(&name, "name", "", "name on the ledger")
	f.Uint64Var(&number, "number", 1, "number of this version; on a ledger that has one it only rises")
	f.StringArrayVar(&texts, "text", nil, "a text, for slots of type text; may be repeated")
	f.StringArrayVar(&prefixes, "prefix", nil, "the beginning of codes, such as E11, for slots of type code; may be repeated")
	f.StringArrayVar(&ids, "id", nil, "an identifier of digits (SNOMED CT, RxNorm), for slots of type id; may be repeated")
	f.StringVar(&out, "out", "", "`file` to write; - for standard output")
	required(c, "name", "out")
	return c
}

func (a *app) schemaVerb() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "schema NAME --out FILE",
		Short: "Write a schema that this program knows, for: zkconsent steward propose schema",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, ok := consent.BuiltinSchema(args[0])
			if !ok {
				return misuse("%q is no schema of this program", args[0])
			}
			return a.putDocument("schema", out, s.Encode(), s.Name, s.Digest())
		},
	}
	c.Flags().StringVar(&out, "out", "", "`file` to write; - for standard output")
	required(c, "out")
	return c
}

func (a *app) putDocument(kind, out string, message []byte, name string, digest fr.Element) error {
	if err := a.writeMessage(kind, out, message); err != nil {
		return err
	}
	v := map[string]string{"name": name, "digest": field.Hex(digest), "file": out}
	return a.emit(v, func(w io.Writer) { fmt.Fprintf(w, "%s %s written to %s\ndigest %s\n", kind, name, out, v["digest"]) })
}
