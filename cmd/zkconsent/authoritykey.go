package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
)

// authorityFile holds an authority's Ed25519 key in its folder, as PKCS #8.
const authorityFile = "authority.pem"

func (a *app) authorityKeyVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "key",
		Short: "Make this authority's key, or show its public part",
		Long: `Make an Ed25519 key in the authority's folder, unless it has one, and show what
others need: the public key, and the stable id that the ledger will know the
authority by even after the key is changed.`,
		RunE: func(*cobra.Command, []string) error {
			key, err := a.authorityKey()
			if errors.Is(err, fs.ErrNotExist) {
				key, err = a.newAuthorityKey()
			}
			if err != nil {
				return err
			}
			pub := key.Public().(ed25519.PublicKey)
			v := map[string]string{"id": field.Hex(directory.AuthorityID(pub)), "key": hex.EncodeToString(pub)}
			return a.emit(v, func(w io.Writer) { fmt.Fprintf(w, "id  %s\nkey %s\n", v["id"], v["key"]) })
		},
	}
}

func (a *app) newAuthorityKey() (ed25519.PrivateKey, error) { return a.newKey(authorityFile) }

// newKey makes an Ed25519 key in the party's folder.
func (a *app) newKey(name string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return key, writeFile(a.path(name), block, 0o600)
}

// authorityKey reads the key in the party's folder. A key that others may read
// is refused: it can issue, register and ask in the authority's name.
func (a *app) authorityKey() (ed25519.PrivateKey, error) {
	return a.readKey(authorityFile, "zkconsent authority key")
}

// readKey reads a key that the command how makes.
func (a *app) readKey(name, how string) (ed25519.PrivateKey, error) {
	path := a.path(name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w; make one with: %s", err, how)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: others may read it; run: chmod 600 %s", path, path)
	}
	b, err := a.readFile(path, 4096)
	if err != nil {
		return nil, err
	}
	key, err := parseAuthorityKey(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// parseAuthorityKey reads the content of a key's file. Errors do not repeat it.
func parseAuthorityKey(b []byte) (ed25519.PrivateKey, error) {
	block, rest := pem.Decode(b)
	if block == nil || len(rest) > 0 || block.Type != "PRIVATE KEY" {
		return nil, errors.New("not one PEM block PRIVATE KEY")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("not a PKCS #8 key")
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("not an Ed25519 key")
	}
	return key, nil
}
