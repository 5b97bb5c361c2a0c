package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	documents "github.com/zkconsent/zkconsent/consent/fhir/demo"
	"github.com/zkconsent/zkconsent/prover/provertest"
	"github.com/zkconsent/zkconsent/registry/ledger"
)

// A town is a ledger in this process, with one hospital that is issuer,
// registrar and verifier, and a patient with a wallet.
type town struct {
	t    *testing.T
	dir  string
	keys string
	node string
	ids  map[string]string
}

// cli runs a command line of a party whose clock is off by some time, and
// returns its exit status and what it wrote.
func (w *town) cli(party string, off time.Duration, args ...string) (status int, out answer, complaint string) {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, now: func() time.Time { return time.Now().Add(off) }}
	status = a.run(context.Background(), append([]string{"--json", "--home", w.home(party), "--keys", w.keys, "--node", w.node, "--passphrase-file", filepath.Join(w.dir, "passphrase")}, args...))
	return status, parseAnswer(stdout.String()), stderr.String()
}

func (w *town) must(party string, args ...string) answer {
	w.t.Helper()
	status, out, complaint := w.cli(party, 0, args...)
	if status != exitDone {
		w.t.Fatalf("%s %v: exit status %d: %s", party, args, status, complaint)
	}
	return out
}

func (w *town) home(party string) string { return filepath.Join(w.dir, party) }
func (w *town) file(name string) string  { return filepath.Join(w.dir, name) }

