package consent

import (
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/signed"
)

// The limits that every request is held to (docs/spec.md §10.1).
const (
	MaxAnswerTime = time.Hour            // from issued to expires
	ClockSkew     = 5 * time.Minute      // between two parties' clocks
	MaxStanding   = 400 * 24 * time.Hour // how far until may lie ahead
)

// A View is what a party knows when it looks at a request: a directory from a
// verified head, and its own clock.
type View struct {
	Genesis   [32]byte
	Directory *directory.Directory
	Now       time.Time
}

// A RequestError says which field of a request is not acceptable, and why.
type RequestError struct {
	Field  string
	Reason string
}

func (e *RequestError) Error() string { return fmt.Sprintf("request: %s: %s", e.Field, e.Reason) }

func reject(field, format string, args ...any) error {
	return &RequestError{field, fmt.Sprintf(format, args...)}
}

// Validate is the one validator of requests: a wallet calls it before it shows
// a request, a verifier before it sends one and before it believes an answer.
// It returns the signer's record. Every error is a *RequestError.
func (s *SignedRequest) Validate(v View) (directory.Authority, error) {
	r := s.Request
	signer, err := v.signer(r.Genesis, r.Signer, directory.Verifier)
	if err != nil {
		return signer, err
	}
	if !signed.Verify(signer.Key, signed.Request, r.Encode(), s.Signature) {
		return signer, reject("signature", "it is not %s's", signer.Name)
	}
	for _, check := range []func(View) error{r.checkCircuit, r.checkTimes, r.checkPurpose, r.checkTrust, r.checkPredicates, r.checkRule} {
		if err := check(v); err != nil {
			return signer, err
		}
	}
	return signer, nil
}

// Validate checks an enrol request as Validate of SignedRequest does.
func (s *SignedEnrolRequest) Validate(v View) (directory.Authority, error) {
	r := s.Request
	issuer, err := v.signer(r.Genesis, r.Issuer, directory.Issuer)
	if err != nil {
		return issuer, err
	}
	if !signed.Verify(issuer.Key, signed.EnrolRequest, r.Encode(), s.Signature) {
		return issuer, reject("signature", "it is not %s's", issuer.Name)
	}
	if !r.Circuit.Enrols() {
		return issuer, reject("circuit", "%q is no enrol circuit", string(r.Circuit))
	}
	if err := v.manifest(r.Circuit, r.Manifest); err != nil {
		return issuer, err
	}
	return issuer, v.window(r.Issued, r.Expires)
}

func (v View) signer(genesis [32]byte, id fr.Element, role directory.Roles) (directory.Authority, error) {
	if genesis != v.Genesis {
		return directory.Authority{}, reject("genesis", "the request is for another ledger")
	}
	a, ok := v.Directory.Authority(id)
	switch {
	case !ok:
		return a, reject("signer", "no such authority on the ledger")
	case !a.Active:
		return a, reject("signer", "%s is not active", a.Name)
	case a.Roles&role == 0:
		return a, reject("signer", "%s does not have the role that this takes", a.Name)
	}
	return a, nil
}

func (v View) manifest(c CircuitID, digest [32]byte) error {
	for _, m := range v.Directory.Manifests {
		if m.Circuit == string(c) {
			if m.Digest != digest {
				return reject("manifest", "the keys named for %s are not the ledger's", c)
			}
			return nil
		}
	}
	return reject("circuit", "the ledger names no keys for %q", string(c))
}

// window bounds the time for the answer by the party's own clock.
func (v View) window(issued, expires Time) error {
	skew, now := Time(ClockSkew/time.Second), Time(v.Now.Unix())
	switch {
	case v.Now.Unix() < 0 || now > MaxTime:
		return reject("clock", "this machine's clock shows %s; set it", v.Now.UTC().Format(time.RFC3339))
	case expires <= issued || expires-issued > Time(MaxAnswerTime/time.Second):
		return reject("expires", "must be after issued, by one hour at most")
	case now+skew < issued:
		return reject("issued", "lies %d s in the future; compare the clocks", issued-now)
	case now > expires+skew:
		return reject("expires", "passed %d s ago; ask for a new request, or compare the clocks", now-expires)
	}
	return nil
}

func (r *Request) checkCircuit(v View) error {
	if !r.Circuit.Known() || r.Circuit.Enrols() {
		return reject("circuit", "%q is none that a request can ask for", string(r.Circuit))
	}
	return v.manifest(r.Circuit, r.Manifest)
}

func (r *Request) checkTimes(v View) error {
	if err := v.window(r.Issued, r.Expires); err != nil {
		return err
	}
	switch {
	case r.QFrom > r.QTo || r.QTo > MaxTime:
		return reject("qFrom", "the data period ends before it begins, or after 2^40")
	case r.QFrom == Unstated:
		return reject("qFrom", "must be named: 0 is not a time that can be asked for")
	case r.Until < r.Issued || r.Until-r.Issued > Time(MaxStanding/time.Second):
		return reject("until", "must lie between issued and %d days later", MaxStanding/(24*time.Hour))
	case r.MaxRootAge == 0 || r.MaxRootAge > v.Directory.Parameters.MaxRootAge():
		return reject("maxRootAge", "%d s, allowed are 1 to %d", r.MaxRootAge, v.Directory.Parameters.MaxRootAge())
	}
	return nil
}

