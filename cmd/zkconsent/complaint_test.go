package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/prover/provertest"
)

// invoke runs a command line in an empty folder without a terminal.
func invoke(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, complaint bytes.Buffer
	status = run(context.Background(), append(args, "--home", t.TempDir()), strings.NewReader(""), &out, &complaint)
	return status, out.String(), complaint.String()
}

// What is wrong with a command line is said on one line, without the words of
// the libraries, as data when data was asked for, and with a status of its own.
func TestWrongUsageSaysWhatIsWanted(t *testing.T) {
	for _, v := range []struct {
		args   string
		status int
		says   string
	}{
		{"prove", exitUsage, "missing: --request, --out; see: zkconsent prove --help"},
		{"issuer issue --person 1", exitUsage, "missing: --patient, --out"},
		{"verify", exitUsage, "wanted is: zkconsent verify PRESENTATION"},
		{"consent show a b", exitUsage, "wanted is: zkconsent consent show ID"},
		{"verify --bogus x", exitUsage, "unknown flag: --bogus; see: zkconsent verify --help"},
		{"issuer nonsense", exitUsage, `unknown command "nonsense"; see: zkconsent issuer --help`},
		{"authority add --key zz --name n --uri u --roles issuer", exitUsage, "--key: a public key has 64 hexadecimal digits"},
		{"document value-set --name x --prefix ! --out x", exitUsage, `--prefix "!"`},
		{"keys setup --circuit none", exitUsage, "--circuit none: unknown"},
		{"record check nowhere.zkc", exitFailed, "nowhere.zkc: no such file"},
		{"verify nowhere.zkc", exitFailed, "nowhere.zkc: no such file"},
		{"node start", exitFailed, "node init"},
		{"registry check", exitFailed, "state: no such file"},
	} {
		status, out, complaint := invoke(t, strings.Fields(v.args)...)
		if status != v.status || out != "" || !strings.Contains(complaint, v.says) || strings.Count(complaint, "\n") != 1 {
			t.Errorf("%s: exit status %d, wrote %q and %q; wanted %d and one line with %q", v.args, status, out, complaint, v.status, v.says)
		}
		// --json last: it stands behind the mistake.
		status, out, complaint = invoke(t, append(strings.Fields(v.args), "--json")...)
		var e struct{ Error string }
		if err := json.Unmarshal([]byte(complaint), &e); err != nil || status != v.status || out != "" || !strings.Contains(e.Error, v.says) {
			t.Errorf("%s --json: exit status %d, wrote %q and %q: %v", v.args, status, out, complaint, err)
		}
	}
}

// A file that is not there is no presentation, so no verdict is spoken on it.
func TestRefusesVerdictOnAFileThatCannotBeRead(t *testing.T) {
	for name, path := range map[string]string{"missing": filepath.Join(t.TempDir(), "answer.zkc"), "a folder": t.TempDir()} {
		if status, out, complaint := invoke(t, "verify", path); status != exitFailed || out != "" || complaint == "" {
			t.Errorf("%s: exit status %d, wrote %q and %q", name, status, out, complaint)
		}
	}
	status, out, _ := invoke(t, "--json", "verify", os.Args[0])
	if a := parseAnswer(out); status != exitDenied || a["accepted"] != false || a.text("reason") != "malformed" {
		t.Errorf("a file that is no presentation: exit status %d, wrote %q", status, out)
	}
}

// A message for another party leaves standard output to itself.
func TestMessageOnStandardOutputStandsAlone(t *testing.T) {
	for _, args := range [][]string{nil, {"--json"}} {
		status, out, note := invoke(t, append(args, "document", "value-set", "--name", "x", "--text", "A", "--out", "-")...)
		if status != exitDone || !strings.HasPrefix(out, "-----BEGIN") || !strings.HasSuffix(out, "-----END ZKCONSENT VALUE SET-----\n") || !strings.Contains(note, "digest") {
			t.Errorf("%v: exit status %d, wrote %q and %q", args, status, out, note)
		}
	}
}

// full is an output on a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "out", Err: os.ErrClosed}
}

// A script must not take a cut result for the whole.
func TestRefusesSuccessWhenTheResultCannotBeWritten(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--json", "version"}} {
		var complaint bytes.Buffer
		if status := run(context.Background(), args, strings.NewReader(""), full{}, &complaint); status != exitFailed || complaint.Len() == 0 {
			t.Errorf("%v: exit status %d, %q", args, status, complaint.String())
		}
	}
}

// The bar begins before the first circuit, while another process may make keys.
func TestProgressBarFromTheFirstStageOn(t *testing.T) {
	for _, v := range []struct {
		flags []string
		shown bool
	}{{nil, true}, {[]string{"--json"}, false}} {
		status, _, shown := invoke(t, append(v.flags, "--keys", t.TempDir(), "keys", "setup", "--circuit", "enrol/normal/groth16")...)
		if status != exitDone || strings.Contains(shown, "keys: ") != v.shown {
			t.Errorf("%v: exit status %d, wrote %q", v.flags, status, shown)
		}
	}
	for _, done := range []float64{-1, 0, 0.5, 1, 2} {
		var b bytes.Buffer
		newBar(&b, false).show(done, "x")
		if !strings.Contains(b.String(), "% x") {
			t.Errorf("%g: %q", done, b.String())
		}
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	bar := newBar(f, false)
	bar.show(0.5, "x")
	bar.end()
	if info, err := f.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("a bar was written into a file: %v", err)
	}
}

// A wallet that is pointed at the entry of another circuit has no key: it says
// so, and does not blame the prover.
func TestAttack_DirectoryNamesAnotherCircuitsKeys(t *testing.T) {
	dir, m := provertest.Keys(t, consent.Enrol, consent.ConsentOnly)
	a := &app{keys: dir}
	for i := range m.Entries {
		e := &m.Entries[i]
		for _, c := range []consent.CircuitID{consent.Enrol, consent.EnrolPlonk, consent.ConsentOnly, "none"} {
			if k, err := a.walletKeys(c, e.Digest(), true); (err == nil) != (string(c) == e.Circuit) {
				t.Errorf("%s by the entry of %s: %v, %v", c, e.Circuit, k, err)
			}
		}
	}
}
