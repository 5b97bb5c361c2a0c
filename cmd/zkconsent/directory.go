package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
)

// A voterView is a validator for people and scripts.
type voterView struct {
	Name     string `json:"name"`
	Key      string `json:"key"`
	Power    uint64 `json:"power"`
	Sequence uint64 `json:"sequence"`
}

// viewVoters lists the validators, with those that were removed if all is set.
func viewVoters(d *directory.Directory, all bool) []voterView {
	v := []voterView{}
	for _, x := range d.Validators {
		if x.Power > 0 || all {
			v = append(v, voterView{x.Name, hex.EncodeToString(x.Key), x.Power, x.Sequence})
		}
	}
	return v
}

func printVoters(w io.Writer, list []voterView, self string) {
	total := uint64(0)
	for _, x := range list {
		total += x.Power
	}
	for i, x := range list {
		state := fmt.Sprintf("power %d of %d", x.Power, total)
		if x.Power == 0 {
			state = "removed"
		}
		if x.Key == self {
			state += ", this node"
		}
		fmt.Fprintf(w, "%-11s %-32s %s  %s\n", first(i, "validators"), x.Name, x.Key, state)
	}
}

func (a *app) validatorVerb() *cobra.Command {
	c := &cobra.Command{Use: "validator", Short: "List the members whose nodes make the blocks"}
	var all bool
	list := &cobra.Command{
		Use:   "list",
		Short: "List the validators on the ledger",
		RunE: func(c *cobra.Command, _ []string) error {
			d, done, err := a.verifiedDirectory(c)
			if err != nil {
				return err
			}
			defer done()
			v := viewVoters(d, all)
			return a.emit(v, func(w io.Writer) { printVoters(w, v, "") })
		},
	}
	list.Flags().BoolVar(&all, "all", false, "show those that were removed, too")
	c.AddCommand(list)
	return c
}

// verifiedDirectory is the directory of the newest verified head.
func (a *app) verifiedDirectory(c *cobra.Command) (*directory.Directory, func(), error) {
	s, err := a.verdicts(c.Context())
	if err != nil {
		return nil, nil, err
	}
	d, err := s.light.Directory()
	if err != nil {
		s.close()
		return nil, nil, err
	}
	return d, s.close, nil
}

func (a *app) directoryVerb() *cobra.Command {
	c := &cobra.Command{Use: "directory", Short: "Show what the stewards govern"}
	c.AddCommand(&cobra.Command{
		Use:   "show",
		Short: "Show everything that the stewards govern, as the validators signed it",
		RunE: func(c *cobra.Command, _ []string) error {
			d, done, err := a.verifiedDirectory(c)
			if err != nil {
				return err
			}
			defer done()
			v := viewDirectory(d)
			return a.emit(v, v.print)
		},
	})
	return c
}

// A row is one property of a governed object, in words.
type row struct{ what, value string }

