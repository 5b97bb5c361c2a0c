package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// A Token is a bearer token. It prints and logs as REDACTED and has no JSON
// form.
type Token string

const redacted = "REDACTED"

// LogValue implements slog.LogValuer.
func (Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter for every verb.
func (Token) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// MarshalJSON refuses.
func (Token) MarshalJSON() ([]byte, error) {
	return nil, errors.New("client: a token has no JSON form")
}

var _ json.Marshaler = Token("")

// maxToken bounds a token in bytes: more would not pass as a header.
const maxToken = 12 << 10

// ErrToken reports a token that cannot be sent. The error never holds it.
var ErrToken = errors.New("client: no token that could be sent")

// readToken reads a file with a token and nothing else.
func readToken(path string) (Token, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrToken, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxToken+3))
	if err != nil {
		return "", fmt.Errorf("%w: %s cannot be read", ErrToken, path)
	}
	t, err := parseToken(b)
	if err != nil {
		return "", fmt.Errorf("%w: file %s", err, path)
	}
	return t, nil
}

// parseToken reads a token with line ends behind it.
func parseToken(b []byte) (Token, error) {
	t := Token(strings.TrimRight(string(b), "\r\n"))
	if err := t.check(); err != nil {
		return "", err
	}
	return t, nil
}

// check refuses what would not be one header.
func (t Token) check() error {
	switch {
	case t == "":
		return fmt.Errorf("%w: it is empty", ErrToken)
	case len(t) > maxToken:
		return fmt.Errorf("%w: it is longer than %d bytes", ErrToken, maxToken)
	}
	for _, c := range []byte(t) {
		if c <= ' ' || c >= 0x7f {
			return fmt.Errorf("%w: it has a character that no token has; the file must hold the token alone", ErrToken)
		}
	}
	return nil
}

// bearer puts a token into each call, over TLS alone.
type bearer struct {
	source func(context.Context) (Token, error)
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	t, err := b.source(ctx)
	if err == nil {
		err = t.check()
	}
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + string(t)}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (bearer) RequireTransportSecurity() bool { return true }

// bearer is the Config's token source, nil where it has none.
func (c *Config) bearer() *bearer {
	switch {
	case c.Token != nil:
		return &bearer{c.Token}
	case c.TokenFile != "":
		path := c.TokenFile
		return &bearer{func(context.Context) (Token, error) { return readToken(path) }}
	}
	return nil
}
