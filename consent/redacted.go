package consent

import (
	"fmt"
	"log/slog"
)

// The openings of commitments are a patient's secrets, like a [Witness]: they
// print and log as "REDACTED" and have no JSON form. An offer travels by its
// message alone.

// LogValue implements slog.LogValuer.
func (Consent) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter for every verb.
func (Consent) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalJSON refuses.
func (Consent) MarshalJSON() ([]byte, error) { return nil, errNoJSON }

// LogValue implements slog.LogValuer.
func (Credential) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter for every verb.
func (Credential) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalJSON refuses.
func (Credential) MarshalJSON() ([]byte, error) { return nil, errNoJSON }

// LogValue implements slog.LogValuer.
func (Offer) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter for every verb.
func (Offer) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalJSON refuses.
func (Offer) MarshalJSON() ([]byte, error) { return nil, errNoJSON }
