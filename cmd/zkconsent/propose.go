package main

import (
	"errors"
	"fmt"
	"sort"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// defaultAhead is how many blocks a proposal lives unless its maker says
// otherwise: half a year on an idle ledger with a heartbeat of a minute, three
// days on one that makes a block a second.
const defaultAhead = 1 << 18

// A proposing is what all proposals have in common.
type proposing struct {
	out   string
	ahead uint64
}

// payload makes a transaction's payload from the newest verified directory.
type payload func(d *directory.Directory) ([]byte, error)

func (a *app) stewardProposeVerb() *cobra.Command {
	c := &cobra.Command{
		Use:   "propose",
		Short: "Make a proposal with this steward's approval on it",
		Long: `Make a proposal from the newest verified state, approved by this folder's steward.
What no flag names stays as it is.`,
	}
	c.AddCommand(a.proposeAuthorityVerb(), a.proposeValidatorVerb(), a.proposeParametersVerb(),
		a.proposeNamedVerb(transaction.SetSchema, "schema"), a.proposeNamedVerb(transaction.SetValueSet, "value-set"), a.proposeNamedVerb(transaction.SetTrustList, "trust-list"),
		a.proposeManifestVerb(), a.proposeScopeVerb(), a.proposeDistrustVerb())
	return c
}

// proposal finishes a verb that proposes: the flags of all, and what it does.
func (a *app) proposal(c *cobra.Command, kind transaction.Kind, of func(args []string) payload) *cobra.Command {
	x := &proposing{}
	c.Flags().StringVar(&x.out, "out", "", "`file` to write; - for standard output")
	c.Flags().Uint64Var(&x.ahead, "expires-in", defaultAhead, fmt.Sprintf("blocks after which it is void, at most %d", transaction.MaxAheadGoverned))
	required(c, "out")
	c.RunE = func(c *cobra.Command, args []string) error {
		if x.ahead == 0 || x.ahead > transaction.MaxAheadGoverned {
			return misuse("--expires-in: 1 to %d blocks are allowed", transaction.MaxAheadGoverned)
		}
		o, err := a.stewardOffice(c)
		if err != nil {
			return err
		}
		defer o.close()
		d, err := o.light.Directory()
		if err != nil {
			return err
		}
		b, err := of(args)(d)
		if err != nil {
			return err
		}
		t, err := o.envelope(kind, b)
		if err != nil {
			return err
		}
		h, err := o.light.Head()
		if err != nil {
			return err
		}
		t.Expiry = h.Height + x.ahead
		if err := t.Approve(o.self.ID, o.key); err != nil {
			return err
		}
		return a.putProposal(o.session, x.out, t)
	}
	return c
}

func (a *app) proposeAuthorityVerb() *cobra.Command {
	var key, id, name, uri, roles string
	var inactive, active bool
	c := &cobra.Command{
		Use:   "authority {--key HEX --name NAME --uri URI --roles LIST | --id ID …} --out FILE",
		Short: "Add an authority, or with --id change one: its key, name, roles, or whether it is active",
	}
	f := c.Flags()
	f.StringVar(&key, "key", "", "public key in hexadecimal, from: zkconsent authority key")
	f.StringVar(&id, "id", "", "id of the authority to change; without it a new one is added")
	f.StringVar(&name, "name", "", "name that patients see")
	f.StringVar(&uri, "uri", "", "reference by which FHIR documents name it")
	f.StringVar(&roles, "roles", "", "issuer,registrar,verifier,custodian,steward: one or more")
	f.BoolVar(&inactive, "inactive", false, "the authority may do nothing any more")
	f.BoolVar(&active, "active", false, "an inactive authority is active again")
	return a.proposal(c, transaction.SetAuthority, func([]string) payload {
		return func(d *directory.Directory) ([]byte, error) {
			r := directory.Authority{Active: true}
			if id != "" {
				at, err := field.ParseHex(id)
				if err != nil {
					return nil, misuse("--id: %w", err)
				}
				old, ok := d.Authority(at)
				if !ok {
					return nil, fmt.Errorf("--id: no authority on the ledger has the id %s", id)
				}
				r = old
				r.Sequence++
			} else if key == "" || name == "" || uri == "" || roles == "" {
				return nil, misuse("a new authority needs --key, --name, --uri and --roles; --id names one that is there")
			}
			if err := changeAuthority(&r, key, name, uri, roles); err != nil {
				return nil, err
			}
			if id == "" {
				r.ID = directory.AuthorityID(r.Key)
				if old, ok := d.Authority(r.ID); ok {
					return nil, fmt.Errorf("%s has that key already; change it with --id %s", old.Name, field.Hex(r.ID))
				}
			}
			r.Active = (r.Active || active) && !inactive
			return transaction.AuthorityPayload(r), nil
		}
	})
}

// changeAuthority sets what is not empty.
func changeAuthority(r *directory.Authority, key, name, uri, roles string) (err error) {
	if key != "" {
		if r.Key, err = parseKey(key); err != nil {
			return misuse("--key: %w", err)
		}
	}
	if roles != "" {
		if r.Roles, err = parseRoles(roles); err != nil {
			return err
		}
	}
	if name != "" {
		r.Name = name
	}
	if uri != "" {
		r.URI = uri
	}
	return nil
}

func (a *app) proposeValidatorVerb() *cobra.Command {
	var card, key, name string
	var power uint64
	c := &cobra.Command{
		Use:   "validator {--member FILE | --key HEX} --power N --out FILE",
		Short: "Add a member's validator, change its power, or with --power 0 remove it",
		Long: `Add a member's validator by its card, change its power, or with --power 0 remove it.
Its node runs and has caught up before it is added: from that block on its vote is
missed. More than two thirds of the power make a block, so that four members of the
same power go on without one, and halt without two.`,
	}
	f := c.Flags()
	f.StringVar(&card, "member", "", "`file` with the member's card, from: zkconsent node card")
	f.StringVar(&key, "key", "", "the validator's public key, of one that is on the ledger")
	f.StringVar(&name, "name", "", "the member's name; default: as in the card or on the ledger")
	f.Uint64Var(&power, "power", 0, "its power; 0 removes it")
	required(c, "power")
	return a.proposal(c, transaction.SetValidator, func([]string) payload {
		return func(d *directory.Directory) ([]byte, error) {
			v := directory.Validator{Power: power, Name: name}
			switch {
			case (card == "") == (key == ""):
				return nil, misuse("name either a card (--member) or a key (--key)")
			case card != "":
				k, err := a.readCard(card)
				if err != nil {
					return nil, err
				}
				v.Key = k.Validator
				if name == "" {
					v.Name = k.Name
				}
			default:
				k, err := parseKey(key)
				if err != nil {
					return nil, misuse("--key: %w", err)
				}
				v.Key = k
			}
			old, known := findValidator(d, v.Key)
			switch {
			case known:
				v.Sequence = old.Sequence + 1
				if v.Name == "" {
					v.Name = old.Name
				}
			case key != "":
				// A card proves that the member holds the key; digits do not.
				return nil, errors.New("no validator on the ledger has that key; add one by its card: --member")
			}
			return v.Encode(), v.Validate()
		}
	})
}

func (a *app) proposeParametersVerb() *cobra.Command {
	p := directory.Parameters{}
	c := &cobra.Command{
		Use:   "parameters --NAME VALUE … --out FILE",
		Short: "Change the ledger's parameters",
		Long:  `Change the parameters that a flag names; the others stay as they are.`,
	}
	parameterFlags(c, &p)
	c.Flags().Uint64Var(&p.Stewards, "stewards", 0, "how many stewards must approve a decision")
	return a.proposal(c, transaction.SetParameters, func([]string) payload {
		return func(d *directory.Directory) ([]byte, error) {
			n, changed := d.Parameters, 0
			for name, set := range map[string]func(){
				"epoch": func() { n.Epoch = p.Epoch }, "every-block": func() { n.EveryBlock = p.EveryBlock }, "max-head-age": func() { n.MaxHeadAge = p.MaxHeadAge },
				"heartbeat": func() { n.Heartbeat = p.Heartbeat }, "quota": func() { n.Quota = p.Quota }, "pow-bits": func() { n.PowBits = p.PowBits },
				"trust-period": func() { n.TrustPeriod = p.TrustPeriod }, "revoke-delay": func() { n.RevokeDelay = p.RevokeDelay }, "stewards": func() { n.Stewards = p.Stewards },
			} {
				if c.Flags().Changed(name) {
					set()
					changed++
				}
			}
			if changed == 0 {
				return nil, misuse("name at least one parameter to change")
			}
			b := n.Encode(d.Revision + 1)
			_, _, err := directory.DecodeParameters(b)
			return b, err
		}
	})
}

func (a *app) proposeNamedVerb(kind transaction.Kind, document string) *cobra.Command {
	c := &cobra.Command{
		Use:   document + " FILE --out PROPOSAL",
		Short: "Put a " + document + " on the ledger, or a later version of one",
		Args:  cobra.ExactArgs(1),
	}
	return a.proposal(c, kind, func(args []string) payload {
		return func(d *directory.Directory) ([]byte, error) {
			n, err := a.readNamed(document, args[0])
			if err != nil {
				return nil, err
			}
			list := map[transaction.Kind][]directory.Named{transaction.SetSchema: d.Schemas, transaction.SetValueSet: d.ValueSets, transaction.SetTrustList: d.TrustLists}[kind]
			if old, ok := findNamed(list, n.Name); ok && n.Sequence <= old.Sequence {
				return nil, fmt.Errorf("%s has number %d, and number %d of %s is on the ledger: make it with --number %d", args[0], n.Sequence, old.Sequence, n.Name, old.Sequence+1)
			}
			return n.Encode(), nil
		}
	})
}

func (a *app) proposeManifestVerb() *cobra.Command {
	c := &cobra.Command{
		Use:   "manifest CIRCUIT --out FILE",
		Short: "Accept the keys of a circuit that lie in --keys, such as claim/normal/groth16",
		Args:  cobra.ExactArgs(1),
	}
	return a.proposal(c, transaction.SetManifest, func(args []string) payload {
		return func(d *directory.Directory) ([]byte, error) {
			_, m, err := a.manifest()
			if err != nil {
				return nil, err
			}
			e, err := m.Find(args[0])
			if err != nil {
				return nil, err
			}
			if err := e.Production(); err != nil && !d.Parameters.DevelopmentKeys {
				return nil, err
			}
			pin := directory.Manifest{Circuit: e.Circuit, Digest: [32]byte(e.Digest())}
			if old, ok := findManifest(d, pin.Circuit); ok {
				pin.Sequence = old.Sequence + 1
			}
			return pin.Encode(), nil
		}
	})
}

func (a *app) proposeScopeVerb() *cobra.Command {
	var name string
	var members []string
	var closed bool
	c := &cobra.Command{
		Use:   "scope --name NAME {--member ID … | --close} --out FILE",
		Short: "Let verifiers answer together for what is spent once, or close such a scope",
	}
	f := c.Flags()
	f.StringVar(&name, "name", "", "name of the shared scope")
	f.StringArrayVar(&members, "member", nil, "id of a member; name all of them, those that stay too")
	f.BoolVar(&closed, "close", false, "nobody spends in it any more; what was spent stays spent")
	required(c, "name")
	return a.proposal(c, transaction.SetScope, func([]string) payload {
		return func(d *directory.Directory) ([]byte, error) {
			if closed == (len(members) > 0) {
				return nil, misuse("name either all members (--member) or --close")
			}
			s := directory.Scope{Name: name}
			for _, digits := range members {
				id, err := field.ParseHex(digits)
				if err != nil {
					return nil, misuse("--member %s: %w", digits, err)
				}
				if _, ok := d.Authority(id); !ok {
					return nil, fmt.Errorf("--member %s: no authority on the ledger has this id", digits)
				}
				s.Members = append(s.Members, id)
			}
			sort.Slice(s.Members, func(i, j int) bool { return s.Members[i].Cmp(&s.Members[j]) < 0 })
			if old, ok := d.Scope(directory.ScopeID(name)); ok {
				s.Sequence = old.Sequence + 1
			}
			return s.Encode(), s.Validate()
		}
	})
}

func (a *app) proposeDistrustVerb() *cobra.Command {
	var authority string
	var from, to uint64
	c := &cobra.Command{
		Use:   "distrust --authority ID --from INDEX --to INDEX --out FILE",
		Short: "Take an authority's records off the tree: a thief had its key",
		Long: `Take the records that an authority committed at the indices from --from to --to, both
included, off the tree. Verifiers that rely on an answer whose trust list holds this
authority ask again. Change the authority's key first: zkconsent steward propose
authority --id ID --key HEX.`,
	}
	f := c.Flags()
	f.StringVar(&authority, "authority", "", "id of the authority")
	f.Uint64Var(&from, "from", 0, "first index")
	f.Uint64Var(&to, "to", 0, "last index")
	required(c, "authority", "from", "to")
	return a.proposal(c, transaction.DistrustRange, func([]string) payload {
		return func(d *directory.Directory) ([]byte, error) {
			var id fr.Element
			var err error
			if id, err = field.ParseHex(authority); err != nil {
				return nil, misuse("--authority: %w", err)
			}
			if _, ok := d.Authority(id); !ok {
				return nil, fmt.Errorf("--authority: no authority on the ledger has the id %s", authority)
			}
			b := transaction.DistrustPayload(transaction.Distrusting{Distrust: directory.Distrust{Authority: id, From: from, To: to + 1}, Sequence: uint64(len(d.Distrusts))})
			if _, err := transaction.DecodeDistrusting(b); err != nil {
				return nil, misuse("--from, --to: %w", err)
			}
			return b, nil
		}
	})
}
