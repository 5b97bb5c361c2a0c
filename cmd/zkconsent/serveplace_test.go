package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/internal/config"
)

// place checks a configuration with a key file of a mode, in an environment.
func place(t *testing.T, mode os.FileMode, env map[string]string) error {
	t.Helper()
	c := config.Default()
	c.TLS.KeyFile = config.SecretFile(filepath.Join(t.TempDir(), "server.key"))
	if err := os.WriteFile(string(c.TLS.KeyFile), []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(string(c.TLS.KeyFile), mode); err != nil {
		t.Fatal(err)
	}
	return checkPlace(c, func(name string) string { return env[name] })
}

// TestAttack_KeyThatOthersRead: a process does not start with a key that every
// account on its machine has.
func TestAttack_KeyThatOthersRead(t *testing.T) {
	for mode, good := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o644: false, 0o602: false} {
		err := place(t, mode, nil)
		if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "tls.keyFile: others may read it; run: chmod 600") {
			t.Errorf("%s: %v", mode, err)
		}
	}
	missing := config.Default()
	missing.TLS.KeyFile = "/none"
	if err := checkPlace(missing, func(string) string { return "" }); err != nil {
		t.Errorf("a key that is not there, which TLS tells of: %v", err)
	}
}

// TestAttack_VariablesThatMakeLibrariesTell: somebody looks for a fault and
// leaves a variable behind, by which a library writes tokens, witnesses or who
// reads what, past the log.
func TestAttack_VariablesThatMakeLibrariesTell(t *testing.T) {
	for _, c := range []struct {
		name, value string
		good        bool
	}{
		{"GODEBUG", "http2debug=2", false}, {"GODEBUG", "netdns=go,http2debug=1", false}, {"GODEBUG", "gctrace=1", true},
		{"GRPC_BINARY_LOG_FILTER", "*", false},
		{"GRPC_GO_LOG_SEVERITY_LEVEL", "info", false}, {"GRPC_GO_LOG_SEVERITY_LEVEL", "WARNING", false}, {"GRPC_GO_LOG_SEVERITY_LEVEL", "error", true}, {"GRPC_GO_LOG_SEVERITY_LEVEL", "", true},
	} {
		err := place(t, 0o600, map[string]string{c.name: c.value})
		if (err == nil) != c.good || err != nil && !strings.Contains(err.Error(), "$"+c.name) {
			t.Errorf("%s=%s: %v", c.name, c.value, err)
		}
	}
	// It is asked before anything starts.
	t.Setenv("GODEBUG", "http2debug=2")
	var wrong *exit
	if err := (&app{}).serve(context.Background(), config.Default(), ""); !errors.As(err, &wrong) || wrong.status != exitUsage {
		t.Errorf("%v", err)
	}
}
