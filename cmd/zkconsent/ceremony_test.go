package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestVerifyOfACeremonySaysWhichOfThreeItIs: verified, refused, or not decided,
// for scripts by the exit status alone.
func TestVerifyOfACeremonySaysWhichOfThreeItIs(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "c")
	if status, _, complaint := invoke(t, "ceremony", "verify", folder); status != exitFailed || !strings.Contains(complaint, "ceremony.zkc") {
		t.Errorf("no ceremony: exit status %d, %q", status, complaint)
	}
	if status, _, complaint := invoke(t, "ceremony", "init", folder, "--universal", "--power", "2"); status != exitDone {
		t.Fatal(complaint)
	}
	status, out, complaint := invoke(t, "ceremony", "verify", folder, "--json")
	var e struct{ Error string }
	if err := json.Unmarshal([]byte(complaint), &e); err != nil || status != exitDenied || out != "" || !strings.Contains(e.Error, "too few contributors") {
		t.Errorf("without contributors: exit status %d, %q, %q", status, out, complaint)
	}
	if status, out, _ := invoke(t, "ceremony", "verify", folder, "--unfinished"); status != exitDone || !strings.Contains(out, "a phase is open") {
		t.Errorf("unfinished: exit status %d, %q", status, out)
	}
	if err := os.WriteFile(filepath.Join(folder, "ceremony.zkc"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"verify", "status"} {
		if status, out, _ := invoke(t, "ceremony", verb, folder); status != exitDenied || out != "" {
			t.Errorf("%s of a damaged one: exit status %d, %q", verb, status, out)
		}
	}
}

// TestAttack_KeyHandedOnWithTheCeremony: contributor C works in a folder c, and
// so does the ceremony. Whoever got it next could contribute in C's name.
func TestAttack_KeyHandedOnWithTheCeremony(t *testing.T) {
	home := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(home, link); err != nil {
		t.Fatal(err)
	}
	at := func(args ...string) (int, string) {
		var complaint strings.Builder
		status := run(t.Context(), append(args, "--home", home), strings.NewReader(""), io.Discard, &complaint)
		return status, complaint.String()
	}
	if status, complaint := at("ceremony", "key"); status != exitDone {
		t.Fatal(complaint)
	}
	for _, folder := range []string{home, link, filepath.Dir(home)} {
		for _, args := range [][]string{{"init", folder, "--universal", "--power", "2"}, {"contribute", folder, "--name", "C"}} {
			if status, complaint := at(append([]string{"ceremony"}, args...)...); status != exitUsage || !strings.Contains(complaint, "goes to others") {
				t.Errorf("%v: exit status %d, %q", args, status, complaint)
			}
		}
	}
	if status, complaint := at("ceremony", "init", filepath.Join(home, "within"), "--universal", "--power", "2"); status != exitDone {
		t.Errorf("a folder of its own: exit status %d, %q", status, complaint)
	}
}

// TestVerifySaysWhatItCannotCheck: powers of which anybody may know the secret,
// to which nobody contributed, are complete by every rule of the folder.
func TestVerifySaysWhatItCannotCheck(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "c")
	powers := filepath.Join("..", "..", "prover", "setup", "ptau", "testdata", "power4.ptau")
	if status, _, complaint := invoke(t, "ceremony", "init", folder, "--universal", "--power", "2", "--ptau", powers); status != exitDone {
		t.Fatal(complaint)
	}
	status, out, complaint := invoke(t, "ceremony", "verify", folder)
	if status != exitDone || !strings.Contains(out, "not checked: that nobody knows the secret behind the file of powers") || !strings.Contains(out, "nobody did here") {
		t.Errorf("exit status %d, %q, %q", status, out, complaint)
	}
	_, out, _ = invoke(t, "ceremony", "verify", folder, "--json")
	var v transcriptView
	if err := json.Unmarshal([]byte(out), &v); err != nil || !v.Verified || len(v.Unchecked) != 2 {
		t.Errorf("%+v, %v", v, err)
	}
	_, out, _ = invoke(t, "ceremony", "status", folder, "--json")
	if err := json.Unmarshal([]byte(out), &v); err != nil || v.Verified || !slices.Contains(v.Unchecked, "the points") {
		t.Errorf("%+v, %v", v, err)
	}
	// No keys follow, so none can be compared.
	manifest := filepath.Join(t.TempDir(), "manifest.json")
	if err := os.WriteFile(manifest, []byte("{\n  \"version\": 2,\n  \"entries\": []\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, others := range []string{"--others=false", "--others"} {
		if status, out, complaint := invoke(t, "ceremony", "verify", folder, "--manifest", manifest, others); status != exitDenied || out != "" || !strings.Contains(complaint, "other keys") {
			t.Errorf("%s: exit status %d, %q, %q", others, status, out, complaint)
		}
	}
}
