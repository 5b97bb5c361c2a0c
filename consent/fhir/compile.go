package fhir

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
)

// A Decision is what a rule decides about what it describes.
type Decision int

// The decisions.
const (
	Undecided Decision = iota
	Deny
	Permit
)

// Options state what documents may leave out. The zero value of each field
// states nothing, and a document that needs it is refused.
type Options struct {
	Now        time.Time        // needed; an end that is left out counts from here
	MaxPeriod  time.Duration    // of a consent that names no end; 365 days if 0
	Base       Decision         // of a root provision without a type
	Actors     []string         // recipients of a permit that names none
	Purposes   codes.Purposes   // of a permit that names none; closed downward
	Categories codes.Categories // of a permit that names neither class nor label; closed downward
	Actions    []string         // what a grant stands for; access and use if empty
}

// MaxGrants is how many grants one Consent may compile to.
const MaxGrants = 8

// MaxDocuments is how many Consents of a patient compile together.
const MaxDocuments = 64

// MaxProvisions is how many provisions one Consent may nest: each denial is
// held against each grant of all documents.
const MaxProvisions = 1024

// A Grant is one atomic permission to one recipient.
type Grant struct {
	Actor    string // as the document names it: a reference, or system|value of an identifier
	Terms    consent.Terms
	Policy   string            // what the documents call the policy: the common text
	Patient  string            // Consent.patient.reference
	Document int               // index of the document that permits it
	Source   [sha256.Size]byte // SHA-256 of that document
	Path     string            // of the provision that permits it
	EndNamed bool              // the document names the end; otherwise the maximum was set
	Notes    []Note            // what was assumed; for the patient to see
}

// Compile turns all active Consents of one patient, together, into grants.
// Nothing that any of them denies is granted, whichever of them permits it. No
// grants and no error means: the documents permit nothing.
func Compile(documents [][]byte, o Options) ([]Grant, error) {
	if o.Now.IsZero() {
		return nil, &Error{Path: "Options.Now", Kind: ErrMissing, Reason: "the time of compilation is needed"}
	}
	if o.MaxPeriod == 0 {
		o.MaxPeriod = 365 * 24 * time.Hour
	}
	if len(o.Actions) == 0 {
		o.Actions = []string{"access", "use"}
	}
	if len(documents) > MaxDocuments {
		return nil, &Error{Path: "Consent", Kind: ErrUnsupported, Reason: fmt.Sprintf("%d documents, at most %d compile together", len(documents), MaxDocuments)}
	}
	var grants []Grant
	var denials []denial
	patient := ""
	for i, data := range documents {
		c, err := readConsent(data, o)
		if err != nil {
			return nil, err
		}
		if i > 0 && c.patient != patient {
			return nil, &Error{Path: "Consent.patient.reference", Kind: ErrMismatch, Reason: "the documents name different patients"}
		}
		patient = c.patient
		for _, p := range c.permits {
			more, err := p.grants(c, o)
			if err != nil {
				return nil, err
			}
			for _, g := range more {
				g.Document, g.Source = i, sha256.Sum256(data)
				grants = append(grants, g)
			}
			if len(grants) > MaxGrants*MaxDocuments {
				return nil, tooMany()
			}
		}
		for _, r := range c.denials {
			denials = append(denials, r.denial(i))
		}
	}
	for _, d := range denials {
		var left []Grant
		for _, g := range grants {
			rest, err := d.subtract(g)
			if err != nil {
				return nil, err
			}
			left = append(left, rest...)
			if len(left) > MaxGrants*MaxDocuments {
				return nil, tooMany()
			}
		}
		grants = left
	}
	grants = unique(grants)
	count := map[int]int{}
	for _, g := range grants {
		if count[g.Document]++; count[g.Document] > MaxGrants {
			return nil, tooMany()
		}
	}
	return grants, nil
}

func tooMany() error {
	return &Error{Path: "Consent.provision", Kind: ErrUnsupported,
		Reason: fmt.Sprintf("more than %d grants; split the document", MaxGrants)}
}

// unique drops grants that repeat another one.
func unique(grants []Grant) []Grant {
	var out []Grant
	for _, g := range grants {
		if !slices.ContainsFunc(out, func(h Grant) bool { return g.same(h) }) {
			out = append(out, g)
		}
	}
	return out
}

func (g Grant) same(h Grant) bool {
	return g.Actor == h.Actor && g.Terms == h.Terms && g.Policy == h.Policy && g.Patient == h.Patient
}

