package server

import "context"

// An Admin is the operator's own listener: metrics, profiles and a sign of
// life, on loopback alone.
type Admin struct{}

// NewAdmin binds the listener; [Admin.Serve] serves it.
func NewAdmin(c AdminConfig) (*Admin, error) { return &Admin{}, nil }

// Addr is where it listens.
func (a *Admin) Addr() string { return "" }

// Serve serves until ctx ends. It returns nil after an orderly end.
func (a *Admin) Serve(ctx context.Context) error { <-ctx.Done(); return nil }
