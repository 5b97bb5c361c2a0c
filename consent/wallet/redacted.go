package wallet

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "REDACTED"

// errSecret answers every attempt to marshal a secret.
var errSecret = errors.New("wallet: secrets have no text, JSON or protobuf form")

// secret is embedded by the types that hold secrets: whatever way they are
// printed, logged or marshalled, nothing comes out.
type secret struct{}

// Format writes REDACTED for every verb.
func (secret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// String is REDACTED.
func (secret) String() string { return redacted }

// GoString is REDACTED.
func (secret) GoString() string { return redacted }

// LogValue is REDACTED.
func (secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses.
func (secret) MarshalText() ([]byte, error) { return nil, errSecret }

// MarshalJSON refuses.
func (secret) MarshalJSON() ([]byte, error) { return nil, errSecret }

// MarshalBinary refuses.
func (secret) MarshalBinary() ([]byte, error) { return nil, errSecret }

// GobEncode refuses.
func (secret) GobEncode() ([]byte, error) { return nil, errSecret }
