package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	flags "flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// apiWalk puts the commands of docs/api.md where a script can run them, on ports
// that are free, with what stands in for programs that this machine lacks.
func apiWalk(dir string) error {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	if err != nil {
		return err
	}
	text := "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
	for _, program := range []string{"curl", "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			text += program + "() { plain-" + program + " \"$@\"; }\n"
		}
	}
	blocks := 0
	for _, block := range strings.Split(string(b), "\n```sh\n")[1:] {
		commands, _, ends := strings.Cut(block, "\n```")
		if !ends {
			return errors.New("docs/api.md: a block of commands does not end")
		}
		text += commands + "\n"
		blocks++
	}
	if blocks < 8 {
		return fmt.Errorf("docs/api.md has %d blocks of commands", blocks)
	}
	for _, port := range []string{"7300", "7301", "7310", "7311"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		_, free, err := net.SplitHostPort(l.Addr().String())
		if err := errors.Join(err, l.Close()); err != nil {
			return err
		}
		text = strings.ReplaceAll(text, ":"+port, ":"+free)
		// The node's are the defaults, which the document does not name.
		for field, of := range map[string]string{"grpc": "7300", "rest": "7301"} {
			if of == port {
				text = strings.ReplaceAll(text, "--set listen.admin=", "--set listen."+field+"=127.0.0.1:"+free+" --set listen.admin=")
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, "api.sh"), []byte(text), 0o600)
}

// plainCurl stands in for curl on a machine without it: the flags that
// docs/api.md uses, and no others.
func plainCurl() {
	if err := curl(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "curl:", err)
		os.Exit(22)
	}
}

func curl(args []string, out io.Writer) error {
	// One-letter flags may stand together.
	var flat []string
	for _, a := range args {
		if len(a) > 2 && a[0] == '-' && a[1] != '-' {
			for _, c := range a[1:] {
				flat = append(flat, "-"+string(c))
			}
			continue
		}
		flat = append(flat, a)
	}
	f := flags.NewFlagSet("curl", flags.ContinueOnError)
	fail := f.Bool("f", false, "")
	for _, ignored := range []string{"s", "S", "N"} {
		f.Bool(ignored, false, "")
	}
	ca, cert, key, data := f.String("cacert", "", ""), f.String("cert", "", ""), f.String("key", "", ""), f.String("d", "", "")
	var urls []string
	for len(flat) > 0 {
		if err := f.Parse(flat); err != nil {
			return err
		}
		if flat = f.Args(); len(flat) > 0 {
			urls, flat = append(urls, flat[0]), flat[1:]
		}
	}
	if len(urls) != 1 {
		return fmt.Errorf("%d addresses", len(urls))
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS13}
	if *ca != "" {
		b, err := os.ReadFile(*ca)
		if err != nil {
			return err
		}
		secure.RootCAs = x509.NewCertPool()
		secure.RootCAs.AppendCertsFromPEM(b)
	}
	if *cert != "" {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		if err != nil {
			return err
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	method := http.MethodGet
	if *data != "" {
		method = http.MethodPost
	}
	q, err := http.NewRequest(method, urls[0], strings.NewReader(*data))
	if err != nil {
		return err
	}
	if *data != "" {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded") // as curl does
	}
	r, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: secure}}).Do(q)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if *fail && r.StatusCode >= 400 {
		return fmt.Errorf("the answer is %s", r.Status)
	}
	_, err = io.Copy(out, r.Body)
	return err
}

// plainOpenssl stands in for openssl: the calls of docs/api.md.
func plainOpenssl() {
	if err := openssl(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "openssl:", err)
		os.Exit(1)
	}
}

func openssl(args []string) error {
	after := func(name string) string {
		for i, a := range args[:len(args)-1] {
			if a == name {
				return args[i+1]
			}
		}
		return ""
	}
	switch args[0] {
	case "rand":
		b := make([]byte, 16)
		_, err := rand.Read(b)
		fmt.Println(hex.EncodeToString(b))
		return err
	case "x509":
		return nil // "req" has made the certificate
	case "req":
	default:
		return fmt.Errorf("no %q", args[0])
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: strings.TrimPrefix(after("-subj"), "/CN=")},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().AddDate(0, 0, 30),
	}
	parent, signer, out := c, key, after("-out")
	if named := strings.TrimPrefix(after("-addext"), "subjectAltName="); named == "" {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	} else {
		out = strings.TrimSuffix(out, ".csr") + ".pem"
		pair, err := tls.LoadX509KeyPair("ca.pem", "ca.key")
		if err != nil {
			return err
		}
		parent, signer = pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey)
		if name, ok := strings.CutPrefix(named, "DNS:"); ok {
			c.DNSNames = []string{name}
		} else {
			c.IPAddresses = []net.IP{net.ParseIP(strings.TrimPrefix(named, "IP:"))}
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(after("-keyout"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}
