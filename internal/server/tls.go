package server

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	lookAgain  = time.Second
	maxTLSFile = 1 << 20
)

// reloading is TLS whose files may be replaced while it is served.
type reloading struct {
	files TLS
	log   *slog.Logger

	using atomic.Pointer[tls.Config]

	mu     sync.Mutex        // of who looks
	looked time.Time         // when the files were read last
	tried  [sha256.Size]byte // what they held then
}

func newReloading(files TLS, log *slog.Logger) (*reloading, error) {
	r := &reloading{files: files, log: log, looked: time.Now()}
	contents, err := r.read()
	if err != nil {
		return nil, err
	}
	r.tried = digest(contents)
	c, err := contents.config(files)
	r.using.Store(c)
	return r, err
}

// config returns TLS for one of the two listeners, which speaks protocol.
func (r *reloading) config(protocol string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{protocol},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			c := r.current().Clone()
			c.NextProtos = []string{protocol}
			return c, nil
		},
	}
}

// current looks at the files if it is time to, and returns what holds. A file
// that cannot be read to its end, as of a file server that is away, keeps nobody
// waiting but who looks.
func (r *reloading) current() *tls.Config {
	if !r.mu.TryLock() {
		return r.using.Load()
	}
	defer r.mu.Unlock()
	if time.Since(r.looked) < lookAgain {
		return r.using.Load()
	}
	r.looked = time.Now()
	contents, err := r.read()
	if err == nil {
		sum := digest(contents)
		if sum == r.tried {
			return r.using.Load()
		}
		r.tried = sum
		var c *tls.Config
		if c, err = contents.config(r.files); err == nil {
			r.using.Store(c)
			r.log.Info("a new TLS certificate is in use", slog.String("file", r.files.CertFile))
			return c
		}
	} else if r.tried == ([sha256.Size]byte{}) {
		return r.using.Load() // it was said already
	} else {
		r.tried = [sha256.Size]byte{}
	}
	r.log.Error("the TLS files cannot be used; those before stay in use", slog.String("error", err.Error()))
	return r.using.Load()
}

// contents are the files' bytes: certificate, key, client authorities.
type contents [3][]byte

func (r *reloading) read() (c contents, err error) {
	for i, name := range []string{r.files.CertFile, r.files.KeyFile, r.files.ClientCAFile} {
		if i == 2 && name == "" {
			continue
		}
		if c[i], err = readSmall(name); err != nil {
			return c, fmt.Errorf("server: %w", err)
		}
	}
	return c, nil
}

func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTLSFile+1))
	if err == nil && len(b) > maxTLSFile {
		err = fmt.Errorf("%s: more than %d bytes", name, maxTLSFile)
	}
	return b, err
}

func digest(c contents) [sha256.Size]byte {
	h := sha256.New()
	for _, b := range c {
		d := sha256.Sum256(b)
		h.Write(d[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// config makes TLS of the contents. Its errors name the files, and repeat nothing
// of what they hold.
func (c contents) config(files TLS) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(c[0], c[1])
	if err != nil {
		return nil, fmt.Errorf("server: the TLS certificate %s and its key %s do not belong together, or one of them is not PEM", files.CertFile, files.KeyFile)
	}
	if time.Now().After(pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("server: the TLS certificate %s has run out; put a new one in its place", files.CertFile)
	}
	t := &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{pair},
		// A resumed session would carry a client's certificate past a change of
		// the authorities.
		SessionTicketsDisabled: true,
	}
	if c[2] != nil {
		t.ClientCAs = x509.NewCertPool()
		if !t.ClientCAs.AppendCertsFromPEM(c[2]) {
			return nil, fmt.Errorf("server: %s, the file of callers' authorities, holds no certificate", files.ClientCAFile)
		}
		t.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return t, nil
}
