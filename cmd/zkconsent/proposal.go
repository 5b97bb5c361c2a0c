package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/signed"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// A decision is what a governed transaction does to one object.
type decision struct {
	object        string // what it is about, in words
	before, after []row  // of the same length; before is nil for a new object
	stale         string // why its number does not fit the directory; empty if it does
}

// decide reads a governed transaction's payload against the directory.
func decide(d *directory.Directory, t *transaction.Transaction) (*decision, error) {
	switch t.Kind {
	case transaction.SetAuthority:
		return decideAuthority(d, t.Payload)
	case transaction.DistrustRange:
		return decideDistrust(d, t.Payload)
	case transaction.SetManifest:
		return decideManifest(d, t.Payload)
	case transaction.SetSchema:
		return decideNamed("schema", d.Schemas, t.Payload)
	case transaction.SetValueSet:
		return decideNamed("value set", d.ValueSets, t.Payload)
	case transaction.SetTrustList:
		return decideNamed("trust list", d.TrustLists, t.Payload)
	case transaction.SetValidator:
		return decideValidator(d, t.Payload)
	case transaction.SetParameters:
		return decideParameters(d, t.Payload)
	case transaction.SetScope:
		return decideScope(d, t.Payload)
	}
	return nil, fmt.Errorf("a transaction of kind %s is nobody's to approve", t.Kind)
}

// numbered says why a sequence number is not the next one.
func numbered(got uint64, last uint64, known bool) string {
	switch {
	case known && got <= last:
		return fmt.Sprintf("it has number %d, and the stewards have decided number %d since", got, last)
	case known && got != last+1:
		return fmt.Sprintf("it has number %d, and the next one is %d", got, last+1)
	case !known && got != 0:
		return fmt.Sprintf("it has number %d, and what is new has number 0", got)
	}
	return ""
}

func decideAuthority(d *directory.Directory, b []byte) (*decision, error) {
	a, err := transaction.DecodeAuthority(b)
	if err != nil {
		return nil, err
	}
	rows := func(a directory.Authority) []row {
		return []row{{"name", plain(a.Name)}, {"called so already", namesakes(d, a)}, {"roles", formatRoles(a.Roles)}, {"active", yesNo(a.Active)}, {"uri", a.URI}, {"key", hex.EncodeToString(a.Key)}}
	}
	x := &decision{object: "authority " + field.Hex(a.ID), after: rows(a)}
	old, known := d.Authority(a.ID)
	if known {
		x.before = rows(old)
	}
	x.stale = numbered(a.Sequence, old.Sequence, known)
	return x, nil
}

func decideDistrust(d *directory.Directory, b []byte) (*decision, error) {
	x, err := transaction.DecodeDistrusting(b)
	if err != nil {
		return nil, err
	}
	out := &decision{object: "authority " + nameOf(d, x.Authority) + " is distrusted", after: []row{
		{"authority", field.Hex(x.Authority)}, {"its records from index", fmt.Sprint(x.From)}, {"to index", fmt.Sprint(x.To - 1)},
	}}
	if n := uint64(len(d.Distrusts)); x.Sequence != n {
		out.stale = fmt.Sprintf("it has number %d, and the next one is %d", x.Sequence, n)
	}
	return out, nil
}

func decideManifest(d *directory.Directory, b []byte) (*decision, error) {
	m, err := directory.DecodeManifest(b)
	if err != nil {
		return nil, err
	}
	rows := func(m directory.Manifest) []row { return []row{{"keys", hex.EncodeToString(m.Digest[:])}} }
	x := &decision{object: "circuit " + plain(m.Circuit), after: rows(m)}
	old, known := findManifest(d, m.Circuit)
	if known {
		x.before = rows(old)
	}
	x.stale = numbered(m.Sequence, old.Sequence, known)
	return x, nil
}

func decideNamed(kind string, list []directory.Named, b []byte) (*decision, error) {
	n, err := directory.DecodeNamed(b)
	if err != nil {
		return nil, err
	}
	rows := func(n directory.Named) []row {
		return []row{{"number", fmt.Sprint(n.Sequence)}, {"digest", field.Hex(n.Digest)}}
	}
	x := &decision{object: kind + " " + plain(n.Name), after: rows(n)}
	if old, known := findNamed(list, n.Name); known {
		x.before = rows(old)
		// Documents have numbers of their own, which only rise.
		if n.Sequence <= old.Sequence {
			x.stale = fmt.Sprintf("it has number %d, and number %d is on the ledger", n.Sequence, old.Sequence)
		}
	}
	return x, nil
}

