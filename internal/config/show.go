package config

import (
	"fmt"
	"log/slog"
)

// String is the path, and REDACTED where it is none: somebody may have put
// the secret there.
func (s SecretFile) String() string {
	if !plausible(string(s)) {
		return "REDACTED"
	}
	return string(s)
}

// LogValue is [SecretFile.String].
func (s SecretFile) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is [SecretFile.String].
func (s SecretFile) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Format is [SecretFile.String], whatever the verb.
func (s SecretFile) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue keeps the whole configuration out of a log line.
func (c *Config) LogValue() slog.Value { return slog.StringValue("a configuration") }
