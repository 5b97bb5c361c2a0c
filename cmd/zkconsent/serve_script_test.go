package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
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
	"github.com/zkconsent/zkconsent/prover/provertest"
	"github.com/zkconsent/zkconsent/verifier/store/postgres/postgrestest"
)

// makeCerts makes certificates: makecerts DIR puts ca.pem, server.pem and
// server.key (localhost, 127.0.0.1), and for each further argument NAME=URI
// NAME.pem and NAME.key of a client there. Again it makes new ones under the
// same authority.
func makeCerts(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	day := 24 * time.Hour
	caFile := filepath.Join(dir, "ca")
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-day), NotAfter: time.Now().Add(90 * day),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	var caKey *ecdsa.PrivateKey
	if pair, err := tls.LoadX509KeyPair(caFile+".pem", caFile+".key"); err == nil {
		caKey = pair.PrivateKey.(*ecdsa.PrivateKey)
	} else {
		caKey = sign(ts, caFile, ca, ca, nil)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	ts.Check(err)
	leaf := func(usage x509.ExtKeyUsage) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: serial, NotBefore: time.Now().Add(-day), NotAfter: time.Now().Add(60 * day), ExtKeyUsage: []x509.ExtKeyUsage{usage},
		}
	}
	s := leaf(x509.ExtKeyUsageServerAuth)
	s.DNSNames, s.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	sign(ts, filepath.Join(dir, "server"), s, ca, caKey)
	for _, a := range args[1:] {
		name, uri, _ := strings.Cut(a, "=")
		u, err := url.Parse(uri)
		ts.Check(err)
		c := leaf(x509.ExtKeyUsageClientAuth)
		c.URIs = []*url.URL{u}
		sign(ts, filepath.Join(dir, name), c, ca, caKey)
	}
}

// sign makes a key and its certificate, by itself where there is no authority.
func sign(ts *testscript.TestScript, path string, c, ca *x509.Certificate, caKey *ecdsa.PrivateKey) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	if caKey == nil {
		caKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, ca, key.Public(), caKey)
	ts.Check(err)
	pkcs, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	for ending, block := range map[string]*pem.Block{".pem": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: pkcs}} {
		// As a careful operator does: the new file takes the old one's place whole.
		ts.Check(os.WriteFile(path+ending+".new", pem.EncodeToMemory(block), 0o600))
		ts.Check(os.Rename(path+ending+".new", path+ending))
	}
	return key
}

// startServe starts "zkconsent serve" with the given arguments as a process of
// its own and sets $GRPC, $REST and $ADMIN when it is ready. "! startserve" does
// not wait for that.
func startServe(ts *testscript.TestScript, neg bool, args []string) {
	ready := ts.MkAbs("serve.ready")
	_ = os.Remove(ready)
	program, err := exec.LookPath(filepath.Join(strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator))[0], "zkconsent"))
	ts.Check(err)
	c := exec.Command(program, append([]string{"serve", "--ready-file", ready}, args...)...)
	c.Dir = ts.MkAbs(".")
	c.Env = append(os.Environ(), "ZKCONSENT_PROVER_KEYS="+ts.Getenv("ZKCONSENT_KEYS"), "ZKCONSENT_VERIFIER_KEYS="+ts.Getenv("ZKCONSENT_KEYS"))
	log, err := os.Create(ts.MkAbs("serve.log"))
	ts.Check(err)
	c.Stdout, c.Stderr = log, log
	ts.Check(c.Start())
	ts.Check(os.WriteFile(ts.MkAbs("serve.pid"), []byte(strconv.Itoa(c.Process.Pid)), 0o600))
	_ = os.Remove(ts.MkAbs("serve.status"))
	done := make(chan struct{})
	go func() {
		_ = c.Wait()
		_ = os.WriteFile(ts.MkAbs("serve.status"), []byte(strconv.Itoa(c.ProcessState.ExitCode())), 0o600)
		close(done)
	}()
	ts.Defer(func() { _ = c.Process.Kill(); <-done })
	for end := time.Now().Add(2 * time.Minute); !neg && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if b, err := os.ReadFile(ready); err == nil {
			lines := strings.Split(string(b), "\n")
			for i, name := range []string{"GRPC", "REST", "ADMIN"} {
				ts.Setenv(name, lines[i])
			}
			return
		}
		select {
		case <-done:
			b, _ := os.ReadFile(ts.MkAbs("serve.log"))
			ts.Fatalf("the process ended\n%s", b)
		default:
		}
	}
	if !neg {
		b, _ := os.ReadFile(ts.MkAbs("serve.log"))
		ts.Fatalf("the process is not ready after two minutes\n%s", b)
	}
}

// signalServe sends the process a signal: HUP, or TERM and waits for its end
// with status 0.
func signalServe(ts *testscript.TestScript, neg bool, args []string) {
	b, err := os.ReadFile(ts.MkAbs("serve.pid"))
	ts.Check(err)
	pid, err := strconv.Atoi(string(b))
	ts.Check(err)
	if args[0] == "HUP" {
		ts.Check(syscall.Kill(pid, syscall.SIGHUP))
		return
	}
	ts.Check(syscall.Kill(pid, syscall.SIGTERM))
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if b, err := os.ReadFile(ts.MkAbs("serve.status")); err == nil && len(b) > 0 {
			if string(b) != "0" {
				log, _ := os.ReadFile(ts.MkAbs("serve.log"))
				ts.Fatalf("exit status %s\n%s", b, log)
			}
			return
		}
	}
	ts.Fatalf("the process does not end")
}