func decideValidator(d *directory.Directory, b []byte) (*decision, error) {
	v, err := directory.DecodeValidator(b)
	if err != nil {
		return nil, err
	}
	total := func(power uint64) uint64 {
		for _, x := range d.Validators {
			if !x.Key.Equal(v.Key) {
				power += x.Power
			}
		}
		return power
	}
	rows := func(v directory.Validator) []row {
		return []row{{"name", plain(v.Name)}, {"power", fmt.Sprintf("%d of %d", v.Power, total(v.Power))}}
	}
	x := &decision{object: "validator " + hex.EncodeToString(v.Key), after: rows(v)}
	old, known := findValidator(d, v.Key)
	if known {
		x.before = rows(old)
	}
	x.stale = numbered(v.Sequence, old.Sequence, known)
	return x, nil
}

func decideParameters(d *directory.Directory, b []byte) (*decision, error) {
	p, revision, err := directory.DecodeParameters(b)
	if err != nil {
		return nil, err
	}
	return &decision{object: "parameters", before: parameterRows(d.Parameters), after: parameterRows(p), stale: numbered(revision, d.Revision, true)}, nil
}

func decideScope(d *directory.Directory, b []byte) (*decision, error) {
	s, err := directory.DecodeScope(b)
	if err != nil {
		return nil, err
	}
	old, known := d.Scope(directory.ScopeID(s.Name))
	// Two lists of hundreds one after the other would hide who is in one alone.
	x := &decision{object: "shared scope " + plain(s.Name), after: []row{
		{"members", size(s)}, {"joins", membersOf(d, without(s.Members, old.Members))}, {"leaves", membersOf(d, without(old.Members, s.Members))},
	}}
	if known {
		x.before = []row{{"members", size(old)}, {"joins", ""}, {"leaves", ""}}
	}
	x.stale = numbered(s.Sequence, old.Sequence, known)
	return x, nil
}

func size(s directory.Scope) string {
	if len(s.Members) == 0 {
		return "nobody: closed"
	}
	return fmt.Sprint(len(s.Members))
}

// without are the members of one list that are not in another.
func without(list, other []fr.Element) (out []fr.Element) {
	for _, m := range list {
		if !slices.Contains(other, m) {
			out = append(out, m)
		}
	}
	return out
}

// membersOf names authorities by their whole ids: the beginning of an id can be
// had again by trying keys, and a name by choosing it.
func membersOf(d *directory.Directory, ids []fr.Element) string {
	var out []string
	for _, id := range ids {
		name := "unknown authority"
		if a, ok := d.Authority(id); ok {
			name = plain(a.Name)
		}
		out = append(out, name+" "+field.Hex(id))
	}
	return strings.Join(out, ", ")
}

// namesakes are the other authorities that have an authority's name.
func namesakes(d *directory.Directory, a directory.Authority) string {
	var same []fr.Element
	for _, k := range d.Authorities {
		if k.ID != a.ID && strings.EqualFold(k.Name, a.Name) {
			same = append(same, k.ID)
		}
	}
	return membersOf(d, same)
}

