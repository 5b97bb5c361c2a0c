package server

import (
	"log/slog"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/internal/identity/identitytest"
)

// TestAttack_FileThatHangs: while somebody looks at the files of the
// certificates and their folder does not answer, handshakes go on with those
// that were read last.
func TestAttack_FileThatHangs(t *testing.T) {
	cert, key, ca := identitytest.NewAuthority(t).Files()
	r, err := newReloading(TLS{CertFile: cert, KeyFile: key, ClientCAFile: ca}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	using := r.using.Load()
	r.mu.Lock() // as who looks
	r.looked = time.Time{}
	served := make(chan bool, 1)
	go func() { served <- r.current() == using }()
	select {
	case same := <-served:
		if !same {
			t.Error("another certificate is shown")
		}
	case <-time.After(20 * time.Second):
		t.Error("every handshake waits for the file")
	}
	r.mu.Unlock()
	if r.current() != using {
		t.Error("the same files make another certificate")
	}
}
