package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/zkconsent/zkconsent/consent"
	documents "github.com/zkconsent/zkconsent/consent/fhir/demo"
	"github.com/zkconsent/zkconsent/prover/provertest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"zkconsent": main, "plain-curl": plainCurl, "plain-openssl": plainOpenssl})
}

// TestScripts runs the files in testdata/script: shell sessions of separate
// processes, as the README tells them.
func TestScripts(t *testing.T) {
	keys, _ := provertest.Keys(t, consent.Circuits()...)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("ZKCONSENT_KEYS", keys)
			e.Setenv("ZKCONSENT_PASSPHRASE_FILE", filepath.Join(e.WorkDir, "passphrase"))
			for name, b := range map[string][]byte{
				"passphrase": []byte("correct horse battery staple\n"), "wrong": []byte("correct horse battery stable\n"),
				"patient.json": documents.Patient, "condition.json": documents.Condition, "observation.json": documents.Observation,
				"coverage.json": documents.Coverage, "consent.json": documents.Consent,
			} {
				if err := os.WriteFile(filepath.Join(e.WorkDir, name), b, 0o600); err != nil {
					return err
				}
			}
			testnet, err := os.ReadFile(filepath.Join("..", "..", "deploy", "testnet.sh"))
			if err != nil {
				return err
			}
			if err := writeFile(filepath.Join(e.WorkDir, "deploy", "testnet.sh"), testnet, 0o700); err != nil {
				return err
			}
			e.Setenv("ZKCONSENT", "zkconsent")
			return errors.Join(readmeWalk(e.WorkDir), apiWalk(e.WorkDir))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"startnode": startNode, "killnode": killNode, "startmember": startMember, "killmember": killMember, "freeport": freePort, "setid": setID, "edit": edit, "today": today,
			"makecerts": makeCerts, "startserve": startServe, "signalserve": signalServe, "awaitlog": awaitLog, "awaitcert": awaitCert, "hangup": hangUp, "rest": rest,
		},
	})
}

// readmeWalk puts the commands of README.md's walk-through where a script can
// run them, on ports that are free.
func readmeWalk(dir string) error {
	b, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		return err
	}
	_, after, begins := strings.Cut(string(b), "```sh\nmkdir walk")
	walk, _, ends := strings.Cut(after, "\n```")
	if !begins || !ends {
		return errors.New("README.md has no walk-through")
	}
	for _, port := range []string{"7300", "7301"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		_, free, err := net.SplitHostPort(l.Addr().String())
		if err := errors.Join(err, l.Close()); err != nil {
			return err
		}
		walk = strings.ReplaceAll(walk, ":"+port, ":"+free)
	}
	documents := filepath.Join(dir, "consent", "fhir", "demo")
	if err := os.CopyFS(documents, os.DirFS(filepath.Join("..", "..", "consent", "fhir", "demo"))); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "readme.sh"), []byte("set -euo pipefail\nmkdir walk"+walk+"\n"), 0o600)
}

// startNode starts "zkconsent --home DIR node start" as a process of its own and
// sets $ZKCONSENT_NODE when it is ready.
func startNode(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv("ZKCONSENT_NODE", launch(ts, args[0], "node"))
}

// startMember starts one node of several: startmember DIR HOST:PORT, its
// address for the others. It sets $ZKCONSENT_NODE to it.
func startMember(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv("ZKCONSENT_NODE", launch(ts, args[0], args[0], "--p2p", args[1]))
	ts.Setenv("NODE_"+args[0], ts.Getenv("ZKCONSENT_NODE"))
}

// launch starts a node and returns its gRPC address; its log and process id
// are in files of the given name.
func launch(ts *testscript.TestScript, dir, name string, more ...string) string {
	home, ready := ts.MkAbs(dir), ts.MkAbs(name+".ready")
	_ = os.Remove(ready)
	program, err := exec.LookPath(filepath.Join(strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator))[0], "zkconsent"))
	ts.Check(err)
	c := exec.Command(program, append([]string{"--home", home, "node", "start", "--listen", "127.0.0.1:0", "--rest", "127.0.0.1:0", "--ready-file", ready}, more...)...)
	c.Env = append(os.Environ(), "ZKCONSENT_KEYS="+ts.Getenv("ZKCONSENT_KEYS"))
	log, err := os.Create(ts.MkAbs(name + ".log"))
	ts.Check(err)
	c.Stdout, c.Stderr = log, log
	ts.Check(c.Start())
	ts.Check(os.WriteFile(ts.MkAbs(name+".pid"), []byte(strconv.Itoa(c.Process.Pid)), 0o600))
	done := make(chan error, 1)
	go func() { done <- c.Wait(); close(done) }()
	ts.Defer(func() { _ = c.Process.Kill(); <-done })
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if b, err := os.ReadFile(ready); err == nil {
			return strings.TrimSpace(string(b))
		}
		select {
		case err := <-done:
			b, _ := os.ReadFile(ts.MkAbs(name + ".log"))
			ts.Fatalf("the node ended: %v\n%s", err, b)
		default:
		}
	}
	ts.Fatalf("the node is not ready after 30 s")
	return ""
}

// freePort sets variables to addresses on loopback that nobody listens on.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	var held []net.Listener
	for _, name := range args {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		held = append(held, l)
		ts.Setenv(name, l.Addr().String())
	}
	for _, l := range held {
		ts.Check(l.Close())
	}
}

// killNode ends the node with SIGKILL, or with the signal that is named.
func killNode(ts *testscript.TestScript, neg bool, args []string) {
	end(ts, "node", args)
}

// killMember ends one node of several: killmember DIR [TERM].
func killMember(ts *testscript.TestScript, neg bool, args []string) {
	end(ts, args[0], args[1:])
}

func end(ts *testscript.TestScript, name string, args []string) {
	b, err := os.ReadFile(ts.MkAbs(name + ".pid"))
	ts.Check(err)
	pid, err := strconv.Atoi(string(b))
	ts.Check(err)
	sig := syscall.SIGKILL
	if len(args) > 0 && args[0] == "TERM" {
		sig = syscall.SIGTERM
	}
	ts.Check(syscall.Kill(pid, sig))
	for range 1000 {
		if syscall.Kill(pid, 0) != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("the node does not end")
}

// setID sets a variable to a field of the JSON or text that a command wrote:
// setid NAME 'word before it'.
func setID(ts *testscript.TestScript, neg bool, args []string) {
	for _, line := range strings.Split(ts.ReadFile("stdout"), "\n") {
		if f := strings.Fields(line); len(f) > 1 {
			for i := range f[:len(f)-1] {
				if f[i] == args[1] {
					ts.Setenv(args[0], strings.TrimRight(f[i+1], ";,"))
					return
				}
			}
		}
	}
	ts.Fatalf("no word after %q", args[1])
}

// edit replaces the nth base64 line's first letter of an armored file, as
// somebody who tampers with a presentation would.
func edit(ts *testscript.TestScript, neg bool, args []string) {
	lines := strings.Split(ts.ReadFile(args[0]), "\n")
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	letter := "A"
	if lines[n][0] == 'A' {
		letter = "B"
	}
	lines[n] = letter + lines[n][1:]
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(lines, "\n")), 0o600))
}

// today sets $TODAY.
func today(ts *testscript.TestScript, neg bool, args []string) {
	day := time.Now().UTC().Format(time.DateOnly)
	ts.Setenv("TODAY", day)
	for _, file := range args {
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(strings.ReplaceAll(ts.ReadFile(file), "TODAY", day)), 0o600))
	}
}
