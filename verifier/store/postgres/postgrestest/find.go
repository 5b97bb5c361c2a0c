package postgrestest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Missing is what tests say that are skipped for want of a PostgreSQL.
const Missing = "PostgreSQL: none found, its tests are skipped; the package postgresql brings it (apt-get install postgresql)"

// Programs is the variable that may name the folder with PostgreSQL's programs.
// The Makefile sets it, so that results which were kept from a time without a
// PostgreSQL do not stand for tests with one.
const Programs = "ZKCONSENT_POSTGRES"

// programs finds the folder with initdb and postgres: the one that is named, that
// of the PATH, or the newest of those where packages put them.
func programs(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv(Programs); dir != "" {
		if !runs(filepath.Join(dir, "initdb")) || !runs(filepath.Join(dir, "postgres")) {
			t.Fatalf("%s=%s has no initdb and postgres", Programs, dir)
		}
		return dir
	}
	var dirs []string
	if p, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	newest := 0
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql@*/bin"} {
		found, _ := filepath.Glob(pattern)
		for _, dir := range found {
			version, _ := strconv.Atoi(strings.TrimLeft(filepath.Base(filepath.Dir(dir)), "abcdefghijklmnopqrstuvwxyz-@"))
			if version >= newest {
				newest, dirs = version, append(dirs, dir)
			}
		}
	}
	// The last is the newest; that of the PATH is what somebody chose.
	for i := range dirs {
		dir := dirs[0]
		if i > 0 {
			dir = dirs[len(dirs)-i]
		}
		if runs(filepath.Join(dir, "initdb")) && runs(filepath.Join(dir, "postgres")) {
			return dir
		}
	}
	t.Skip(Missing)
	return ""
}

func runs(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}
