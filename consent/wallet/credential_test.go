package wallet_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/wallet"
)

func dateValue(t testing.TB, s string) uint64 {
	t.Helper()
	v, err := consent.EncodeDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// diabetes asks for a diagnosis that begins with E11, its own date since 2019,
// and a birth date from 1970 on.
func (f *fixture) diabetes(r *consent.Request) {
	lo, hi, err := consent.CodePrefix("E11")
	if err != nil {
		f.t.Fatal(err)
	}
	codesMask, err := f.Schema.Mask("dx0", "dx1")
	if err != nil {
		f.t.Fatal(err)
	}
	dates, err := f.Schema.Mask("date0", "date1")
	if err != nil {
		f.t.Fatal(err)
	}
	birth, err := f.Schema.Mask("birthDate")
	if err != nil {
		f.t.Fatal(err)
	}
	delta, err := f.Schema.Delta("dx0", "date0")
	if err != nil {
		f.t.Fatal(err)
	}
	r.Categories = f.Category("conditions") | f.Category("demographics")
	r.Ranges[0] = consent.RangeQuestion{Label: "a diagnosis of diabetes", Range: consent.Range{Mask: codesMask, Lo: lo, Hi: hi}}
	r.Ranges[1] = consent.RangeQuestion{Label: "made since 2019", Range: consent.Range{Mask: dates, Lo: dateValue(f.t, "2019-01-01"), Hi: ^uint64(0)}}
	r.Links[0] = consent.Link{On: true, Offset: uint8(delta + consent.LinkBias)}
	r.Ranges[2] = consent.RangeQuestion{Label: "born 1970 or later", Range: consent.Range{Mask: birth, Lo: dateValue(f.t, "1970-01-01"), Hi: ^uint64(0)}}
}

func TestClaimAnswersLinkedQuestions(t *testing.T) {
	f := newFixture(t, consent.Enrol, consent.Claim)
	f.given()
	f.holds(f.issuer(f.Clinic))
	r := f.request(consent.Claim, f.diabetes, func(r *consent.Request) {
		lo, hi, _ := consent.CodePrefix("I1")
		r.Sets[0] = consent.SetQuestion{Label: "high blood pressure", Mask: 1<<2 | 1<<3, Set: consent.ValueSet{Intervals: []consent.Interval{{Lo: lo, Hi: hi}}}}
	})
	p, err := f.answer(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.verify(r, p); err != nil {
		t.Errorf("the verifier refuses: %v", err)
	}
	// The diabetes was diagnosed in 2020, the other diagnosis in 2026: the link
	// keeps the two apart.
	late := f.request(consent.Claim, f.diabetes, func(r *consent.Request) { r.Ranges[1].Lo = dateValue(t, "2025-01-01") })
	if _, err := f.answer(late); !errors.Is(err, wallet.ErrNoPresentation) {
		t.Errorf("E11 in 2025: %v, want ErrNoPresentation", err)
	}
	free := f.request(consent.Claim, f.diabetes, func(r *consent.Request) {
		r.Ranges[1].Lo = dateValue(t, "2025-01-01")
		r.Links[0] = consent.Link{}
	})
	if _, err := f.answer(free); err != nil {
		t.Errorf("without the link: %v", err)
	}
}

func TestEligibilityUsesNoConsent(t *testing.T) {
	f := newFixture(t, consent.Enrol, consent.Eligibility)
	i := f.issuer(f.Hospital)
	f.holds(i)
	r := f.request(consent.Eligibility, f.diabetes)
	p, err := f.answer(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.verify(r, p); err != nil {
		t.Errorf("the verifier refuses: %v", err)
	}
	if !p.Watch.IsZero() {
		t.Error("a watch tag without a consent")
	}
	day := uint64(f.Time()) / 86400
	once := func(opened uint64) func(*consent.Request) {
		return func(r *consent.Request) {
			r.Rule, r.Opened = consent.Once, opened
			r.Ranges[0] = consent.RangeQuestion{Label: "known by then", Range: consent.Range{Mask: 1, Hi: consent.DayValue(opened)}}
		}
	}
	if _, err := f.answer(f.request(consent.Eligibility, once(day))); err != nil {
		t.Errorf("enrolled on the day on which the scope opened: %v", err)
	}
	if _, err := f.answer(f.request(consent.Eligibility, once(day-1))); !errors.Is(err, wallet.ErrNoPresentation) {
		t.Errorf("enrolled after the scope opened: %v", err)
	}
	if err := i.RevokePerson(f.ctx, "patient 7"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.answer(f.request(consent.Eligibility, f.diabetes)); !errors.Is(err, wallet.ErrNoPresentation) {
		t.Errorf("with a revoked credential: %v", err)
	}
	if c, err := f.w.Credentials(); err != nil || !c[0].Revoked {
		t.Errorf("the wallet does not see the revocation: %+v, %v", c, err)
	}
}

func TestRefusesOffers(t *testing.T) {
	f := newFixture(t, consent.Enrol)
	i := f.issuer(f.Hospital)
	if _, err := f.enrol(i, f.w, "patient 7"); err != nil {
		t.Fatal(err)
	}
	issued, err := i.Issue(f.ctx, f.order("patient 7"))
	if err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*consent.Offer){
		"genesis":    func(o *consent.Offer) { o.Genesis[0] ^= 1 },
		"holder":     func(o *consent.Offer) { o.Credential.Holder.SetUint64(1) },
		"issuer":     func(o *consent.Offer) { o.Issuer = f.Insurer.ID },
		"expires":    func(o *consent.Offer) { o.Credential.Expires = f.Time() },
		"schema":     func(o *consent.Offer) { s := *f.Schema; s.Version++; o.Schema = s.Encode() },
		"attributes": func(o *consent.Offer) { o.Credential.Attributes[10] = consent.Attribute{Value: 1, Present: true} },
	} {
		t.Run(field, func(t *testing.T) {
			o := *issued.Offer
			change(&o)
			var oe *wallet.OfferError
			if _, err := f.w.AcceptOffer(f.ctx, f, o.Encode()); !errors.As(err, &oe) || oe.Field != field {
				t.Errorf("%v, want a refusal of %s", err, field)
			}
		})
	}
	other := *issued.Offer
	other.Credential.Attributes[1].Value++
	if _, err := f.w.AcceptOffer(f.ctx, f, other.Encode()); !errors.Is(err, wallet.ErrNotOnLedger) {
		t.Errorf("other values than on the ledger: %v", err)
	}
	if c, _ := f.w.Credentials(); len(c) != 0 {
		t.Fatalf("%d credentials after refused offers", len(c))
	}
	for range 2 {
		if _, err := f.w.AcceptOffer(f.ctx, f, issued.Offer.Encode()); err != nil {
			t.Fatal(err)
		}
	}
	c, _ := f.w.Credentials()
	if len(c) != 1 {
		t.Errorf("%d credentials, want the one that was offered twice", len(c))
	}
	if _, err := f.w.Forget(c[0].ID); err != nil {
		t.Fatal(err)
	}
	if contains(wallet.Plaintext(f.w), issued.Offer.Credential.Salt) {
		t.Error("a forgotten credential's salt is still there")
	}
	if err := i.Revoke(f.ctx, issued.ID); err != nil {
		t.Fatal(err)
	}
	var oe *wallet.OfferError
	if _, err := f.w.AcceptOffer(f.ctx, f, issued.Offer.Encode()); !errors.As(err, &oe) || oe.Field != "leaf" {
		t.Errorf("a revoked credential: %v", err)
	}
}

func TestReviewSaysWhatIsReallyAsked(t *testing.T) {
	f := newFixture(t, consent.Enrol, consent.Claim)
	v := f.review(f.request(consent.Claim, f.diabetes))
	text := v.Text()
	for _, want := range []string{"Insurer (https://insurer.example)", "claim attachment", "your diagnoses", policy,
		"a diagnosis of diabetes", "at least one of: diagnosis 1, diagnosis 2: a code that begins with E11",
		"is at least 2019-01-01, in the same entry as the first question", "recognises you again in the matter \"claim 1\"", "Hospital", "Clinic"} {
		if !strings.Contains(text, want) {
			t.Errorf("the review does not say %q:\n%s", want, text)
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var back wallet.Review
	if err := json.Unmarshal(b, &back); err != nil || back.Purpose != v.Purpose || len(back.Questions) != 3 || len(back.Warnings) != len(v.Warnings) {
		t.Errorf("JSON: %s, %v", b, err)
	}
}

// The words of a mask that mixes types must not read a boundary as the value
// of one of its slots: the others would be tested for something else.
func TestAttack_MaskOfTwoTypesIsReadAsOne(t *testing.T) {
	f := newFixture(t, consent.Enrol, consent.Claim)
	mask, err := f.Schema.Mask("birthDate", "dx0")
	if err != nil {
		t.Fatal(err)
	}
	lo, hi, err := consent.CodePrefix("E11")
	if err != nil {
		t.Fatal(err)
	}
	v := f.review(f.request(consent.Claim, func(r *consent.Request) {
		r.Categories |= f.Category("demographics")
		r.Ranges[0] = consent.RangeQuestion{Label: "diabetes", Range: consent.Range{Mask: mask, Lo: lo, Hi: hi}}
	}))
	means := v.Questions[0].Means
	if strings.Contains(means, "E11") || !strings.Contains(means, "birth date") || !strings.Contains(means, fmt.Sprintf("value %d", lo)) {
		t.Errorf("the review reads the boundaries of a date as codes: %q", means)
	}
}

func TestWarnings(t *testing.T) {
	f := newFixture(t, consent.Enrol, consent.Claim)
	birth, _ := f.Schema.Mask("birthDate")
	dx, _ := f.Schema.Mask("dx0", "dx1")
	code, _ := consent.EncodeCode("E11", false)
	ranges := func(mask uint16, lo, hi uint64) func(*consent.Request) {
		return func(r *consent.Request) {
			r.Categories |= f.Category("demographics")
			r.Ranges[0] = consent.RangeQuestion{Label: "l", Range: consent.Range{Mask: mask, Lo: lo, Hi: hi}}
		}
	}
	for name, c := range map[string]struct {
		change func(*consent.Request)
		code   string
		want   bool
	}{
		"one issuer":         {func(r *consent.Request) { r.Trust = f.One }, wallet.WarnOneIssuer, true},
		"two issuers":        {func(*consent.Request) {}, wallet.WarnOneIssuer, false},
		"few leaves":         {func(*consent.Request) {}, wallet.WarnSmallCrowd, true},
		"a first request":    {func(*consent.Request) {}, wallet.WarnFirst, true},
		"HIV":                {func(r *consent.Request) { r.Categories |= f.Category("HIV") }, wallet.WarnSensitive, true},
		"nothing sensitive":  {func(*consent.Request) {}, wallet.WarnSensitive, false},
		"a year":             {func(r *consent.Request) { r.Until = r.Issued + 365*86400 }, wallet.WarnLong, true},
		"a day":              {func(*consent.Request) {}, wallet.WarnLong, false},
		"a clock ahead":      {func(r *consent.Request) { r.Issued += 200; r.Until += 200 }, wallet.WarnClock, true},
		"clocks agree":       {func(*consent.Request) {}, wallet.WarnClock, false},
		"age 90 or more":     {ranges(birth, 0, dateValue(t, "1930-01-01")), wallet.WarnSingles, true},
		"age 18 or more":     {ranges(birth, 0, dateValue(t, "2008-01-01")), wallet.WarnSingles, false},
		"one birth day":      {ranges(birth, dateValue(t, "1980-05-17"), dateValue(t, "1980-05-17")), wallet.WarnSingles, true},
		"one birth month":    {ranges(birth, dateValue(t, "1980-05-01"), dateValue(t, "1980-05-31")), wallet.WarnSingles, true},
		"a decade of births": {ranges(birth, dateValue(t, "1980-01-01"), dateValue(t, "1989-12-31")), wallet.WarnSingles, false},
		"a single code": {func(r *consent.Request) {
			r.Sets[0] = consent.SetQuestion{Label: "l", Mask: dx, Set: consent.ValueSet{Intervals: []consent.Interval{{Lo: code, Hi: code}}}}
		}, wallet.WarnSingles, true},
		"a single code, widened by one": {func(r *consent.Request) {
			r.Sets[0] = consent.SetQuestion{Label: "l", Mask: dx, Set: consent.ValueSet{Intervals: []consent.Interval{{Lo: code, Hi: code + 1}}}}
		}, wallet.WarnSingles, true},
		"two birth days apart": {func(r *consent.Request) {
			r.Categories |= f.Category("demographics")
			one, two := dateValue(t, "1980-05-17"), dateValue(t, "1985-05-17")
			r.Sets[0] = consent.SetQuestion{Label: "l", Mask: birth, Set: consent.ValueSet{Intervals: []consent.Interval{{Lo: one, Hi: one + 1}, {Lo: two, Hi: two}}}}
		}, wallet.WarnSingles, true},
		"a branch of codes": {func(r *consent.Request) {
			lo, hi, _ := consent.CodePrefix("E")
			r.Sets[0] = consent.SetQuestion{Label: "l", Mask: dx, Set: consent.ValueSet{Intervals: []consent.Interval{{Lo: lo, Hi: hi}}}}
		}, wallet.WarnSingles, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := false
			for _, w := range f.review(f.request(consent.Claim, c.change)).Warnings {
				got = got || w.Code == c.code
			}
			if got != c.want {
				t.Errorf("%s: warning %s is %v, want %v", name, c.code, got, c.want)
			}
		})
	}
}

func TestRefusesEnrolRequestOfAStranger(t *testing.T) {
	f := newFixture(t, consent.Enrol)
	r, err := f.issuer(f.Hospital).CreateEnrolRequest(f.ctx, "patient 7", consent.Groth16)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*consent.SignedEnrolRequest){
		"another's signature": func(s *consent.SignedEnrolRequest) { *s = *consent.SignEnrolRequest(f.Clinic.Key, s.Request) },
		"a verifier's": func(s *consent.SignedEnrolRequest) {
			s.Request.Issuer = f.Insurer.ID
			*s = *consent.SignEnrolRequest(f.Insurer.Key, s.Request)
		},
		"another ledger's": func(s *consent.SignedEnrolRequest) {
			s.Request.Genesis[0] ^= 1
			*s = *consent.SignEnrolRequest(f.Hospital.Key, s.Request)
		},
	} {
		q := *r.Request
		s := &consent.SignedEnrolRequest{Request: &q, Signature: r.Signature}
		change(s)
		var re *consent.RequestError
		if _, err := f.w.Enrol(f.ctx, f, f.prover, s); !errors.As(err, &re) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.Wait(2 * time.Hour)
	var re *consent.RequestError
	if _, err := f.w.Enrol(f.ctx, f, f.prover, r); !errors.As(err, &re) || re.Field != "expires" {
		t.Errorf("an old one: %v", err)
	}
}
