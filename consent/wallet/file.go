package wallet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// The file's bounds and its version.
const (
	fileVersion   = 1
	maxFile       = 64 << 20
	maxIdentity   = 4 << 10
	maxWorkFactor = 22

	// DefaultWorkFactor is log2 of scrypt's N, as age chooses it: about a
	// second for each guess at a passphrase.
	DefaultWorkFactor = 18
	// MinPassphrase is the least number of bytes of a passphrase.
	MinPassphrase = 10
)

// Errors of opening and creating a wallet.
var (
	ErrPassphrase     = errors.New("wallet: wrong passphrase")
	ErrWeakPassphrase = fmt.Errorf("wallet: the passphrase has fewer than %d bytes", MinPassphrase)
	ErrDamaged        = errors.New("wallet: the file is damaged or was changed; put back a copy, or restore from the words")
	ErrNewerVersion   = errors.New("wallet: the file was written by a newer version of this program")
	ErrInUse          = errors.New("wallet: another process has this wallet open")
	ErrExists         = errors.New("wallet: a file stands there already")
)

// A container is the wallet's file: an X25519 identity that the passphrase
// opens, and the data that the identity opens. So a change costs no scrypt,
// and the passphrase need not stay in memory.
type container struct {
	workFactor uint64
	identity   []byte // age file with a scrypt recipient
	data       []byte // age file to the identity
}

func (c *container) encode() []byte {
	e := tlv.NewEncoder("wallet")
	e.Uint(1, fileVersion)
	e.Uint(2, c.workFactor)
	e.Bytes(3, c.identity)
	e.Bytes(4, c.data)
	return e.Encoded()
}

func decodeContainer(b []byte) (*container, error) {
	d := tlv.NewDecoder("wallet", b, maxFile)
	version := d.Uint(1, "version", 1<<32)
	if d.Err() == nil && version > fileVersion {
		return nil, fmt.Errorf("%w: version %d, this program reads %d", ErrNewerVersion, version, fileVersion)
	}
	if d.Err() == nil && version != fileVersion {
		d.Fail("version", "0")
	}
	c := &container{workFactor: d.Uint(2, "work factor", maxWorkFactor)}
	c.identity = d.Bytes(3, "identity", 1, maxIdentity)
	c.data = d.Bytes(4, "data", 1, maxFile)
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return c, nil
}

// newContainer draws an identity and closes it with the passphrase.
func newContainer(passphrase string, workFactor int) (*container, *age.X25519Identity, error) {
	if len(passphrase) < MinPassphrase {
		return nil, nil, ErrWeakPassphrase
	}
	if workFactor == 0 {
		workFactor = DefaultWorkFactor
	}
	if workFactor < 1 || workFactor > maxWorkFactor {
		return nil, nil, fmt.Errorf("wallet: work factor %d, allowed are 1 to %d", workFactor, maxWorkFactor)
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, nil, fmt.Errorf("wallet: drawing an identity: %w", err)
	}
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, nil, fmt.Errorf("wallet: %w", err)
	}
	r.SetWorkFactor(workFactor)
	closed, err := seal([]byte(id.String()), r)
	if err != nil {
		return nil, nil, err
	}
	return &container{workFactor: uint64(workFactor), identity: closed}, id, nil
}

// open returns the identity behind the passphrase and the data behind it.
func (c *container) open(passphrase string) (*age.X25519Identity, []byte, error) {
	s, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, nil, ErrPassphrase
	}
	s.SetMaxWorkFactor(maxWorkFactor)
	text, err := unseal(c.identity, maxIdentity, s)
	if err != nil {
		var no *age.NoIdentityMatchError
		if errors.As(err, &no) {
			return nil, nil, ErrPassphrase
		}
		return nil, nil, ErrDamaged
	}
	id, err := age.ParseX25519Identity(string(text))
	if err != nil {
		return nil, nil, ErrDamaged
	}
	data, err := unseal(c.data, maxFile, id)
	if err != nil {
		return nil, nil, ErrDamaged
	}
	return id, data, nil
}

func seal(plain []byte, r age.Recipient) ([]byte, error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, r)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("wallet: encrypting: %w", err)
	}
	return b.Bytes(), nil
}

func unseal(b []byte, max int, id age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(b), id)
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(r, int64(max)+1))
	if err == nil && len(plain) > max {
		err = ErrDamaged
	}
	return plain, err
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("wallet: reading %s: %w", path, err)
	}
	return b, nil
}
