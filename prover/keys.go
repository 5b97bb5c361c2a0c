package prover

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/backend/witness"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/proof"
)

// A KeyError reports keys that cannot be used: which circuit's, which file and
// what to do.
type KeyError struct {
	Circuit consent.CircuitID
	File    string
	Err     error
}

func (e *KeyError) Error() string {
	return fmt.Sprintf("prover: keys of %s: %s: %v", e.Circuit, e.File, e.Err)
}

func (e *KeyError) Unwrap() error { return e.Err }

// The reasons in a KeyError, beside those of the file system and of package proof.
var (
	ErrDigest = errors.New("its SHA-256 is not the manifest's; fetch the keys again or run the setup")
	ErrSystem = errors.New("made for another constraint system than this program's; fetch keys for this version")
	ErrFormat = errors.New("not a proving key of this circuit")
)

// maxProvingKey bounds a proving key's file; the largest circuit's has 9 MB.
const maxProvingKey = 1 << 26

// keys is what one circuit needs to prove.
type keys struct {
	scheme
	verifying *proof.VerifyingKey
}

// A scheme proves with one circuit's proving key, under Groth16 or PLONK. Its
// errors may quote the witness.
type scheme interface {
	prove(full witness.Witness) (consent.Proof, error)
}

// loadKeys compiles the circuit and reads its keys. Compiling is as fast as
// reading the compiled system from disk would be, and shows that keys and
// program speak of the same constraints.
//
// Each file's digest is compared with the manifest's before it is parsed, since
// gnark's reader trusts the lengths that a proving key announces.
func loadKeys(dir string, e *manifest.Entry, development bool) (*keys, error) {
	id := consent.CircuitID(e.Circuit)
	fail := func(file string, err error) (*keys, error) { return nil, &KeyError{id, file, err} }
	if !development {
		if err := e.Production(); err != nil {
			return fail("manifest", err)
		}
	}
	compiled, err := circuits.Compile(id)
	if err != nil {
		return nil, err
	}
	system, ok := compiled.(*cs.R1CS) // the type of both schemes' systems
	if !ok {
		return fail("system", ErrSystem)
	}
	digest, err := circuits.Digest(system)
	if err != nil {
		return nil, err
	}
	if digest != e.System || uint64(circuits.PublicInputs(system)) != e.Public {
		return fail("system", ErrSystem)
	}
	folder := filepath.Join(dir, e.Folder())
	path := filepath.Join(folder, manifest.VerifyingKeyFile)
	verifying, err := proof.Open(dir, e, development)
	if err != nil {
		return fail(path, err)
	}
	path = filepath.Join(folder, manifest.ProvingKeyFile)
	b, err := readPinned(path, e.ProvingKey)
	if err != nil {
		return fail(path, err)
	}
	var s scheme
	switch id.Scheme() {
	case consent.Groth16:
		s, err = loadGroth16(system, b)
	case consent.Plonk:
		s, err = loadPlonk(system, verifying.Plonk(), b)
	default:
		err = ErrSystem
	}
	if err != nil {
		return fail(path, err)
	}
	return &keys{s, verifying}, nil
}

// readPinned reads a proving key's file, which must have this digest.
func readPinned(path string, digest manifest.Digest) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > maxProvingKey {
		return nil, ErrFormat
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, err
	}
	if sha256.Sum256(b) != digest {
		return nil, ErrDigest
	}
	return b, nil
}

// loadGroth16 reads a proving key in raw form, whose digest was compared.
func loadGroth16(system *cs.R1CS, b []byte) (*groth16Keys, error) {
	pk := new(groth16.ProvingKey)
	if n, err := pk.ReadFrom(bytes.NewReader(b)); err != nil || n != int64(len(b)) {
		return nil, ErrFormat
	}
	if !fits(pk, system) {
		return nil, ErrFormat
	}
	return &groth16Keys{system, pk}, nil
}
