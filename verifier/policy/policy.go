package policy

import (
	"errors"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/internal/armor"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// A Policy is a document that was read and checked.
type Policy struct {
	doc    document
	base   consent.Request // all that does not depend on the time
	rely   time.Duration
	schema *consent.Schema // nil in the consent circuit
	sets   map[string]consent.ValueSet
}

// Parse reads a document and the files that it names, below files. Errors are
// *Error.
func Parse(text []byte, files fs.FS) (*Policy, error) {
	doc, err := decode(text)
	if err != nil {
		return nil, err
	}
	p := &Policy{doc: *doc, sets: map[string]consent.ValueSet{}}
	for _, step := range []func(fs.FS) error{p.circuit, p.terms, p.scope, p.trust, p.predicates} {
		if err := step(files); err != nil {
			return nil, err
		}
	}
	// The same compilation as later, for its errors: only an age without a day
	// depends on the time.
	r, err := p.Template(time.Unix(int64(p.base.QFrom), 0))
	if err != nil {
		return nil, err
	}
	// Texts that could not be read again are found now, not by a patient.
	if _, err := consent.DecodeRequest(r.Encode()); err != nil {
		var e *tlv.Error
		if errors.As(err, &e) {
			return nil, fault(e.Field, "%s", e.Reason)
		}
		return nil, fault("document", "%v", err)
	}
	return p, nil
}

// Template is the request that the policy asks at a time; a verifier fills in
// the rest.
func (p *Policy) Template(now time.Time) (consent.Request, error) {
	r := p.base
	if r.QTo == 0 {
		r.QTo = consent.Time(max(now.Unix(), int64(r.QFrom)))
	}
	if p.rely > 0 {
		r.Until = consent.Time(now.Add(p.rely).Unix())
	}
	if p.schema == nil {
		return r, nil
	}
	return r, p.compile(&r, now)
}

// Scope is what makes the scope of the policy's requests, and where their
// answers are sent.
func (p *Policy) Scope() (rule consent.Rule, context string, opened uint64, returnTo string) {
	return p.base.Rule, p.base.Context, p.base.Opened, p.base.Return
}

func (p *Policy) circuit(fs.FS) error {
	d := &p.doc
	if d.Profile == "" {
		d.Profile = "normal"
	}
	if d.Profile != "normal" && d.Profile != "wide" {
		return fault("profile", "%q is none of normal, wide", d.Profile)
	}
	if d.Scheme == "" {
		d.Scheme = string(consent.Groth16)
	}
	if _, err := consent.ParseScheme(d.Scheme); err != nil {
		return fault("scheme", "%v", err)
	}
	id := consent.CircuitID(d.Circuit + "/" + d.Profile + "/" + d.Scheme)
	if !id.Known() || id.Enrols() {
		return fault("circuit", "%q does not exist in profile %s: consent (normal only), eligibility, claim", d.Circuit, d.Profile)
	}
	p.base.Circuit = id
	return nil
}

func (p *Policy) terms(fs.FS) error {
	d, r := &p.doc, &p.base
	var err error
	if r.Purpose, err = codes.ParsePurposes(d.Purpose); err != nil || !r.Purpose.One() {
		return fault("purpose", "%q is not one name of the purposes table", d.Purpose)
	}
	if r.Accepted, err = codes.ParseRestrictions(strings.Join(d.Accept, ",")); err != nil {
		return fault("accept", "%v", err)
	}
	if r.Categories, err = codes.ParseCategories(strings.Join(d.Categories, ",")); err != nil || r.Categories == 0 {
		return fault("categories", "%q: name at least one, and only names of the categories table", strings.Join(d.Categories, ","))
	}
	from, err := dayStart("data.from", d.Data.From)
	if err != nil {
		return err
	}
	r.QFrom = consent.Time(max(from, 1))
	if d.Data.To != "" {
		to, err := dayStart("data.to", d.Data.To)
		if err != nil {
			return err
		}
		if to < from {
			return fault("data", "it ends before it begins")
		}
		r.QTo = consent.Time(max(to+secondsOfDay-1, 1))
	}
	if p.rely, err = duration("relyFor", d.RelyFor, consent.MaxStanding); err != nil {
		return err
	}
	if d.PolicyText == "" {
		return fault("policyText", "is missing: it is what the consent agreed to")
	}
	r.Policy, r.Return = d.PolicyText, d.Return
	age, err := duration("maxRootAge", d.MaxRootAge, 400*24*time.Hour)
	r.MaxRootAge = uint64(age / time.Second)
	return err
}

func (p *Policy) scope(fs.FS) error {
	d, r := &p.doc, &p.base
	r.Rule, r.Context = consent.Rule(d.Rule), d.Context
	switch {
	case r.Rule != consent.Once && r.Rule != consent.Pseudonym && r.Rule != consent.None:
		return fault("rule", "%q is none of once, pseudonym, none", d.Rule)
	case d.Context == "":
		return fault("context", "is missing: it names the scope, such as a claim's number")
	case r.Rule == consent.Once && !r.Circuit.ProvesCredential():
		return fault("rule", "once needs a credential: eligibility or claim")
	case r.Rule == consent.Once && d.Opened == "":
		return fault("opened", "is missing: rule once counts from that day")
	case r.Rule == consent.None && (d.Opened != "" || d.RelyFor != ""):
		return fault("rule", "none has neither a scope that opens nor anything to rely on later")
	}
	if d.Opened == "" {
		return nil
	}
	start, err := dayStart("opened", d.Opened)
	if err != nil {
		return err
	}
	if start < secondsOfDay {
		return fault("opened", "lies before 1970-01-02")
	}
	r.Opened = uint64(start / secondsOfDay)
	return nil
}

func (p *Policy) trust(files fs.FS) error {
	b, err := message("trust", "trust-list", p.doc.Trust, files, 1<<16)
	if err != nil {
		return err
	}
	list, err := consent.DecodeTrustList(b)
	if err != nil {
		return fault("trust", "%s: %v", p.doc.Trust, err)
	}
	p.base.Trust = *list
	return nil
}

// predicates reads the schema and the value sets.
func (p *Policy) predicates(files fs.FS) error {
	d := &p.doc
	if !p.base.Circuit.ProvesCredential() {
		if d.Schema != "" || len(d.Where) != 0 {
			return fault("where", "circuit consent tests no attribute: use claim or eligibility")
		}
		return nil
	}
	var err error
	if p.schema, err = schema(d.Schema, files); err != nil {
		return err
	}
	p.base.Schema = p.schema.Encode()
	for i, c := range d.Where {
		if c.In == nil {
			continue
		}
		where := at(i, "in")
		b, err := message(where, "value-set", *c.In, files, 1<<20)
		if err != nil {
			return err
		}
		set, err := consent.DecodeValueSet(b)
		if err != nil {
			return fault(where, "%s: %v", *c.In, err)
		}
		p.sets[*c.In] = *set
	}
	return nil
}

func schema(name string, files fs.FS) (*consent.Schema, error) {
	if name == "" {
		return nil, fault("schema", "is missing")
	}
	if s, ok := consent.BuiltinSchema(name); ok {
		return s, nil
	}
	b, err := read("schema", name, files, 1<<17)
	if err != nil {
		return nil, err
	}
	var s *consent.Schema
	if strings.HasPrefix(strings.TrimSpace(string(b)), "{") {
		s, err = consent.ParseSchema(b)
	} else if b, err = armor.Decode("schema", b, 1<<16); err == nil {
		s, err = consent.DecodeSchema(b)
	}
	if err != nil {
		return nil, fault("schema", "%s: %v", name, err)
	}
	return s, nil
}

func message(where, kind, name string, files fs.FS, limit int) ([]byte, error) {
	b, err := read(where, name, files, 2*limit)
	if err != nil {
		return nil, err
	}
	if b, err = armor.Decode(kind, b, limit); err != nil {
		return nil, fault(where, "%s: %v", name, err)
	}
	return b, nil
}

func read(where, name string, files fs.FS, limit int) ([]byte, error) {
	if name == "" {
		return nil, fault(where, "no file is named")
	}
	if files == nil || !fs.ValidPath(name) {
		return nil, fault(where, "%q is not a file below the policy's folder", name)
	}
	info, err := fs.Stat(files, name)
	if err != nil {
		return nil, fault(where, "%s: %v", name, plainly(err))
	}
	if info.Size() > int64(limit) {
		return nil, fault(where, "%s: %d bytes, at most %d are allowed", name, info.Size(), limit)
	}
	b, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fault(where, "%s: %v", name, plainly(err))
	}
	return b, nil
}

// plainly is what is wrong with a file, without the name of the system's call.
func plainly(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

const secondsOfDay = 24 * 60 * 60

// dayStart is the first second of a day.
func dayStart(where, s string) (int64, error) {
	v, err := consent.EncodeDate(s)
	if err != nil {
		return 0, fault(where, "%q: %v", s, err)
	}
	return consent.DecodeInteger(v) * secondsOfDay, nil
}

// duration reads "30d" or Go's form, in whole seconds; "" is 0.
func duration(where, s string, most time.Duration) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	var d time.Duration
	days, inDays := strings.CutSuffix(s, "d")
	n, err := strconv.ParseUint(days, 10, 16)
	if inDays && err == nil {
		d = time.Duration(n) * 24 * time.Hour
	} else {
		d, err = time.ParseDuration(s)
	}
	if err != nil || d <= 0 || d%time.Second != 0 {
		return 0, fault(where, "%q is no time such as 30d, 12h or 20m", s)
	}
	if d > most {
		return 0, fault(where, "%s is longer than the %d days that are allowed", s, int(math.Round(most.Hours()/24)))
	}
	return d, nil
}
