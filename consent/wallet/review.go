package wallet

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// A Review is a valid request in words for the patient who decides. What the
// verifier wrote is kept apart from what the wallet says about it.
type Review struct {
	Verifier     string     `json:"verifier"`
	VerifierURI  string     `json:"verifierUri"`
	Purpose      string     `json:"purpose"`
	Promises     []string   `json:"promises"`   // restrictions that the verifier accepts
	Categories   []string   `json:"categories"` // of data
	DataFrom     string     `json:"dataFrom"`
	DataTo       string     `json:"dataTo"`
	Until        string     `json:"until"`    // the answer may be relied upon
	AnswerBy     string     `json:"answerBy"` // the request expires
	Questions    []Question `json:"questions"`
	Trust        string     `json:"trust"` // name of the list
	Trusted      []string   `json:"trusted"`
	Rule         string     `json:"rule"`
	RuleMeans    string     `json:"ruleMeans"`
	Context      string     `json:"context"`
	Policy       string     `json:"policy"`
	UsesConsent  bool       `json:"usesConsent"`
	ReturnTo     string     `json:"returnTo,omitempty"`
	Warnings     []Warning  `json:"warnings"`
	PastRequests int        `json:"pastRequests"` // of this verifier, answered by this wallet

	request *consent.SignedRequest
	signer  directory.Authority
}

// A Question is one predicate: in the verifier's words, and as the wallet
// reads what is really tested.
type Question struct {
	Asked string `json:"asked"`
	Means string `json:"means"`
}

// A Warning is something that a patient should know before deciding.
type Warning struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Review validates a request against a fresh head and explains it. A request
// that is not valid is never shown as one: the error says why.
func (w *Wallet) Review(ctx context.Context, l Ledger, r *consent.SignedRequest) (*Review, error) {
	s, err := w.snapshot(ctx, l)
	if err != nil {
		return nil, err
	}
	c, _, err := w.current()
	if err != nil {
		return nil, err
	}
	// What is reviewed is what will be answered: a copy, by its bytes.
	if r, err = consent.DecodeSignedRequest(r.Encode()); err != nil {
		return nil, err
	}
	signer, err := r.Validate(w.view(s))
	if err != nil {
		return nil, err
	}
	q := r.Request
	v := &Review{
		Verifier: signer.Name, VerifierURI: signer.URI, Categories: q.Categories.Describe(), Promises: q.Accepted.Describe(),
		DataFrom: day(q.QFrom), DataTo: day(q.QTo), Until: clock(q.Until), AnswerBy: clock(q.Expires),
		Trust: q.Trust.Name, Rule: string(q.Rule), RuleMeans: ruleMeans(q), Context: q.Context, Policy: q.Policy,
		UsesConsent: q.Circuit.ProvesConsent(), ReturnTo: q.Return, request: r, signer: signer,
	}
	for _, p := range q.Purpose.Describe() {
		v.Purpose = p
	}
	for _, h := range c.history {
		if h.Signer.Equal(&q.Signer) && !h.Circuit.Enrols() {
			v.PastRequests++
		}
	}
	var live uint64
	for _, id := range q.Trust.Authorities {
		a, _ := s.Directory.Authority(id)
		v.Trusted = append(v.Trusted, a.Name)
		live += a.Live
	}
	var schema *consent.Schema
	if q.Circuit.ProvesCredential() {
		if schema, err = consent.DecodeSchema(q.Schema); err != nil {
			return nil, err
		}
		known, err := c.texts()
		if err != nil {
			return nil, err
		}
		v.Questions = questions(q, schema, known)
	}
	v.warn(q, schema, live, c.history, w.now())
	return v, nil
}

// Request is the request that was reviewed.
func (v *Review) Request() *consent.SignedRequest { return v.request }

func ruleMeans(q *consent.Request) string {
	switch q.Rule {
	case consent.Once:
		return fmt.Sprintf("You can answer this once. Whoever asks recognises a second answer in the matter %q, and learns nothing else about you from that.", q.Context)
	case consent.Pseudonym:
		return fmt.Sprintf("Whoever asks recognises you again in the matter %q, by a number that means nothing elsewhere.", q.Context)
	}
	return "Whoever asks cannot recognise you again."
}

func questions(q *consent.Request, s *consent.Schema, known texts) (out []Question) {
	for i, r := range q.Ranges {
		if unusedRange(r.Range) {
			continue
		}
		out = append(out, Question{r.Label, rangeMeans(s, known, r.Range) + linked(q, i-1)})
	}
	for i, t := range q.Sets {
		if unusedSet(t.Mask, t.Set.Intervals) {
			continue
		}
		out = append(out, Question{t.Label, setMeans(s, known, t.Mask, t.Set) + linked(q, q.Circuit.Ranges()-1+i)})
	}
	return out
}

func linked(q *consent.Request, link int) string {
	if link >= 0 && link < len(q.Links) && q.Links[link].On {
		return ", in the same entry as the first question"
	}
	return ""
}

func unusedRange(r consent.Range) bool {
	return r.Mask == consent.AllSlots && r.Lo == 0 && r.Hi == math.MaxUint64
}

func unusedSet(mask uint16, in []consent.Interval) bool {
	return mask == consent.AllSlots && len(in) == 1 && in[0] == consent.Interval{Lo: 0, Hi: math.MaxUint64}
}

func clock(t consent.Time) string { return time.Unix(int64(t), 0).UTC().Format("2006-01-02 15:04 UTC") }

func day(t consent.Time) string {
	if t == consent.MaxTime {
		return "without end"
	}
	return time.Unix(int64(t), 0).UTC().Format(time.DateOnly)
}
