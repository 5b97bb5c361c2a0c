package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// A Config says how to reach a service and as whom.
type Config struct {
	// Addresses are host:port or https://host:port, of one service: when there
	// are several, they are replicas. The first form is plaintext on the
	// loopback interface and TLS elsewhere; http://host:port is the loopback
	// interface alone.
	Addresses []string
	// Failover sends every call to the first address while it answers, and to
	// the next one otherwise; without it they take turns.
	Failover bool

	// CAFile holds the certificates, in PEM, of who may vouch for the service;
	// empty takes the system's.
	CAFile string
	// CertFile and KeyFile hold the certificate, in PEM, by which this client
	// says who it is. They are read again for each new connection.
	CertFile, KeyFile string
	// TokenFile holds a bearer token. It is read for each call, so that a new
	// one takes effect at once. A token never leaves in plaintext.
	TokenFile string
	// Token is asked for a bearer token for each call; instead of TokenFile.
	Token func(ctx context.Context) (Token, error)

	// Timeout bounds one attempt of a call; 20 s when 0. A transaction has 60 s
	// and a proof 5 min at least.
	Timeout time.Duration
	// Patience bounds a call with all its repetitions: none begins later than
	// this after the first; 1 min when 0.
	Patience time.Duration
	// Attempts is how often each address is tried for a call that may be
	// repeated; 4 when 0, 1 for no repetition.
	Attempts int
	// Backoff is the wait before the first repetition; 200 ms when 0. It
	// doubles each time, up to 5 s, less a random part of up to a half.
	Backoff time.Duration
	// MaxAnswer bounds an answer in bytes; 2 MiB when 0. Calls with larger
	// answers say so themselves.
	MaxAnswer int
}

// The defaults and bounds of a Config.
const (
	defaultTimeout   = 20 * time.Second
	submitTimeout    = 60 * time.Second
	proveTimeout     = 5 * time.Minute
	defaultPatience  = time.Minute
	defaultAttempts  = 4
	defaultBackoff   = 200 * time.Millisecond
	maxBackoff       = 5 * time.Second
	defaultMaxAnswer = 2 << 20
	maxAddresses     = 16
	maxAttempts      = 100
)

// LogValue names the addresses and nothing else.
func (c Config) LogValue() slog.Value { return slog.AnyValue(c.Addresses) }

// Format writes the addresses and nothing else.
func (c Config) Format(f fmt.State, _ rune) { io.WriteString(f, fmt.Sprint(c.Addresses)) }

// completed checks a Config and fills in what it leaves open.
func (c Config) completed() (Config, error) {
	switch {
	case len(c.Addresses) == 0:
		return c, errors.New("client: no address")
	case len(c.Addresses) > maxAddresses:
		return c, fmt.Errorf("client: %d addresses, at most %d are used", len(c.Addresses), maxAddresses)
	case (c.CertFile == "") != (c.KeyFile == ""):
		return c, errors.New("client: a certificate needs its key, and a key its certificate")
	case c.TokenFile != "" && c.Token != nil:
		return c, errors.New("client: a token comes from a file or from a function, not from both")
	case c.Timeout < 0 || c.Patience < 0 || c.Backoff < 0 || c.MaxAnswer < 0 || c.Attempts < 0 || c.Attempts > maxAttempts:
		return c, fmt.Errorf("client: a negative bound, or more than %d attempts", maxAttempts)
	}
	set(&c.Timeout, defaultTimeout)
	set(&c.Patience, defaultPatience)
	set(&c.Attempts, defaultAttempts)
	set(&c.Backoff, defaultBackoff)
	set(&c.MaxAnswer, defaultMaxAnswer)
	return c, nil
}

func set[T comparable](field *T, otherwise T) {
	var zero T
	if *field == zero {
		*field = otherwise
	}
}