// plain shows a name so that it cannot pass for another one, or for a part of
// what stands around it: with letters of other alphabets spelt out, and in
// quotes if it has the signs that lists are made of.
func plain(name string) string {
	foreign := false
	for _, r := range name {
		switch {
		case r < unicode.MaxASCII && !strings.ContainsRune(`,()[]"\`, r):
		case r > unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsMark(r)):
			foreign = true
		default:
			return strconv.QuoteToASCII(name)
		}
	}
	if foreign {
		return name + " [" + strconv.QuoteToASCII(name) + "]"
	}
	return name
}

// nameOf is an authority's name with the beginning of its id.
func nameOf(d *directory.Directory, id fr.Element) string {
	if a, ok := d.Authority(id); ok {
		return fmt.Sprintf("%s (%s…)", plain(a.Name), field.Hex(id)[:8])
	}
	return "unknown authority " + field.Hex(id)
}

func findNamed(list []directory.Named, name string) (directory.Named, bool) {
	for _, n := range list {
		if n.Name == name {
			return n, true
		}
	}
	return directory.Named{}, false
}

func findManifest(d *directory.Directory, circuit string) (directory.Manifest, bool) {
	for _, m := range d.Manifests {
		if m.Circuit == circuit {
			return m, true
		}
	}
	return directory.Manifest{}, false
}

func findValidator(d *directory.Directory, key []byte) (directory.Validator, bool) {
	for _, v := range d.Validators {
		if bytes.Equal(v.Key, key) {
			return v, true
		}
	}
	return directory.Validator{}, false
}

// A proposalView is a proposal for people and scripts.
type proposalView struct {
	Kind      string         `json:"kind"`
	Object    string         `json:"object"`
	New       bool           `json:"new"`
	Changes   []changeView   `json:"changes"`
	Approvals []approvalView `json:"approvals"`
	Needed    uint64         `json:"needed"`
	Missing   uint64         `json:"missing"`
	Expiry    uint64         `json:"expiry"`
	Left      uint64         `json:"blocksLeft"`
	Trouble   string         `json:"trouble,omitempty"` // why the ledger would refuse it even with all approvals
	Digest    string         `json:"digest"`
	File      string         `json:"file,omitempty"`
}

type changeView struct {
	What   string `json:"what"`
	Before string `json:"before,omitempty"`
	After  string `json:"after"`
}

type approvalView struct {
	Name    string `json:"name"`
	ID      string `json:"id"`
	Trouble string `json:"trouble,omitempty"` // why it does not count
}

// viewProposal judges a proposal by the newest verified directory.
func viewProposal(d *directory.Directory, height uint64, t *transaction.Transaction) (*proposalView, error) {
	x, err := decide(d, t)
	if err != nil {
		return nil, err
	}
	v := &proposalView{
		Kind: t.Kind.String(), Object: x.object, New: x.before == nil, Changes: []changeView{}, Approvals: []approvalView{},
		Needed: d.Parameters.Stewards, Expiry: t.Expiry, Trouble: x.stale, Digest: fmt.Sprintf("%x", t.Digest()),
	}
	for i, r := range x.after {
		switch {
		case x.before == nil && r.value == "":
		case x.before == nil:
			v.Changes = append(v.Changes, changeView{What: r.what, After: r.value})
		case x.before[i].value != r.value:
			v.Changes = append(v.Changes, changeView{r.what, x.before[i].value, r.value})
		}
	}
	if t.Expiry <= height {
		v.Trouble = fmt.Sprintf("it expired at block %d, and the ledger is at block %d", t.Expiry, height)
	} else {
		v.Left = t.Expiry - height
	}
	return v, v.approvals(d, t)
}

func (v *proposalView) approvals(d *directory.Directory, t *transaction.Transaction) error {
	list, err := t.Approvals()
	if err != nil {
		return err
	}
	good := uint64(0)
	for _, k := range list {
		a, _ := d.Authority(k.Steward)
		x := approvalView{Name: plain(a.Name), ID: field.Hex(k.Steward)}
		switch {
		case !a.Active || a.Roles&directory.Steward == 0:
			x.Trouble = "not an active steward"
		case !signed.Verify(a.Key, signed.Transaction, t.Message(), k.Signature):
			x.Trouble = "not this steward's signature"
		default:
			good++
		}
		if x.Trouble != "" && v.Trouble == "" {
			// The ledger refuses the whole for one bad approval.
			v.Trouble = "an approval is bad: " + x.Trouble
		}
		v.Approvals = append(v.Approvals, x)
	}
	v.Missing = v.Needed - min(v.Needed, good)
	return nil
}

func (v *proposalView) print(w io.Writer) {
	what := ""
	if v.New {
		what = " (new)"
	}
	fmt.Fprintf(w, "%s: %s%s\n", v.Kind, v.Object, what)
	for _, c := range v.Changes {
		switch {
		case c.Before == "":
			fmt.Fprintf(w, "    %-30s %s\n", c.What, c.After)
		case c.After == "":
			fmt.Fprintf(w, "    %-30s %s → nothing\n", c.What, c.Before)
		default:
			fmt.Fprintf(w, "    %-30s %s → %s\n", c.What, c.Before, c.After)
		}
	}
	if len(v.Changes) == 0 {
		fmt.Fprintln(w, "    nothing changes but its number: older decisions about it become void")
	}
	fmt.Fprintf(w, "digest %s\n", v.Digest)
	for _, a := range v.Approvals {
		if a.Trouble != "" {
			fmt.Fprintf(w, "BAD APPROVAL by %s %s…: %s\n", a.Name, a.ID[:16], a.Trouble)
			continue
		}
		fmt.Fprintf(w, "approved by %s %s…\n", a.Name, a.ID[:16])
	}
	switch {
	case v.Trouble != "":
		fmt.Fprintf(w, "it cannot be executed: %s\n", v.Trouble)
	case v.Missing > 0:
		fmt.Fprintf(w, "%d of %d approvals are missing; it expires at block %d, in %d blocks\n", v.Missing, v.Needed, v.Expiry, v.Left)
	default:
		fmt.Fprintf(w, "all %d approvals are there; it expires at block %d, in %d blocks\n", v.Needed, v.Expiry, v.Left)
	}
}
