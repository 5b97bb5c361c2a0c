package client

import (
	"context"
	"net/http"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
)

// Send is Prove with a witness message that the test keeps hold of.
func Send(ctx context.Context, p *Prover, s *consent.Statement, secret []byte) (consent.Proof, error) {
	return p.send(ctx, s, secret)
}

// Repeatable tells whether a call is repeated.
func Repeatable(method string, request any) bool {
	r := ruleOf(method)
	return r.again != nil && r.again(request)
}

func ParseAddress(text string) (host string, secure bool, err error) {
	a, err := parseAddress(text)
	return a.host, a.tls, err
}

func ParseToken(b []byte) (Token, error) { return parseToken(b) }

// RefusedBy is the error of a REST answer that is a refusal.
func RefusedBy(r *http.Response, body []byte) *Error {
	return failed(context.Background(), http.MethodGet, "test", refusedBy(r, body))
}

func VerdictOf(m *zkconsentv1.Verdict) (verifier.Verdict, error) { return verdictOf(m) }

func NewsOf(m *zkconsentv1.VerifierServiceWatchWithdrawalsResponse, from uint64) (News, error) {
	return newsOf(m, from)
}

func VerdictWith(id [16]byte, m *zkconsentv1.Verdict, record []byte) (verifier.Verdict, error) {
	return verdictWith(id, m, record)
}
