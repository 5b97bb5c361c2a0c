package client

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
)

// maxWords bounds the words of a verdict in bytes.
const maxWords = 1 << 10

// verdictOf reads a verdict. One that is neither accepted nor denied with a
// reason is none, and so is a denial that says what acceptances say.
func verdictOf(m *zkconsentv1.Verdict) (v verifier.Verdict, err error) {
	switch {
	case m == nil:
		return v, errors.New("no verdict")
	case m.Accepted == (m.Reason != ""):
		return v, errors.New("a verdict that is both or neither")
	case len(m.Reason) > 32 || strings.Trim(m.Reason, "abcdefghijklmnopqrstuvwxyz-") != "":
		return v, errors.New("a reason that is none")
	case !m.Accepted && (m.Circuit != "" || m.Epoch != 0 || m.Rule != "" || m.Nullifier != "" || m.Until != 0 || m.SpeaksForPerson || m.OncePer != "" || m.ComparisonCode != ""):
		return v, errors.New("a denial that says what an acceptance says")
	}
	v.Accepted, v.Reason = m.Accepted, verifier.Reason(m.Reason)
	if err := errors.Join(digits(v.RequestID[:], m.Request), digits(v.Digest[:], m.Digest), moment(&v.At, m.At)); err != nil || !m.Accepted {
		return v, err
	}
	v.Circuit, v.Epoch, v.Rule = consent.CircuitID(m.Circuit), m.Epoch, consent.Rule(m.Rule)
	v.SpeaksForPerson, v.OncePer, v.ComparisonCode = m.SpeaksForPerson, m.OncePer, m.ComparisonCode
	var nullifier [field.Size]byte
	if err := errors.Join(digits(nullifier[:], m.Nullifier), moment(&v.Until, m.Until), ruleIn(v.Rule)); err != nil {
		return v, err
	}
	switch {
	case !v.Circuit.Known():
		return v, fmt.Errorf("an unknown circuit, %.64q", m.Circuit)
	case len(v.OncePer) > maxWords || (v.Rule == consent.Once) != (v.OncePer != ""):
		return v, errors.New("no words on what a nullifier is unique within, or too many")
	case len(v.ComparisonCode) != 6 || strings.Trim(v.ComparisonCode, "0123456789") != "":
		return v, errors.New("no comparison code")
	}
	v.Nullifier, err = field.Parse(nullifier[:])
	return v, err
}

// verdictWith reads a verdict with its record: both of one answer, to this
// request.
func verdictWith(id [16]byte, m *zkconsentv1.Verdict, record []byte) (verifier.Verdict, error) {
	v, err := verdictOf(m)
	if err != nil {
		return v, err
	}
	r, err := verifier.DecodeRecord(record)
	if err != nil {
		return v, fmt.Errorf("no record: %w", err)
	}
	asked, err := consent.DecodeSignedRequest(r.Request)
	if err != nil {
		return v, fmt.Errorf("a record without a request: %w", err)
	}
	p, err := consent.DecodePresentation(r.Presentation)
	if err != nil {
		return v, fmt.Errorf("a record without a presentation: %w", err)
	}
	q := asked.Request
	switch {
	case !v.Accepted:
		return v, errors.New("a verdict that accepts nothing")
	case v.RequestID != id || q.ID != id:
		return v, errors.New("another request's verdict")
	case r.Verdict != v || sha256.Sum256(r.Presentation) != v.Digest || !of(&v, p):
		return v, errors.New("the record is another verdict's")
	case v.Circuit != q.Circuit || v.Rule != q.Rule || v.Until != q.Until || v.SpeaksForPerson != q.SpeaksForPerson() ||
		v.ComparisonCode != fmt.Sprintf("%06d", consent.ComparisonCode(q.Challenge(), p.Rk)):
		return v, errors.New("the verdict says other than the request")
	}
	return v, nil
}

// of tells whether an acceptance can be that of a presentation: it speaks of
// the pseudonym that was presented and of no other.
func of(v *verifier.Verdict, p *consent.Presentation) bool {
	return v.RequestID == p.Request && v.Nullifier.Equal(&p.Nullifier) && v.Epoch == p.Epoch && p.Answers(v.Circuit) == nil
}

// digits reads lower-case hexadecimal of full length.
func digits(into []byte, text string) error {
	if len(text) != 2*len(into) || strings.ToLower(text) != text {
		return fmt.Errorf("not %d lower-case hexadecimal digits", 2*len(into))
	}
	if _, err := hex.Decode(into, []byte(text)); err != nil {
		return fmt.Errorf("not %d lower-case hexadecimal digits", 2*len(into))
	}
	return nil
}

// moment reads a time.
func moment(into *consent.Time, seconds int64) error {
	if seconds < 0 || uint64(seconds) > uint64(consent.MaxTime) || seconds == math.MaxInt64 {
		return errors.New("a time that is none")
	}
	*into = consent.Time(seconds)
	return nil
}

func ruleIn(r consent.Rule) error {
	switch r {
	case consent.Once, consent.Pseudonym, consent.None:
		return nil
	}
	return fmt.Errorf("an unknown rule, %.16q", string(r))
}
