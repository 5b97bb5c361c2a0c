package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"time"
)

// Bounds of what is left of a certificate.
const soon = 14 * 24 * time.Hour

// maxPEM bounds a file of certificates in bytes.
const maxPEM = 1 << 20

// A Clock is what time it is.
type Clock func() time.Time

// Pair checks a server's certificate and its key.
func Pair(certFile, keyFile string, now Clock) func(context.Context) Result {
	return func(context.Context) Result {
		if _, r, ok := stat(certFile); !ok {
			return r
		}
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return Bad(Fail, "put the certificate that was made for this key first in its file, then those that lead to the root, all in PEM", "%s and its key do not match, or one of them is not PEM", certFile)
		}
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			return Bad(Fail, "get the certificate anew", "%s holds no certificate", certFile)
		}
		names := append([]string{}, leaf.DNSNames...)
		for _, ip := range leaf.IPAddresses {
			names = append(names, ip.String())
		}
		if len(names) == 0 {
			return Bad(Fail, "get one with the names that callers use as subject alternative names", "%s has no DNS name and no address, and no client takes it", certFile)
		}
		if r, ok := ends(leaf, now()); !ok {
			return r
		}
		return Good("for %v, until %s", names, leaf.NotAfter.UTC().Format(time.DateOnly))
	}
}

// ends tells how a certificate stands in time; ok where all is well.
func ends(c *x509.Certificate, now time.Time) (Result, bool) {
	switch until := c.NotAfter.UTC().Format(time.RFC3339); {
	case now.Before(c.NotBefore):
		return Bad(Fail, "correct this machine's clock, or wait", "the certificate holds from %s on", c.NotBefore.UTC().Format(time.RFC3339)), false
	case now.After(c.NotAfter):
		return Bad(Fail, "replace it in place: it is read again by itself", "the certificate was over at %s", until), false
	case c.NotAfter.Sub(now) < soon:
		return Bad(Warn, "replace it in place: it is read again by itself", "the certificate is over at %s", until), false
	}
	return Result{}, true
}

// ClientCA checks the authorities of callers' certificates.
func ClientCA(file string, now Clock) func(context.Context) Result {
	return func(context.Context) Result {
		certificates, err := certificatesIn(file)
		if err != nil {
			return Bad(Fail, "name a file with the certificates of the authorities, in PEM", "%s: %s", file, err)
		}
		for _, c := range certificates {
			if !c.IsCA {
				return Bad(Fail, "name the authority that signed it, and not a caller's own certificate", "%s holds a certificate that is no authority's", file)
			}
			if r, ok := ends(c, now()); !ok {
				return r
			}
		}
		return Good("%d authorities", len(certificates))
	}
}

// certificatesIn reads a file of bounded size. Its error repeats nothing.
func certificatesIn(file string) (out []*x509.Certificate, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("cannot be opened")
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPEM))
	if err != nil {
		return nil, fmt.Errorf("cannot be read")
	}
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("holds something else than certificates")
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("holds no certificate")
	}
	return out, nil
}