func (r *Request) checkPurpose(View) error {
	switch {
	case !r.Purpose.One():
		return reject("purpose", "exactly one known purpose must be named")
	case !r.Categories.Known() || r.Categories == 0:
		return reject("categories", "at least one must be named, and known ones only")
	case !r.Accepted.Known():
		return reject("accepted", "an unknown restriction is accepted")
	case r.Policy == "":
		return reject("policy", "the policy text is empty")
	}
	return nil
}

// checkTrust holds the trust list to the ledger's, by name and digest: a list
// made for one patient would single that patient out.
func (r *Request) checkTrust(v View) error {
	role, what := directory.Issuer, "issuer"
	if !r.Circuit.ProvesCredential() {
		role, what = directory.Registrar, "registrar"
	}
	if err := governed("trust", r.Trust.Name, r.Trust.Sequence, r.Trust.Digest(), v.Directory.TrustLists); err != nil {
		return err
	}
	for _, id := range r.Trust.Authorities {
		a, ok := v.Directory.Authority(id)
		switch {
		case !ok:
			return reject("trust", "list %q names an authority that is not on the ledger", r.Trust.Name)
		case !a.Active:
			return reject("trust", "list %q holds %s, which is not active", r.Trust.Name, a.Name)
		case a.Roles&role == 0:
			return reject("trust", "list %q holds %s, which is no %s", r.Trust.Name, a.Name, what)
		}
	}
	return nil
}

func governed(field, name string, sequence uint64, digest fr.Element, known []directory.Named) error {
	for _, k := range known {
		if k.Name == name {
			if k.Sequence != sequence || !k.Digest.Equal(&digest) {
				return reject(field, "%q is not the version that the ledger names", name)
			}
			return nil
		}
	}
	return reject(field, "the ledger knows none called %q", name)
}

func (r *Request) checkPredicates(v View) error {
	if len(r.Ranges) != r.Circuit.Ranges() || len(r.Sets) != r.Circuit.Sets() || len(r.Links) != r.Circuit.Links() {
		return reject("predicates", "%d ranges, %d sets, %d links; %s has %d, %d, %d", len(r.Ranges), len(r.Sets), len(r.Links),
			r.Circuit, r.Circuit.Ranges(), r.Circuit.Sets(), r.Circuit.Links())
	}
	if !r.Circuit.ProvesCredential() {
		if len(r.Schema) != 0 {
			return reject("schema", "%s tests no attribute", r.Circuit)
		}
		return nil
	}
	schema, err := DecodeSchema(r.Schema)
	if err != nil {
		return reject("schema", "%v", err)
	}
	if err := governed("schema", schema.Name, schema.Version, schema.Digest(), v.Directory.Schemas); err != nil {
		return err
	}
	for i, q := range r.Ranges {
		if err := checkMask(q.Mask); err != nil {
			return reject("ranges", "range %d: %v", i, err)
		}
		if q.Lo > q.Hi {
			return reject("ranges", "range %d ends before it begins", i)
		}
		if q.unused() {
			if q.Label != "" {
				return reject("label", "range %d asks nothing and has words", i)
			}
			continue
		}
		if err := r.cover(schema, q.Label, q.Mask, []Interval{{q.Lo, q.Hi}}); err != nil {
			return err
		}
	}
	for i := range r.Sets {
		if err := r.checkSet(v, schema, i); err != nil {
			return err
		}
	}
	for i := range r.Links {
		if err := r.checkLink(schema, i); err != nil {
			return err
		}
	}
	return nil
}

// checkLink demands that a link ties two questions about the entries of one
// group. A predicate that asks nothing by itself would ask something when it
// is linked: whether the slot beside the first question's has a value, with no
// words for the patient and under no category.
func (r *Request) checkLink(schema *Schema, i int) error {
	l := r.Links[i]
	if err := l.check(); err != nil {
		return reject("links", "link %d: %v", i, err)
	}
	if !l.On {
		return nil
	}
	mask, unused := r.linked(i)
	if unused || r.Ranges[0].unused() {
		return reject("links", "link %d ties a predicate that asks nothing", i)
	}
	distance, pairs := int(l.Offset)-LinkBias, uint16(0)
	for from := range Slots {
		if r.Ranges[0].Mask>>from&1 == 0 {
			continue
		}
		a, _ := schema.Slot(from)
		b, ok := schema.Slot(from + distance)
		if !ok || a.Group == 0 || a.Group != b.Group {
			return reject("links", "link %d leads from slot %d to one that is not of the same entry", i, from)
		}
		pairs |= 1 << (from + distance)
	}
	if pairs != mask {
		return reject("links", "link %d leads to other slots than its predicate tests", i)
	}
	return nil
}

