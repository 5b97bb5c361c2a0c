package wallet

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"filippo.io/age"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Options adjust how a wallet is created or opened. The zero Options open one.
type Options struct {
	// Genesis is the hash of the ledger's genesis. Create and Restore need it:
	// a wallet serves one ledger, so that nothing proved for a test serves
	// elsewhere. Open refuses another one if it is set.
	Genesis [32]byte
	// WorkFactor is log2 of scrypt's N, DefaultWorkFactor if 0. Lower ones make
	// guessing the passphrase cheap and are for tests and demonstrations; the
	// file records which one it has.
	WorkFactor int
	// Now is the clock, time.Now if nil.
	Now func() time.Time
	// Keys are the verifying keys with which the wallet checks what a prover
	// returns. Prove and Enrol need them.
	Keys VerifyingKeys

	disk disk // realDisk if nil
}

// A Wallet is an open wallet. It is safe for use by several goroutines. Close
// it to give up its lock.
type Wallet struct {
	secret
	path    string
	disk    disk
	now     func() time.Time
	genesis [32]byte
	vks     VerifyingKeys
	lock    *os.File

	work sync.Mutex // serialises operations; held while the ledger is read, taken before mu

	mu        sync.Mutex // guards the following; never held while anything is awaited
	container *container
	identity  *age.X25519Identity
	keys      *keys
	data      *contents
	closed    bool
}

// ErrClosed reports the use of a wallet after Close.
var ErrClosed = errors.New("wallet: closed")

// ErrNoGenesis reports options that do not name the ledger.
var ErrNoGenesis = errors.New("wallet: Options.Genesis must name the ledger")

// Create makes a new wallet and returns the words that restore it. They are
// in the file, encrypted; nobody else has them.
func Create(path, passphrase string, o *Options) (*Wallet, Words, error) {
	var entropy [32]byte
	if _, err := rand.Read(entropy[:]); err != nil {
		return nil, Words{}, fmt.Errorf("wallet: drawing words: %w", err)
	}
	words := wordsOf(entropy)
	w, err := create(path, passphrase, words, o)
	if err != nil {
		return nil, Words{}, err
	}
	return w, words, nil
}

// Restore makes a wallet from its words. It has the same pseudonyms and, once
// [Wallet.Sync] has found its locks on the ledger, can withdraw and revoke what
// was granted. Openings and credentials are gone: they have to be granted and
// issued again. Errors of words are a *WordError or ErrChecksum.
func Restore(path, passphrase, words string, o *Options) (*Wallet, error) {
	parsed, err := ParseWords(words)
	if err != nil {
		return nil, err
	}
	return create(path, passphrase, parsed, o)
}

func create(path, passphrase string, words Words, o *Options) (_ *Wallet, err error) {
	w := blank(path, o)
	if w.genesis == [32]byte{} {
		return nil, ErrNoGenesis
	}
	if w.keys, err = deriveKeys(words); err != nil {
		return nil, err
	}
	if w.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.lock.Close()
		}
	}()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%w: %s", ErrExists, path)
		}
		return nil, err
	}
	factor := 0
	if o != nil {
		factor = o.WorkFactor
	}
	if w.container, w.identity, err = newContainer(passphrase, factor); err != nil {
		return nil, err
	}
	data := &contents{entropy: words.entropy(), genesis: w.genesis}
	if err := w.save(data); err != nil {
		return nil, err
	}
	w.data = data
	return w, nil
}

// Open opens a wallet. It returns ErrPassphrase, ErrDamaged, ErrNewerVersion or
// ErrInUse where that is the reason.
func Open(path, passphrase string, o *Options) (_ *Wallet, err error) {
	w := blank(path, o)
	if w.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.lock.Close()
		}
	}()
	raw, err := readFile(path)
	if err != nil {
		return nil, err
	}
	if w.container, err = decodeContainer(raw); err != nil {
		return nil, err
	}
	var data []byte
	if w.identity, data, err = w.container.open(passphrase); err != nil {
		return nil, err
	}
	if w.data, err = decodeContents(data); err != nil {
		if errors.Is(err, ErrNewerVersion) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if o != nil && o.Genesis != [32]byte{} && o.Genesis != w.data.genesis {
		return nil, fmt.Errorf("wallet: %s belongs to another ledger", path)
	}
	w.genesis = w.data.genesis
	w.keys, err = deriveKeys(wordsOf(w.data.entropy))
	return w, err
}

func blank(path string, o *Options) *Wallet {
	w := &Wallet{path: path, disk: realDisk{}, now: time.Now}
	if o != nil {
		w.genesis, w.vks = o.Genesis, o.Keys
		if o.disk != nil {
			w.disk = o.disk
		}
		if o.Now != nil {
			w.now = o.Now
		}
	}
	return w
}

// Close gives up the wallet's lock. The file stays.
func (w *Wallet) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	w.data, w.keys, w.identity = &contents{}, &keys{}, nil // drops the last references to secrets
	return w.lock.Close()
}

// Holder is the public value that stands for this wallet at its issuers.
func (w *Wallet) Holder() fr.Element {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keys.holder
}

// Genesis is the ledger that the wallet serves.
func (w *Wallet) Genesis() [32]byte { return w.genesis }

// Words returns the words again, for a patient who wants to write them down.
func (w *Wallet) Words() (Words, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return Words{}, ErrClosed
	}
	return wordsOf(w.data.entropy), nil
}

// update changes a copy of the contents, writes it, and only then takes it
// over: memory never knows what the disk does not.
func (w *Wallet) update(change func(*contents) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	next, err := w.data.clone()
	if err != nil {
		return fmt.Errorf("wallet: copying its contents: %w", err)
	}
	if err := change(next); err != nil {
		return err
	}
	if err := w.save(next); err != nil {
		return err
	}
	w.data = next
	return nil
}

// save writes contents that a later Open will accept.
func (w *Wallet) save(c *contents) error {
	plain := c.encode()
	if _, err := decodeContents(plain); err != nil {
		return fmt.Errorf("wallet: refusing to write what could not be read again: %w", err)
	}
	sealed, err := seal(plain, w.identity.Recipient())
	if err != nil {
		return err
	}
	file := *w.container
	file.data = sealed
	whole := file.encode()
	if len(whole) > maxFile {
		return fmt.Errorf("wallet: it would have %d bytes, at most %d can be read again; forget records with large documents", len(whole), maxFile)
	}
	return replace(w.disk, w.path, whole)
}

// current returns what the wallet holds. It is never changed in place.
func (w *Wallet) current() (*contents, *keys, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, nil, ErrClosed
	}
	return w.data, w.keys, nil
}

func newID() (id ID, err error) {
	_, err = rand.Read(id[:])
	return id, err
}

func randomElement() (e fr.Element, err error) {
	_, err = e.SetRandom()
	return e, err
}