// grants makes a permit's grants: one for each recipient.
func (r rule) grants(c *consentDocument, o Options) ([]Grant, error) {
	if len(r.beyond) > 0 {
		return nil, r.beyond[0]
	}
	g := Grant{Policy: c.policy, Patient: c.patient, Path: r.path}
	note := func(element, format string, args ...any) {
		g.Notes = append(g.Notes, Note{Path: r.path + "." + element, Text: fmt.Sprintf(format, args...)})
	}
	unstated := func(element, what string) error {
		return &Error{Path: r.path + "." + element, Kind: ErrUnstated, Reason: "the permit names no " + what + "; silence is not read as all: state it"}
	}
	if r.hasActions {
		for _, a := range o.Actions {
			if !slices.Contains(r.actions, a) {
				return nil, &Error{Path: r.path + ".action", Kind: ErrUnsupported, Reason: fmt.Sprintf("a grant stands for %q, which is not permitted", a)}
			}
		}
	}

	t := &g.Terms
	switch research := codes.Purposes(mustMask("HRESCH")); {
	case r.duo != 0 && r.hasPurposes && !research.Within(r.purposes):
		return nil, &Error{Path: r.path + ".code", Kind: ErrUnsupported, Reason: "a DUO permission beside purposes other than HRESCH"}
	case r.duo != 0:
		t.Purposes = r.duo
		if r.hasPurposes {
			// Purpose and permission both hold: healthcare research is not any
			// research, whatever the permission says.
			t.Purposes &^= codes.Purposes(mustMask("NRES") | mustMask("GRU"))
		}
	case r.hasPurposes:
		t.Purposes = r.purposes
	case o.Purposes != 0:
		t.Purposes = o.Purposes.Closed()
		note("purpose", "not named; the caller stated %s", o.Purposes)
	default:
		return nil, unstated("purpose", "purpose")
	}
	// A restriction is a promise of who asks. This one is a purpose, too, and
	// asking for just that purpose would break it.
	if t.Restrictions = r.restrictions; t.Restrictions&noAncestry() != 0 {
		t.Purposes &^= codes.Purposes(mustMask("POA") | mustMask("POARCH"))
	}

	switch {
	case r.hasLabels && !r.normal:
		return nil, &Error{Path: r.path + ".securityLabel", Kind: ErrUnsupported, Reason: "only data with these labels; a grant cannot leave out data without them. Add the label N if both are meant"}
	case r.hasClasses:
		t.Categories = r.classes | r.sensitive
	case o.Categories != 0:
		t.Categories = o.Categories.Closed()
		if r.hasLabels {
			t.Categories = t.Categories&^codes.Sensitivities | r.sensitive
		}
		note("class", "not named; the caller stated %s", o.Categories)
	default:
		return nil, unstated("class", "class of records")
	}

	if r.hasStart {
		t.NotBefore = r.from
	} else if c.given > 0 {
		t.NotBefore = c.given
		note("period.start", "not named; the consent's own date is taken")
	} else {
		return nil, &Error{Path: r.path + ".period.start", Kind: ErrMissing, Reason: "neither a start nor Consent.dateTime is named"}
	}
	if t.NotAfter, g.EndNamed = r.to, r.hasEnd; !r.hasEnd {
		t.NotAfter = clamp(o.Now.Add(o.MaxPeriod))
		note("period.end", "not named; set to %s", o.Now.Add(o.MaxPeriod).UTC().Format(time.RFC3339))
	}
	if t.NotBefore > t.NotAfter {
		return nil, &Error{Path: r.path + ".period", Kind: ErrValue, Reason: "empty by its narrower reading, or outside of its parent's"}
	}
	if t.DataFrom, t.DataTo = r.dataFrom, r.dataTo; t.DataFrom > t.DataTo {
		return nil, &Error{Path: r.path + ".dataPeriod", Kind: ErrValue, Reason: "empty by its narrower reading, or outside of its parent's"}
	}
	if t.Purposes == 0 || t.Categories == 0 {
		return nil, &Error{Path: r.path, Kind: ErrValue, Reason: "its purposes, classes or labels have nothing in common with its parent's"}
	}

	actors := r.actors
	if !r.hasActors {
		if len(o.Actors) == 0 {
			return nil, unstated("actor", "recipient")
		}
		actors = o.Actors
		note("actor", "not named; the caller stated %d", len(o.Actors))
	}
	if len(actors) == 0 {
		return nil, &Error{Path: r.path + ".actor", Kind: ErrValue, Reason: "no recipient in common with its parent's"}
	}
	var out []Grant
	for _, a := range actors {
		one := g
		one.Actor, one.Notes = a, slices.Clone(g.Notes)
		out = append(out, one)
	}
	return out, nil
}

// mustMask is the mask of one purpose that the table is known to hold.
func mustMask(name string) uint64 {
	e, err := codes.PurposeTable().ByName(name)
	if err != nil {
		panic(err)
	}
	return e.Mask()
}

// noAncestry is the restriction that forbids research on origins or ancestry.
func noAncestry() codes.Restrictions {
	r, err := codes.ParseRestrictions("NPOA")
	if err != nil {
		panic(err)
	}
	return r
}

// Diff says what a change of documents asks of the ledger: withdraw what is in
// before and not in after, commit what is in after and not in before. A grant
// whose end was set by Compile, from an unchanged document, is kept: it runs
// out at its earlier end.
func Diff(before, after []Grant) (withdraw, commit []Grant) {
	kept := func(g, h Grant) bool {
		if !g.EndNamed && !h.EndNamed && g.Source == h.Source {
			h.Terms.NotAfter = g.Terms.NotAfter
		}
		return g.same(h)
	}
	for _, g := range before {
		if !slices.ContainsFunc(after, func(h Grant) bool { return kept(g, h) }) {
			withdraw = append(withdraw, g)
		}
	}
	for _, h := range after {
		if !slices.ContainsFunc(before, func(g Grant) bool { return kept(g, h) }) {
			commit = append(commit, h)
		}
	}
	return withdraw, commit
}