func (w *town) write(name string, b []byte) string {
	w.t.Helper()
	if err := writeFile(w.file(name), b, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return w.file(name)
}

func found(t *testing.T, parameters ...string) *town {
	t.Helper()
	keys, _ := provertest.Keys(t, consent.Circuits()...)
	w := &town{t: t, dir: t.TempDir(), keys: keys, ids: map[string]string{}}
	w.write("passphrase", []byte("correct horse battery staple\n"))
	steward, hospital := w.must("steward", "authority", "key"), w.must("hospital", "authority", "key")
	w.ids["hospital"] = hospital.text("id")
	w.must("steward", "document", "trust-list", "--name", "hospitals", "--authority", hospital.text("id"), "--out", w.file("hospitals.zkc"))
	w.must("steward", append([]string{"node", "init", "--chain", "town", "--development-keys", "--steward-key", steward.text("key"), "--trust-list", w.file("hospitals.zkc"),
		"--every-block", "--epoch", "60", "--heartbeat", "6", "--pow-bits", "8"}, parameters...)...)
	genesis, err := os.ReadFile(filepath.Join(w.home("steward"), genesisFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, party := range []string{"hospital", "patient"} {
		w.write(party+"/"+genesisFile, genesis)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		a := &app{stdin: strings.NewReader(""), stdout: os.Stderr, stderr: os.Stderr, now: time.Now}
		done <- a.serveNode(ctx, service{home: ledger.Home(filepath.Join(w.home("steward"), "node")), listen: "127.0.0.1:0", ready: func(address, _ string) error {
			ready <- address
			return nil
		}})
	}()
	select {
	case w.node = <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	// The hospital answers to the names in the demonstration's Consent.
	w.must("steward", "authority", "add", "--key", hospital.text("key"), "--name", "Hospital", "--uri", documents.Research, "--roles", "issuer,registrar,verifier")
	w.must("patient", "wallet", "init", "--work-factor", "12", "--words-out", w.file("words"))
	return w
}

const consentPolicy = `{
  "circuit": "consent", "purpose": "CLINTRCH", "accept": ["NPU", "IRB"], "categories": ["conditions"],
  "data": {"from": "2020-01-01", "to": "2026-12-31"}, "relyFor": "1d",
  "policyText": "https://hospital.example.org/policies/sharing/1",
  "trust": "hospitals.zkc", "rule": "pseudonym", "context": "study"
}`

// A clock that is off is named as the reason, whoever's it is, and decides
// nothing: neither an answer nor a request is made.
func TestClockOffByTenMinutes(t *testing.T) {
	w := found(t, "--max-head-age", "7200")
	policy := w.write("policy.json", []byte(consentPolicy))
	w.must("hospital", "request", "create", policy, "--out", w.file("request.zkc"))
	for _, v := range []struct {
		name   string
		off    time.Duration
		status int
		says   string
	}{
		{"ten minutes slow", -10 * time.Minute, exitUndecided, "clock"},
		{"half an hour later, or fast", 30 * time.Minute, exitFailed, "compare the clocks"},
	} {
		status, _, complaint := w.cli("patient", v.off, "prove", "--yes", "--request", w.file("request.zkc"), "--out", w.file("answer.zkc"))
		if status != v.status || !strings.Contains(complaint, v.says) {
			t.Errorf("%s: status %d, %s", v.name, status, complaint)
		}
		if strings.Count(strings.TrimSpace(complaint), "\n") != 0 {
			t.Errorf("%s: more than one line: %s", v.name, complaint)
		}
	}
	if _, err := os.Stat(w.file("answer.zkc")); err == nil {
		t.Error("an answer was written")
	}
	if status, _, complaint := w.cli("hospital", 3*time.Hour, "request", "create", policy, "--out", w.file("late.zkc")); status != exitUndecided || !strings.Contains(complaint, "clock") {
		t.Errorf("a request was made with a stale head: status %d, %s", status, complaint)
	}
}

// A disk that is full while a consent is being given costs nothing: the wallet
// is what it was, and the same command works when there is room.
func TestDiskFullWhileGranting(t *testing.T) {
	w := found(t, "--max-head-age", "600")
	small := w.home("small")
	if err := os.MkdirAll(small, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("a small file system takes root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(small, syscall.MNT_DETACH) })
	// The copy of the ledger lies elsewhere, so that it is the wallet that has no room.
	if err := errors.Join(os.Mkdir(w.file("cache"), 0o700), os.Symlink(w.file("cache"), filepath.Join(small, "ledger"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{genesisFile, walletFile} {
		b, err := os.ReadFile(filepath.Join(w.home("patient"), name))
		if err != nil {
			t.Fatal(err)
		}
		w.write("small/"+name, b)
	}
	document := bytes.ReplaceAll(documents.Consent, []byte(documents.Insurer), []byte(documents.Research))
	w.must("small", "consent", "import", w.write("consent.json", document))
	before, err := os.ReadFile(filepath.Join(small, walletFile))
	if err != nil {
		t.Fatal(err)
	}
	filler, err := os.Create(filepath.Join(small, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = filler.Write(make([]byte, 1024))
	}
	filler.Close()
	grant := []string{"consent", "grant", "--registrar", w.ids["hospital"], "--out", w.file("sealed.zkc")}
	status, _, complaint := w.cli("small", 0, grant...)
	if status != exitFailed || !strings.Contains(complaint, "no space left") || !strings.Contains(complaint, "run the same again") {
		t.Fatalf("status %d: %s", status, complaint)
	}
	after, err := os.ReadFile(filepath.Join(small, walletFile))
	if err != nil || !bytes.Equal(before, after) {
		t.Fatalf("the wallet changed: %v", err)
	}
	if _, err := os.Stat(w.file("sealed.zkc")); err == nil {
		t.Fatal("a batch was handed out that the wallet does not remember")
	}
	if err := os.Remove(filler.Name()); err != nil {
		t.Fatal(err)
	}
	if out := w.must("small", grant...); out.number("sealed") != 2 {
		t.Fatalf("%v", out)
	}
}

// The demonstration fails when a step does not end as told.
func TestDemonstrationNoticesAnotherEnding(t *testing.T) {
	var stdout, stderr bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, now: time.Now, json: true}
	d := &demo{app: a, ctx: context.Background(), dir: t.TempDir(), ids: map[string]string{}}
	if _, err := d.run("steward", "is told to fail", exitDenied, nil, "version"); err == nil {
		t.Error("a wrong exit status went unnoticed")
	}
	if _, err := d.run("steward", "answers something else", exitDone, states("withdrawn"), "version"); err == nil {
		t.Error("a wrong answer went unnoticed")
	}
	if len(d.done) != 2 || d.done[0].AsTold || d.done[1].AsTold {
		t.Errorf("%+v", d.done)
	}
}

// The whole demonstration, as data.
func TestDemonstration(t *testing.T) {
	keys, _ := provertest.Keys(t, consent.Circuits()...)
	var stdout, stderr bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, now: time.Now}
	status := a.run(context.Background(), []string{"--json", "--keys", keys, "demo", "--dir", t.TempDir()})
	out := parseAnswer(stdout.String())
	steps, _ := out["steps"].([]any)
	if status != exitDone || out["asTold"] != true || len(steps) < 60 {
		t.Fatalf("exit status %d, %d steps, as told %v: %s", status, len(steps), out["asTold"], stderr.String())
	}
}