func parameterRows(p directory.Parameters) []row {
	seconds := func(n uint64) string { return fmt.Sprintf("%d s", n) }
	return []row{
		{"epoch", seconds(p.Epoch)}, {"every block an epoch", yesNo(p.EveryBlock)}, {"max head age", seconds(p.MaxHeadAge)},
		{"heartbeat", seconds(p.Heartbeat)}, {"quota per authority and epoch", fmt.Sprint(p.Quota)}, {"bits of a stamp", fmt.Sprint(p.PowBits)},
		{"revoke delay", seconds(p.RevokeDelay)}, {"stewards to a decision", fmt.Sprint(p.Stewards)}, {"trust period", seconds(p.TrustPeriod)},
		{"development keys", yesNo(p.DevelopmentKeys)},
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type (
	directoryView struct {
		Parameters  parametersView  `json:"parameters"`
		Authorities []authorityView `json:"authorities"`
		Validators  []voterView     `json:"validators"`
		Schemas     []namedView     `json:"schemas"`
		ValueSets   []namedView     `json:"valueSets"`
		TrustLists  []namedView     `json:"trustLists"`
		Manifests   []namedView     `json:"manifests"`
		Scopes      []scopeView     `json:"scopes"`
		Distrusts   []distrustView  `json:"distrusts"`
		rows        []row
	}
	parametersView struct {
		Revision        uint64 `json:"revision"`
		Epoch           uint64 `json:"epochSeconds"`
		EveryBlock      bool   `json:"everyBlock"`
		MaxHeadAge      uint64 `json:"maxHeadAgeSeconds"`
		Heartbeat       uint64 `json:"heartbeatSeconds"`
		Quota           uint64 `json:"quota"`
		PowBits         uint64 `json:"powBits"`
		RevokeDelay     uint64 `json:"revokeDelaySeconds"`
		Stewards        uint64 `json:"stewards"`
		TrustPeriod     uint64 `json:"trustPeriodSeconds"`
		DevelopmentKeys bool   `json:"developmentKeys"`
	}
	authorityView struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		URI    string `json:"uri"`
		Roles  string `json:"roles"`
		Active bool   `json:"active"`
		Live   uint64 `json:"liveRecords"`
		Key    string `json:"key"`
	}
	namedView struct {
		Name     string `json:"name"`
		Sequence uint64 `json:"sequence"`
		Digest   string `json:"digest"`
	}
	scopeView struct {
		Name     string   `json:"name"`
		ID       string   `json:"id"`
		Sequence uint64   `json:"sequence"`
		Members  []string `json:"members"`
		names    []string
	}
	distrustView struct {
		Authority string `json:"authority"`
		From      uint64 `json:"from"`
		To        uint64 `json:"to"`
		Epoch     uint64 `json:"epoch"`
		name      string
	}
)

func viewAuthorities(d *directory.Directory) []authorityView {
	v := []authorityView{}
	for _, k := range d.Authorities {
		v = append(v, authorityView{field.Hex(k.ID), k.Name, k.URI, formatRoles(k.Roles), k.Active, k.Live, hex.EncodeToString(k.Key)})
	}
	return v
}

func viewDirectory(d *directory.Directory) *directoryView {
	p := d.Parameters
	v := &directoryView{
		Parameters: parametersView{d.Revision, p.Epoch, p.EveryBlock, p.MaxHeadAge, p.Heartbeat, p.Quota, p.PowBits, p.RevokeDelay, p.Stewards, p.TrustPeriod, p.DevelopmentKeys},
		rows:       parameterRows(p), Authorities: viewAuthorities(d), Validators: viewVoters(d, true),
		Manifests: []namedView{}, Scopes: []scopeView{}, Distrusts: []distrustView{},
	}
	for to, list := range map[*[]namedView][]directory.Named{&v.Schemas: d.Schemas, &v.ValueSets: d.ValueSets, &v.TrustLists: d.TrustLists} {
		*to = []namedView{}
		for _, n := range list {
			*to = append(*to, namedView{n.Name, n.Sequence, field.Hex(n.Digest)})
		}
	}
	for _, m := range d.Manifests {
		v.Manifests = append(v.Manifests, namedView{m.Circuit, m.Sequence, hex.EncodeToString(m.Digest[:])})
	}
	for _, s := range d.Scopes {
		x := scopeView{Name: s.Name, ID: field.Hex(directory.ScopeID(s.Name)), Sequence: s.Sequence, Members: []string{}}
		for _, m := range s.Members {
			x.Members, x.names = append(x.Members, field.Hex(m)), append(x.names, nameOf(d, m))
		}
		v.Scopes = append(v.Scopes, x)
	}
	for _, x := range d.Distrusts {
		v.Distrusts = append(v.Distrusts, distrustView{field.Hex(x.Authority), x.From, x.To, x.Epoch, nameOf(d, x.Authority)})
	}
	return v
}

func (v *directoryView) print(w io.Writer) {
	for i, r := range v.rows {
		fmt.Fprintf(w, "%-11s %-32s %s\n", first(i, "parameters"), r.what, r.value)
	}
	printVoters(w, v.Validators, "")
	for i, k := range v.Authorities {
		state := ""
		if !k.Active {
			state = ", inactive"
		}
		fmt.Fprintf(w, "%-11s %-32s %s…  %s%s, %d live records\n", first(i, "authorities"), k.Name, k.ID[:16], k.Roles, state, k.Live)
	}
	for _, l := range []struct {
		heading string
		list    []namedView
	}{{"schemas", v.Schemas}, {"value sets", v.ValueSets}, {"trust lists", v.TrustLists}, {"circuits", v.Manifests}} {
		for i, n := range l.list {
			fmt.Fprintf(w, "%-11s %-32s %s…  number %d\n", first(i, l.heading), n.Name, n.Digest[:16], n.Sequence)
		}
	}
	for i, s := range v.Scopes {
		members := strings.Join(s.names, ", ")
		if members == "" {
			members = "closed"
		}
		fmt.Fprintf(w, "%-11s %-32s %s…  %s\n", first(i, "scopes"), s.Name, s.ID[:16], members)
	}
	for i, x := range v.Distrusts {
		fmt.Fprintf(w, "%-11s %-32s records %d to %d, from epoch %d on\n", first(i, "distrusts"), x.name, x.From, x.To-1, x.Epoch)
	}
}
