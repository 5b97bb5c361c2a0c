package light

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/zkconsent/zkconsent/internal/durable"
)

const (
	// MaxEvidence is how many lies a client keeps.
	MaxEvidence = 64
	// maxExhibits and maxShown bound what was shown with one lie. Two heads
	// fit, but for the longest trails; what is not signed proves nothing at
	// any length.
	maxExhibits = 16
	maxShown    = 2 << 20 // bytes, together
	// maxEvidenceFile bounds a file that is read again: base64 and words.
	maxEvidenceFile = 3 << 20
)

// Evidence is a lie that was kept: who told what, and when it was noticed.
// Where Shown holds heads, their signatures prove it to anybody who has the
// genesis; the rest is this client's word.
type Evidence struct {
	Time   uint64    `json:"time"` // unix seconds, by the client's clock
	Lie    Lie       `json:"lie"`
	Detail string    `json:"detail"`
	Source string    `json:"source"`
	Shown  []Exhibit `json:"shown"`
}

// An Exhibit is what a source sent, or what contradicts it.
type Exhibit struct {
	Bytes []byte `json:"bytes"` // as much of it as is kept
	Size  int    `json:"size"`  // of the whole
}

// lies keeps evidence in a folder, one file each, at most MaxEvidence. A lie
// that is told again is kept once. When there are too many, the oldest of the
// lie that was told most goes: a node cannot push out the proof of a fork by
// telling a hundred clumsy lies after it.
type lies struct{ dir string }

// caught names the source of a lie, keeps it, and returns it.
func (c *Client) caught(source Source, err error) error {
	var e *LieError
	if !errors.As(err, &e) {
		return err
	}
	if e.Source == "" {
		e.Source = nameOf(source)
	}
	if c.cache == nil {
		return err
	}
	if failed := c.lies().keep(uint64(max(0, c.clock().Unix())), e); failed != nil {
		return errors.Join(err, fmt.Errorf("light: keeping the evidence: %w", failed))
	}
	return err
}

// shown adds to a lie what it was told with.
func shown(err error, what ...[]byte) error {
	var e *LieError
	if errors.As(err, &e) {
		e.showing(what...)
	}
	return err
}

func (c *Client) lies() lies { return lies{filepath.Join(c.cache.dir, "lies")} }

// Lies lists the lies that were kept under Config.Dir, the oldest first. A
// file that cannot be read is an error beside the others.
func (c *Client) Lies() ([]Evidence, error) {
	if c.cache == nil {
		return nil, nil
	}
	return c.lies().list()
}

// LiesIn is [Client.Lies] of a folder that was some client's Config.Dir,
// without opening a client.
func LiesIn(dir string) ([]Evidence, error) { return lies{filepath.Join(dir, "lies")}.list() }

func (l lies) keep(now uint64, e *LieError) error {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q", e.Lie, e.Source)
	out := Evidence{Time: now, Lie: e.Lie, Detail: e.Detail, Source: e.Source, Shown: []Exhibit{}}
	room := maxShown
	for i, b := range e.Shown {
		fmt.Fprintf(sum, " %x", sha256.Sum256(b))
		if i < maxExhibits {
			n := min(len(b), room)
			out.Shown, room = append(out.Shown, Exhibit{b[:n], len(b)}), room-n
		}
	}
	suffix := "-" + slug(e.Lie) + "-" + hex.EncodeToString(sum.Sum(nil)[:8]) + ".json"
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	names, err := l.names()
	if err != nil {
		return err
	}
	for _, n := range names {
		if strings.HasSuffix(n, suffix) {
			return nil
		}
	}
	if err := l.makeRoom(names, slug(e.Lie)); err != nil {
		return err
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	return durable.ReplaceBytes(filepath.Join(l.dir, fmt.Sprintf("%013d", now)+suffix), 0o600, append(b, '\n'))
}

// makeRoom deletes until there is a place for one more lie of a kind.
func (l lies) makeRoom(names []string, next string) error {
	for ; len(names) >= MaxEvidence; names = names[:len(names)-1] {
		count := map[string]int{next: 1}
		for _, n := range names {
			count[kindOf(n)]++
		}
		oldest := 0
		for i, n := range names { // ascending by time: the first of the greatest count
			if count[kindOf(n)] > count[kindOf(names[oldest])] {
				oldest = i
			}
		}
		if err := os.Remove(filepath.Join(l.dir, names[oldest])); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		copy(names[oldest:], names[oldest+1:])
	}
	return nil
}

// names are the files of lies, the oldest first.
func (l lies) names() (out []string, err error) {
	files, err := os.ReadDir(l.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, f := range files {
		if n := f.Name(); strings.HasSuffix(n, ".json") && !strings.HasPrefix(n, ".") && kindOf(n) != "" {
			out = append(out, n)
		}
	}
	sort.Strings(out)
	return out, err
}

// slug is a lie's name in a file's.
func slug(l Lie) string { return strings.ReplaceAll(string(l), " ", "-") }

// kindOf reads the slug from a file's name: time-slug-digest.json.
func kindOf(name string) string {
	_, rest, _ := strings.Cut(name, "-")
	i := strings.LastIndexByte(rest, '-')
	return rest[:max(0, i)]
}

func (l lies) list() (out []Evidence, err error) {
	names, err := l.names()
	for _, n := range names {
		b, failed := readBounded(filepath.Join(l.dir, n))
		if failed == nil {
			var e *Evidence
			if e, failed = decodeEvidence(b); failed == nil {
				out = append(out, *e)
			}
		}
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("light: the evidence in %s cannot be read: %w", n, failed))
		}
	}
	return out, err
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxEvidenceFile+1))
	if err == nil && len(b) > maxEvidenceFile {
		err = errors.New("too large")
	}
	return b, err
}

// decodeEvidence reads a file of evidence.
func decodeEvidence(b []byte) (*Evidence, error) {
	var e Evidence
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows it")
	}
	if len(e.Shown) > maxExhibits {
		return nil, fmt.Errorf("%d exhibits", len(e.Shown))
	}
	for _, x := range e.Shown {
		if x.Size < len(x.Bytes) {
			return nil, fmt.Errorf("an exhibit of %d bytes, it says %d", len(x.Bytes), x.Size)
		}
	}
	return &e, nil
}