// linked is the mask of the predicate that link i ties to range 0, and whether
// the predicate asks nothing.
func (r *Request) linked(i int) (mask uint16, unused bool) {
	if at := i + 1; at < len(r.Ranges) {
		return r.Ranges[at].Mask, r.Ranges[at].unused()
	}
	set := &r.Sets[i+1-len(r.Ranges)]
	return set.Mask, set.unused()
}

func (r *Request) checkSet(v View, schema *Schema, i int) error {
	q := &r.Sets[i]
	if err := checkMask(q.Mask); err != nil {
		return reject("sets", "set %d: %v", i, err)
	}
	if err := q.Set.Check(); err != nil {
		return reject("sets", "%v", err)
	}
	if err := q.Set.fits(r.Circuit.SetDepth()); err != nil {
		return reject("sets", "%v", err)
	}
	if q.Set.Negative() && bits.OnesCount16(q.Mask) > 1 {
		return reject("sets", "%q excludes values over several slots, which would only say that some slot differs", q.Label)
	}
	if q.unused() {
		if q.Label != "" {
			return reject("label", "set %d asks nothing and has words", i)
		}
		return nil
	}
	if q.Set.Name != "" {
		if err := governed("sets", q.Set.Name, q.Set.Sequence, q.Set.Digest(), v.Directory.ValueSets); err != nil {
			return err
		}
	} else if q.Set.Sequence != 0 {
		return reject("sets", "set %d has a sequence number but no name", i)
	}
	return r.cover(schema, q.Label, q.Mask, q.Set.Intervals)
}

// cover demands that the categories asked for cover what a predicate tests:
// otherwise the proof would disclose what the consent withheld.
func (r *Request) cover(schema *Schema, label string, mask uint16, intervals []Interval) error {
	if label == "" {
		return reject("label", "a predicate has no words to show to the patient")
	}
	if mask>>(len(schema.Slots)+1) != 0 {
		return reject("predicates", "%q tests a slot that schema %s does not have", label, schema.Name)
	}
	// No category stands for `since`, so it is asked the one way that lets a
	// scope or a waiting time be kept: a window would tell the very day.
	if mask&1 != 0 && (mask != 1 || len(intervals) != 1 || intervals[0].Lo != 0) {
		return reject("predicates", "%q tests `since` otherwise than alone, on or before a day", label)
	}
	if missing := schema.SetCategories(mask, intervals) &^ r.Categories; missing != 0 {
		return reject("categories", "%q tests %s, which the request does not name", label, missing)
	}
	return nil
}

func (q *RangeQuestion) unused() bool {
	return q.Mask == AllSlots && q.Lo == 0 && q.Hi == math.MaxUint64
}

func (q *SetQuestion) unused() bool {
	return q.Mask == AllSlots && q.Set.Name == "" && len(q.Set.Intervals) == 1 && q.Set.Intervals[0] == Interval{0, math.MaxUint64}
}

func (r *Request) checkRule(View) error {
	if r.Context == reservedContext {
		return reject("context", "%q is kept for enrolment", reservedContext)
	}
	issued := uint64(r.Issued) / (24 * 60 * 60)
	switch r.Rule {
	case Once:
		if !r.Circuit.ProvesCredential() {
			return reject("rule", "once needs a credential: in %s one person may have several holders", r.Circuit)
		}
		if r.Opened == 0 || r.Opened > issued {
			return reject("opened", "a scope with rule once names the day, not after today, on which it opened")
		}
		if q := r.Ranges[0]; q.Mask != 1 || q.Lo != 0 || q.Hi != DayValue(r.Opened) {
			return reject("ranges", "rule once takes range 0 for `since` up to the day on which the scope opened")
		}
	case Pseudonym:
		if r.Opened > issued {
			return reject("opened", "lies in the future")
		}
	case None:
		if r.Opened != 0 {
			return reject("opened", "rule none has no scope that opens")
		}
		if uint64(r.Until-r.Issued) > r.MaxRootAge {
			return reject("until", "rule none leaves nothing to rely on later than %d s", r.MaxRootAge)
		}
	default:
		return reject("rule", "%q is none of once, pseudonym, none", string(r.Rule))
	}
	if r.Context == "" {
		return reject("context", "is empty")
	}
	return nil
}

// SpeaksForPerson reports whether equal nullifiers mean one person: that takes
// an enrolled credential of a single issuer's register. Anybody who was shown
// nk, such as a prover service, could otherwise speak under the pseudonym
// (docs/spec.md §10.2).
func (r *Request) SpeaksForPerson() bool {
	return r.Circuit.ProvesCredential() && r.Rule != None && len(r.Trust.Authorities) == 1
}

// DayValue is the attribute value of a day, in days since 1970.
func DayValue(day uint64) uint64 { return day + 1<<63 }
