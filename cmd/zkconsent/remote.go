package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"github.com/zkconsent/zkconsent/client"
	"google.golang.org/grpc/codes"
)

// A remote is what the flags say of services in other processes.
type remote struct {
	server    string // addresses of one service, with commas between
	ca        string
	cert, key string
	token     string // file that holds it
}

func (r *remote) flags(f *pflag.FlagSet) {
	f.StringVar(&r.server, "server", os.Getenv("ZKCONSENT_SERVER"), "`address` HOST:PORT or https://HOST:PORT of a service that does it, or several replicas of one with commas between ($ZKCONSENT_SERVER)")
	f.StringVar(&r.ca, "tls-ca", os.Getenv("ZKCONSENT_SERVER_CA"), "`file` in PEM with the certificates of who vouches for services ($ZKCONSENT_SERVER_CA; default: the system's)")
	f.StringVar(&r.cert, "tls-cert", os.Getenv("ZKCONSENT_CLIENT_CERT"), "`file` in PEM with the certificate to show to the service ($ZKCONSENT_CLIENT_CERT)")
	f.StringVar(&r.key, "tls-key", os.Getenv("ZKCONSENT_CLIENT_KEY"), "`file` in PEM with the certificate's key ($ZKCONSENT_CLIENT_KEY)")
	f.StringVar(&r.token, "token-file", os.Getenv("ZKCONSENT_TOKEN_FILE"), "`file` with a bearer token for the service ($ZKCONSENT_TOKEN_FILE)")
}

// connect prepares a connection to a service, as whoever the flags say.
func (a *app) connect(addresses string) (*client.Conn, error) {
	c := client.Config{CAFile: a.remote.ca, CertFile: a.remote.cert, KeyFile: a.remote.key, TokenFile: a.remote.token}
	for address := range strings.SplitSeq(addresses, ",") {
		c.Addresses = append(c.Addresses, strings.TrimSpace(address))
	}
	conn, err := client.Dial(c)
	if err != nil {
		return nil, misuse("%w", err)
	}
	return conn, nil
}

// visitor asks verifiers for a wallet. It is made of what is no sign of who
// calls: the certificate and the token are for the prover, never for a verifier.
func (a *app) visitor() (*client.Visitor, error) {
	v, err := client.NewVisitor(client.Config{CAFile: a.remote.ca})
	if err != nil {
		return nil, misuse("%w", err)
	}
	return v, nil
}

// verifierAt runs a verb with the verifier's service at --server.
func (a *app) verifierAt(do func(*client.Verifier) error) error {
	if a.remote.server == "" {
		return misuse("which service? name its address with --server HOST:PORT or $ZKCONSENT_SERVER")
	}
	conn, err := a.connect(a.remote.server)
	if err != nil {
		return err
	}
	defer conn.Close()
	return remoteError(do(client.NewVerifier(conn)))
}

// remoteError says what to do about a call that failed, and gives it its exit
// status: a service that cannot be reached, or cannot answer, leaves no decision.
func remoteError(err error) error {
	var e *client.Error
	var already *exit
	switch {
	case err == nil, errors.As(err, &already):
		return err
	case errors.Is(err, client.ErrAnswer):
		return &exit{exitUndecided, fmt.Errorf("%w; do not use it, and tell the service's operator", err)}
	case !errors.As(err, &e):
		return err
	}
	said := fmt.Errorf("%w; %s", err, advice(e))
	if e.Unreachable() {
		return &exit{exitUndecided, said}
	}
	return said
}

// advice is what to do about a refusal.
func advice(e *client.Error) string {
	switch e.Reason {
	case client.NotSignedIn:
		return "say who you are with --tls-cert and --tls-key, or with --token-file"
	case client.NotAllowed:
		return "ask the service's operator for the role that this needs"
	case client.TooMany, client.Busy:
		return fmt.Sprintf("run it again after %s", e.RetryAfter)
	case client.NoLedger, client.NoStore, client.TooLate, client.Stopping:
		return "run it again later; if that does not help, tell the service's operator"
	case client.NotServed:
		return "does this address serve that? name another with --server"
	case client.Reused:
		return "draw another idempotency key"
	case client.Broken:
		return "tell the service's operator, who finds the reason in its log"
	case client.Malformed, client.NotSatisfied, client.NoLongerThere, client.OutOfRange, client.Unknown:
		return "the same again will be refused again"
	}
	switch e.Code {
	case codes.Unavailable, codes.DeadlineExceeded:
		return "does it run, is this its address, and do --tls-ca and https:// fit it?"
	case codes.Unauthenticated:
		return "say who you are with --tls-cert and --tls-key, or with --token-file"
	case codes.Unimplemented:
		return "does this address serve that? name another"
	}
	return "nothing was done that is known of"
}
