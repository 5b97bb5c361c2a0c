package ceremony

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/armor"
	"github.com/zkconsent/zkconsent/internal/durable"
)

// The names of files below the ceremony's folder.
const (
	descriptionFile = "ceremony.zkc"
	ptauFile        = "phase1.ptau"
)

func phaseFolder(phase int) string { return "phase" + strconv.Itoa(phase) }

func contributionFile(phase, number int) string {
	return filepath.Join(phaseFolder(phase), fmt.Sprintf("%04d.zkc", number))
}

func sealFile(phase int) string { return filepath.Join(phaseFolder(phase), "seal.zkc") }

// payloadFile names a contribution's payload, in phase 2 one of several.
func payloadFile(phase, number int, circuit consent.CircuitID) string {
	if phase == 1 {
		return filepath.Join(phaseFolder(1), fmt.Sprintf("%04d.bin", number))
	}
	return filepath.Join(phaseFolder(2), fmt.Sprintf("%04d.%s.bin", number, strings.ReplaceAll(string(circuit), "/", "-")))
}

func (f *Folder) file(name string) string { return filepath.Join(f.path, name) }

// open opens a file of the folder, which others filled: a named pipe or a
// device in the place of a file would block whoever opens it, or never end.
func (f *Folder) open(name string) (file *os.File, size int64, err error) {
	info, err := os.Stat(f.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, refuse(Missing, name, "there is no such file in %s", f.path)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("ceremony: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, refuse(Unexpected, name, "no regular file stands there, but %s; ask for the folder again", info.Mode().Type())
	}
	if file, err = os.Open(f.file(name)); err != nil {
		return nil, 0, fmt.Errorf("ceremony: %w", err)
	}
	if info, err = file.Stat(); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("ceremony: %w", err), file.Close())
	}
	return file, info.Size(), nil
}

// readBounded reads a file of at most max bytes.
func (f *Folder) readBounded(name string, max int64) ([]byte, error) {
	file, size, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if size > max {
		return nil, refuse(WrongSize, name, "%d bytes, at most %d are allowed", size, max)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(file, b); err != nil {
		return nil, fmt.Errorf("ceremony: %w", err)
	}
	return b, nil
}

// readMessage reads an armored or raw message.
func (f *Folder) readMessage(name, kind string, max int) ([]byte, error) {
	b, err := f.readBounded(name, int64(2*max+256))
	if err != nil {
		return nil, err
	}
	m, err := armor.Decode(kind, b, max)
	if err != nil {
		return nil, refuse(Malformed, name, "%v", err)
	}
	return m, nil
}

func (f *Folder) writeMessage(name, kind string, message []byte) error {
	return f.write(name, armor.Encode(kind, message))
}

func (f *Folder) write(name string, b []byte) error {
	path := f.file(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("ceremony: %w", err)
	}
	// Everybody may read a ceremony's files: nothing in them is secret.
	if err := durable.ReplaceBytes(path, 0o644, b); err != nil {
		return fmt.Errorf("ceremony: %w", err)
	}
	return nil
}

func (f *Folder) exists(name string) (bool, error) {
	_, err := os.Lstat(f.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// copyUntil copies r's size bytes as long as ctx is not over: a file of powers
// has up to hundreds of gigabytes.
func copyUntil(ctx context.Context, w io.Writer, r io.ReaderAt, size int64) error {
	const step = 1 << 24
	for at := int64(0); at < size; at += step {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := io.Copy(w, io.NewSectionReader(r, at, min(step, size-at))); err != nil {
			return err
		}
	}
	return nil
}

// numbered are the names of files of a contribution.
var numbered = regexp.MustCompile(`^([0-9]{4})\.([a-z0-9-]+\.)?(zkc|bin)$`)

// count returns how many contributions stand in a phase's folder. A gap, or a
// file that no ceremony has, is refused: it would be a contribution left out.
func (r *run) count(phase int) (n int, err error) {
	entries, err := os.ReadDir(r.file(phaseFolder(phase)))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("ceremony: %w", err)
	}
	belongs := map[string]bool{sealFile(phase): true}
	for n < MaxContributions {
		has, err := r.exists(contributionFile(phase, n+1))
		if err != nil {
			return 0, err
		}
		if !has {
			break
		}
		n++
		belongs[contributionFile(phase, n)] = true
		for _, name := range r.payloadFiles(phase, n) {
			belongs[name] = true
		}
	}
	for _, e := range entries {
		name := filepath.Join(phaseFolder(phase), e.Name())
		switch {
		case belongs[name]:
		case numbered.MatchString(e.Name()):
			return 0, refuse(Missing, contributionFile(phase, n+1), "%s stands there without it; ask its author for the rest, or remove it", name)
		default:
			return 0, refuse(Unexpected, name, "no ceremony has such a file; remove it")
		}
	}
	return n, nil
}

// payloadFiles are the files of a contribution's payloads.
func (r *run) payloadFiles(phase, number int) (names []string) {
	if phase == 1 {
		return []string{payloadFile(1, number, "")}
	}
	for _, c := range r.keyed {
		names = append(names, payloadFile(2, number, c.id))
	}
	return names
}
