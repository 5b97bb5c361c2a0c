package consent_test

import (
	"crypto/ed25519"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
)

// A scene is a request that is acceptable, and all that it depends on.
type scene struct {
	key       ed25519.PrivateKey
	request   *consent.Request
	directory *directory.Directory
	view      consent.View
	schema    *consent.Schema
	signWith  ed25519.PrivateKey
}

func mustCategories(t *testing.T, s string) codes.Categories {
	t.Helper()
	c, err := codes.ParseCategories(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustPurpose(t *testing.T, s string) codes.Purposes {
	t.Helper()
	p, err := codes.ParsePurposes(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func authority(name string, roles directory.Roles) (directory.Authority, ed25519.PrivateKey) {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, name)
	key := ed25519.NewKeyFromSeed(seed)
	pub := key.Public().(ed25519.PublicKey)
	return directory.Authority{ID: directory.AuthorityID(pub), Key: pub, URI: "https://" + name + ".example.org", Name: name, Roles: roles, Active: true}, key
}

func newScene(t *testing.T) *scene {
	t.Helper()
	demographics, hiv := mustCategories(t, "demographics"), mustCategories(t, "HIV")
	conditions := mustCategories(t, "conditions")
	lo, hi, err := consent.CodePrefix("B20")
	if err != nil {
		t.Fatal(err)
	}
	schema := &consent.Schema{Name: "clinical", Version: 3, Slots: []consent.Slot{
		{Name: "birthDate", Label: "date of birth", Type: consent.Date, Categories: demographics},
		{Name: "dx", Label: "diagnosis", Type: consent.Code, System: "icd", Categories: conditions,
			Ranges: []consent.CodeRange{{Lo: lo, Hi: hi, Categories: hiv}}},
		{Name: "dx2", Label: "diagnosis", Type: consent.Code, System: "icd", Categories: conditions},
	}}
	insurer, key := authority("insurer", directory.Verifier|directory.Issuer)
	hospital, _ := authority("hospital", directory.Issuer|directory.Registrar)
	trust := consent.TrustList{Name: "hospitals", Sequence: 2, Authorities: []fr.Element{hospital.ID}}
	set := consent.ValueSet{Name: "diabetes", Intervals: []consent.Interval{{Lo: 5, Hi: 9}}}
	now := time.Unix(1_790_000_000, 0)
	day := uint64(now.Unix() / 86400)
	d := &directory.Directory{
		Parameters:  directory.Parameters{Epoch: 60, MaxHeadAge: 60},
		Authorities: []directory.Authority{insurer, hospital},
		Schemas:     []directory.Named{{Name: schema.Name, Sequence: schema.Version, Digest: schema.Digest()}},
		TrustLists:  []directory.Named{{Name: trust.Name, Sequence: trust.Sequence, Digest: trust.Digest()}},
		ValueSets:   []directory.Named{{Name: set.Name, Sequence: set.Sequence, Digest: set.Digest()}},
	}
	for i, c := range consent.Circuits() {
		d.Manifests = append(d.Manifests, directory.Manifest{Circuit: string(c), Digest: [32]byte{byte(i + 1)}})
	}
	r := &consent.Request{
		ID: [16]byte{1}, Signer: insurer.ID, Genesis: [32]byte{9}, Nonce: [32]byte{2},
		Issued: consent.Time(now.Unix()), Expires: consent.Time(now.Unix() + 600), Circuit: consent.Claim, Manifest: [32]byte{5},
		Purpose: mustPurpose(t, "CLINTRCH"), Categories: demographics | conditions,
		QFrom: 1, QTo: consent.Time(now.Unix()), Until: consent.Time(now.Unix() + 86400), Policy: "text",
		Schema: schema.Encode(), Trust: trust,
		Ranges: []consent.RangeQuestion{
			{Label: "known before the scope opened", Range: consent.Range{Mask: 1, Hi: consent.DayValue(day)}},
			{Label: "of age", Range: consent.Range{Mask: 2, Lo: 1, Hi: consent.DayValue(10_000)}},
			{Range: consent.Range{Mask: consent.AllSlots, Hi: math.MaxUint64}},
			{Range: consent.Range{Mask: consent.AllSlots, Hi: math.MaxUint64}},
		},
		Sets:  []consent.SetQuestion{{Label: "diabetes", Mask: 1<<2 | 1<<3, Set: set}},
		Links: make([]consent.Link, 4),
		Rule:  consent.Once, Context: "study 7", Opened: day, MaxRootAge: 120,
	}
	return &scene{key: key, signWith: key, request: r, directory: d, schema: schema,
		view: consent.View{Genesis: [32]byte{9}, Directory: d, Now: now}}
}

func (s *scene) validate() error {
	_, err := consent.SignRequest(s.signWith, s.request).Validate(s.view)
	return err
}

// Each entry turns the acceptable request into one that could hurt a patient
// or cheat a verifier, and names the field that the refusal must name.
func TestValidatorRefuses(t *testing.T) {
	other, otherKey := authority("other", directory.Verifier)
	for _, v := range []struct {
		name, field string
		spoil       func(*scene)
	}{
		{"another ledger", "genesis", func(s *scene) { s.request.Genesis[0]++ }},
		{"unknown signer", "signer", func(s *scene) { s.request.Signer = field.Uint(1) }},
		{"signer who is no verifier", "signer", func(s *scene) { s.directory.Authorities[0].Roles = directory.Issuer }},
		{"inactive signer", "signer", func(s *scene) { s.directory.Authorities[0].Active = false }},
		{"signature of another verifier", "signature", func(s *scene) {
			s.directory.Authorities = append(s.directory.Authorities, other)
			s.signWith = otherKey
		}},
		{"key that was rotated away", "signature", func(s *scene) { s.directory.Authorities[0].Key = other.Key }},
		{"unknown circuit", "circuit", func(s *scene) { s.request.Circuit = "claim/narrow/plonk" }},
		{"another scheme's circuit under these keys", "manifest", func(s *scene) { s.request.Circuit = consent.ClaimPlonk }},
		{"enrolment in disguise", "circuit", func(s *scene) { s.request.Circuit = consent.Enrol }},
		{"enrolment in disguise, under PLONK", "circuit", func(s *scene) { s.request.Circuit = consent.EnrolPlonk }},
		{"keys of its own", "manifest", func(s *scene) { s.request.Manifest[0]++ }},
		{"no keys on the ledger", "circuit", func(s *scene) { s.directory.Manifests = nil }},
		{"clock ten minutes slow", "issued", func(s *scene) { s.view.Now = s.view.Now.Add(-10 * time.Minute) }},
		{"expired", "expires", func(s *scene) { s.view.Now = s.view.Now.Add(16 * time.Minute) }},
		{"answer time of two hours", "expires", func(s *scene) { s.request.Expires = s.request.Issued + 7200 }},
		{"no answer time", "expires", func(s *scene) { s.request.Expires = s.request.Issued }},
		{"clock before 1970", "clock", func(s *scene) { s.view.Now = time.Unix(-1, 0) }},
		{"data period reversed", "qFrom", func(s *scene) { s.request.QFrom = s.request.QTo + 1 }},
		{"data period without start", "qFrom", func(s *scene) { s.request.QFrom = 0 }},
		{"until before now", "until", func(s *scene) { s.request.Until = s.request.Issued - 1 }},
		{"until in two years", "until", func(s *scene) { s.request.Until += 2 * 365 * 86400 }},
		{"root age beyond two epochs", "maxRootAge", func(s *scene) { s.request.MaxRootAge = 121 }},
		{"root age 0", "maxRootAge", func(s *scene) { s.request.MaxRootAge = 0 }},
		{"no purpose", "purpose", func(s *scene) { s.request.Purpose = 0 }},
		{"two purposes", "purpose", func(s *scene) { s.request.Purpose |= s.request.Purpose<<1 | s.request.Purpose>>1 }},
		{"no category", "categories", func(s *scene) { s.request.Categories = 0 }},
		{"unknown category", "categories", func(s *scene) { s.request.Categories = math.MaxUint64 }},
		{"unknown restriction", "accepted", func(s *scene) { s.request.Accepted = math.MaxUint32 }},
		{"no policy text", "policy", func(s *scene) { s.request.Policy = "" }},
		{"trust list of its own", "trust", func(s *scene) { s.request.Trust.Name = "mine" }},
		{"trust list padded", "trust", func(s *scene) {
			s.request.Trust.Authorities = append(s.request.Trust.Authorities, other.ID)
		}},
		{"old trust list", "trust", func(s *scene) { s.request.Trust.Sequence = 1 }},
		{"trust in an inactive issuer", "trust", func(s *scene) { s.directory.Authorities[1].Active = false }},
		{"trust in a registrar as issuer", "trust", func(s *scene) { s.directory.Authorities[1].Roles = directory.Registrar }},
		{"three ranges", "predicates", func(s *scene) { s.request.Ranges = s.request.Ranges[:3] }},
		{"schema of its own", "schema", func(s *scene) {
			s.schema.Slots[0].Label = "x"
			s.request.Schema = s.schema.Encode()
		}},
		{"malformed schema", "schema", func(s *scene) { s.request.Schema = s.request.Schema[1:] }},
		{"range that ends before it begins", "ranges", func(s *scene) { s.request.Ranges[1].Lo = math.MaxUint64 }},
		{"empty mask", "ranges", func(s *scene) { s.request.Ranges[1].Mask = 0 }},
		{"slot beyond the schema", "predicates", func(s *scene) { s.request.Ranges[1].Mask = 1 << 9 }},
		{"predicate without words", "label", func(s *scene) { s.request.Ranges[1].Label = "" }},
		{"date of birth without demographics", "categories", func(s *scene) { s.request.Categories = mustCategories(t, "conditions") }},
		{"HIV codes under conditions", "categories", func(s *scene) {
			lo, hi, _ := consent.CodePrefix("B20")
			s.request.Sets[0].Set = consent.ValueSet{Intervals: []consent.Interval{{Lo: lo, Hi: hi}}}
			s.request.Sets[0].Mask = 1 << 2
		}},
		{"value set of its own under a ledger's name", "sets", func(s *scene) { s.request.Sets[0].Set.Intervals[0].Hi++ }},
		{"unsorted value set", "sets", func(s *scene) {
			s.request.Sets[0].Set = consent.ValueSet{Intervals: []consent.Interval{{Lo: 5, Hi: 9}, {Lo: 9, Hi: 10}}}
		}},
		{"not-in over two slots", "sets", func(s *scene) {
			s.request.Sets[0].Set = consent.ValueSet{Intervals: []consent.Interval{{Lo: 0, Hi: 9}, {Lo: 11, Hi: math.MaxUint64}}}
		}},
		{"link offset on a link that is off", "links", func(s *scene) { s.request.Links[0].Offset = 1 }},
		{"link beyond the slots", "links", func(s *scene) { s.request.Links[0] = consent.Link{On: true, Offset: 21} }},
		{"the week of enrolment", "predicates", func(s *scene) {
			s.request.Ranges[2] = consent.RangeQuestion{Label: "known", Range: consent.Range{Mask: 1, Lo: consent.DayValue(20000), Hi: consent.DayValue(20006)}}
		}},
		{"enrolled no earlier than", "predicates", func(s *scene) {
			s.request.Ranges[2] = consent.RangeQuestion{Label: "known", Range: consent.Range{Mask: 1, Lo: consent.DayValue(20000), Hi: math.MaxUint64}}
		}},
		{"since among other slots", "predicates", func(s *scene) { s.request.Ranges[1].Mask |= 1 }},
		{"since in a set", "predicates", func(s *scene) {
			s.request.Sets[0].Mask = 1
		}},
		{"words without a question", "label", func(s *scene) { s.request.Ranges[3].Label = "of age" }},
		{"words without a set", "label", func(s *scene) {
			s.request.Sets[0] = consent.SetQuestion{Label: "of age", Mask: consent.AllSlots, Set: consent.AnyValue()}
		}},
		{"once without a day", "opened", func(s *scene) { s.request.Opened = 0 }},
		{"once that opens tomorrow", "opened", func(s *scene) { s.request.Opened++ }},
		{"once without since", "ranges", func(s *scene) { s.request.Ranges[0].Hi++ }},
		{"once over another slot", "ranges", func(s *scene) { s.request.Ranges[0].Mask = 2 }},
		{"none that stands", "until", func(s *scene) { s.request.Rule, s.request.Opened = consent.None, 0 }},
		{"the scope of enrolment", "context", func(s *scene) { s.request.Context = "release" }},
		{"no context", "context", func(s *scene) { s.request.Context = "" }},
		{"unknown rule", "rule", func(s *scene) { s.request.Rule = "twice" }},
	} {
		t.Run(v.name, func(t *testing.T) {
			s := newScene(t)
			if err := s.validate(); err != nil {
				t.Fatalf("the request that is spoilt is not acceptable itself: %v", err)
			}
			v.spoil(s)
			var e *consent.RequestError
			if err := s.validate(); !errors.As(err, &e) || e.Field != v.field {
				t.Fatalf("%v, expected a refusal of %s", err, v.field)
			}
		})
	}
}

// An unused predicate tells nothing, since every credential satisfies it in
// slot 0. Linked, it tells that the slot beside another one has a value: here
// whether an HIV test was ever entered, in a request that names demographics.
func TestAttack_LinkAsksWithoutWords(t *testing.T) {
	linked := consent.Link{On: true, Offset: consent.LinkBias + 1}
	for _, v := range []struct {
		name  string
		valid bool
		spoil func(*consent.Request)
	}{
		{"an entry's date", true, func(r *consent.Request) { r.Links[0] = linked }},
		{"a linked range that asks nothing", false, func(r *consent.Request) {
			r.Ranges[1] = r.Ranges[3]
			r.Links[0] = linked
		}},
		{"a linked set that asks nothing", false, func(r *consent.Request) {
			r.Sets[0] = consent.SetQuestion{Mask: consent.AllSlots, Set: consent.AnyValue()}
			r.Links[3] = linked
		}},
		{"a first range that asks nothing", false, func(r *consent.Request) {
			r.Ranges[0] = r.Ranges[3]
			r.Links[0] = linked
		}},
		{"since", false, func(r *consent.Request) {
			r.Ranges[0].Mask, r.Ranges[1].Mask = 1, 2
			r.Links[0] = linked
		}},
		{"another group", false, func(r *consent.Request) {
			r.Ranges[0].Range, r.Ranges[1].Mask = r.Ranges[1].Range, 1<<3
			r.Links[0] = linked
		}},
		{"beyond the schema", false, func(r *consent.Request) {
			r.Ranges[0].Mask, r.Ranges[1].Mask = 1<<4, 1<<4
			r.Links[0] = linked
		}},
		{"before slot 0", false, func(r *consent.Request) { r.Links[0] = consent.Link{On: true} }},
		{"a slot without a partner", false, func(r *consent.Request) {
			r.Ranges[1].Mask |= 1 << 4
			r.Links[0] = linked
		}},
	} {
		t.Run(v.name, func(t *testing.T) {
			s := newScene(t)
			s.schema.Slots[0].Group, s.schema.Slots[1].Group = 1, 1
			s.schema.Slots = append(s.schema.Slots, consent.Slot{Name: "sex", Label: "sex", Type: consent.Code, System: "sex", Categories: mustCategories(t, "demographics")})
			r := s.request
			r.Schema, s.directory.Schemas[0].Digest = s.schema.Encode(), s.schema.Digest()
			r.Rule, r.Opened = consent.Pseudonym, 0
			r.Ranges[0] = consent.RangeQuestion{Label: "of age", Range: consent.Range{Mask: 1 << 1, Hi: consent.DayValue(10_000)}}
			r.Ranges[1] = consent.RangeQuestion{Label: "a diagnosis", Range: consent.Range{Mask: 1 << 2, Lo: 5, Hi: 9}}
			if err := s.validate(); err != nil {
				t.Fatalf("without a link: %v", err)
			}
			v.spoil(r)
			err := s.validate()
			var e *consent.RequestError
			if v.valid && err != nil || !v.valid && (!errors.As(err, &e) || e.Field != "links") {
				t.Fatalf("%v, valid should be %v", err, v.valid)
			}
		})
	}
}

func TestOnceIsRefusedWithoutCredential(t *testing.T) {
	s := newScene(t)
	registrar := &s.directory.Authorities[1]
	s.request.Circuit, s.request.Manifest = consent.ConsentOnly, [32]byte{2}
	s.request.Schema, s.request.Ranges, s.request.Sets, s.request.Links = nil, nil, nil, nil
	registrar.Roles = directory.Registrar
	var e *consent.RequestError
	if err := s.validate(); !errors.As(err, &e) || e.Field != "rule" {
		t.Fatalf("%v, expected a refusal of the rule", err)
	}
	s.request.Rule = consent.Pseudonym
	if err := s.validate(); err != nil {
		t.Fatal(err)
	}
	if s.request.SpeaksForPerson() {
		t.Fatal("a pseudonym without an enrolled credential speaks for a person")
	}
}

func TestScopesDiffer(t *testing.T) {
	base := newScene(t).request
	rk := [32]byte{1}
	seen := map[fr.Element]string{base.Scope(rk): "base", consent.EnrolmentScope(base.Genesis, base.Signer): "enrolment"}
	for name, change := range map[string]func(*consent.Request){
		"ledger":  func(r *consent.Request) { r.Genesis[0]++ },
		"rule":    func(r *consent.Request) { r.Rule = consent.Pseudonym },
		"signer":  func(r *consent.Request) { r.Signer = field.Uint(5) },
		"context": func(r *consent.Request) { r.Context += "x" },
		"opened":  func(r *consent.Request) { r.Opened++ },
		"none":    func(r *consent.Request) { r.Rule = consent.None },
	} {
		r := *base
		change(&r)
		if other, ok := seen[r.Scope(rk)]; ok {
			t.Errorf("%s: same scope as %s", name, other)
		}
		seen[r.Scope(rk)] = name
	}
	again := *base
	again.Nonce[0]++
	if again.Scope([32]byte{2}) != base.Scope(rk) {
		t.Error("a lasting scope depends on the nonce or on rk")
	}
	base.Rule = consent.None
	if base.Scope(rk) == base.Scope([32]byte{2}) {
		t.Error("rule none gives two presentations of one request the same scope")
	}
}

func TestPolicyDigestAndSourceDigestAreApart(t *testing.T) {
	a := consent.PolicyDigest("x")
	b := consent.SourceDigest([]byte("x"), fr.Element{})
	if a == b || strings.EqualFold(field.Hex(a), field.Hex(b)) {
		t.Fatal("two uses of the hash share a value")
	}
}