// awaitLog waits until the process has logged a text: awaitlog 'TEXT'.
func awaitLog(ts *testscript.TestScript, neg bool, args []string) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if b, err := os.ReadFile(ts.MkAbs("serve.log")); err == nil && bytes.Contains(b, []byte(args[0])) {
			return
		}
	}
	b, _ := os.ReadFile(ts.MkAbs("serve.log"))
	ts.Fatalf("nothing says %q\n%s", args[0], b)
}

// rest calls a service over REST: rest OUT CLIENT METHOD URL [BODY]. CLIENT
// names certificates in the folder tls, and - none. OUT gets the status, the
// certificate's serial number where there is TLS, and the answer. "! rest" says
// that no connection comes about.
func rest(ts *testscript.TestScript, neg bool, args []string) {
	body := ""
	if len(args) > 4 {
		body = args[4]
	}
	t := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}}
	if ca, err := os.ReadFile(ts.MkAbs("tls/ca.pem")); err == nil {
		t.TLSClientConfig.RootCAs.AppendCertsFromPEM(ca)
	}
	if args[1] != "-" {
		pair, err := tls.LoadX509KeyPair(ts.MkAbs("tls/"+args[1]+".pem"), ts.MkAbs("tls/"+args[1]+".key"))
		ts.Check(err)
		t.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	r, err := http.NewRequest(args[2], args[3], strings.NewReader(body))
	ts.Check(err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := (&http.Client{Transport: t, Timeout: time.Minute}).Do(r)
	if neg {
		if err == nil {
			answer.Body.Close()
			ts.Fatalf("%s answers", args[3])
		}
		return
	}
	if err != nil {
		// Why it does not answer, the process may be about to say.
		for range 500 {
			if _, err := os.Stat(ts.MkAbs("serve.status")); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		log, _ := os.ReadFile(ts.MkAbs("serve.log"))
		ts.Fatalf("%v\n%s", err, log)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, 4<<20))
	ts.Check(err)
	head := fmt.Sprintf("status %d\n", answer.StatusCode)
	if answer.TLS != nil {
		head += fmt.Sprintf("serial %s\n", answer.TLS.PeerCertificates[0].SerialNumber)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), append([]byte(head), b...), 0o600))
}

// awaitCert waits until the server at an address shows another certificate
// than when rest wrote a file: awaitcert FILE HOST:PORT.
func awaitCert(ts *testscript.TestScript, neg bool, args []string) {
	before := ts.ReadFile(args[0])
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		rest(ts, false, []string{args[0], "-", http.MethodGet, "https://" + args[1] + "/healthz"})
		if ts.ReadFile(args[0]) != before {
			return
		}
	}
	ts.Fatalf("the old certificate is shown still")
}

// hangUp connects many times, asks several times at once, and resets the
// connection while the answers come: hangup HOST:PORT [tls].
func hangUp(ts *testscript.TestScript, neg bool, args []string) {
	pool := x509.NewCertPool()
	if ca, err := os.ReadFile(ts.MkAbs("tls/ca.pem")); err == nil {
		pool.AppendCertsFromPEM(ca)
	}
	for i := range 200 {
		c, err := net.Dial("tcp", args[0])
		ts.Check(err)
		var w io.Writer = c
		if len(args) > 1 {
			t := tls.Client(c, &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12})
			ts.Check(t.Handshake())
			w = t
		}
		_, err = io.WriteString(w, strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n", 20))
		ts.Check(err)
		time.Sleep(time.Duration(i%10) * 200 * time.Microsecond)
		ts.Check(c.(*net.TCPConn).SetLinger(0))
		ts.Check(c.Close())
	}
}

// setRest sets a variable to the address of REST in a node's report.
func setRest(ts *testscript.TestScript, neg bool, args []string) {
	r, err := readReport(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Setenv(args[0], r.REST)
}

// serveScript runs one script beside those of TestScripts.
func serveScript(t *testing.T, file string, files map[string]string) {
	keys, _ := provertest.Keys(t, consent.Circuits()...)
	testscript.Run(t, testscript.Params{
		Files: []string{filepath.Join("testdata", filepath.FromSlash(file))},
		Setup: func(e *testscript.Env) error {
			e.Setenv("ZKCONSENT_KEYS", keys)
			for name, text := range files {
				if err := os.WriteFile(filepath.Join(e.WorkDir, name), []byte(text), 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"startnode": startNode, "killnode": killNode, "setid": setID, "freeport": freePort, "today": today,
			"startserve": startServe, "signalserve": signalServe, "rest": rest, "hangup": hangUp, "setrest": setRest,
		},
	})
}

// TestAttack_CallerWhoHangsUp resets connections while answers are written to
// them.
func TestAttack_CallerWhoHangsUp(t *testing.T) { serveScript(t, "attack/hangup.txtar", nil) }

// TestServeOnPostgres runs a verifier over PostgreSQL, where the machine has one.
func TestServeOnPostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a database")
	}
	serveScript(t, "services/postgres.txtar", map[string]string{"dsn": postgrestest.Database(t) + "\n"})
}
