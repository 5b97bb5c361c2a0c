package client

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// maxCA bounds a file of certificates in bytes.
const maxCA = 1 << 20

// tlsConfig is how this client speaks TLS. No session is resumed: a ticket
// would tell a service that two connections are of one client.
func (c *Config) tlsConfig() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true}
	if c.CAFile != "" {
		info, err := os.Stat(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("client: certificates of authorities: %w", err)
		}
		if info.Size() > maxCA {
			return nil, fmt.Errorf("client: %s is larger than the %d bytes that such a file can have", c.CAFile, maxCA)
		}
		b, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("client: certificates of authorities: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("client: %s holds no certificate in PEM", c.CAFile)
		}
	}
	if c.CertFile == "" {
		return t, nil
	}
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client: certificate %s with key %s: %w", c.CertFile, c.KeyFile, err)
		}
		return &pair, nil
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return t, nil
}
