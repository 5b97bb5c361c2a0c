package light

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/durable"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// ErrCache reports a kept head that does not verify. It is not dropped by
// itself, because it is what an old backup of the ledger is recognised by.
var ErrCache = errors.New("light: the kept head is damaged or of another ledger; remove the cache only if you know why")

// A cache keeps verified bytes in files: the head, the directory, and each log
// as entries with a length byte before each. Logs are appended to before the
// head is replaced, so a crash leaves a head whose entries are there. All of
// it is verified again when it is read; logs that do not fit the head are
// dropped and fetched anew, which also covers two processes that write at once.
// Of two heads the newer one stays, whoever comes last: it is the floor below
// which no later client can be led.
type cache struct{ dir string }

func openCache(dir string) (*cache, error) {
	return &cache{dir}, os.MkdirAll(dir, 0o700)
}

func (c *cache) headFile() string              { return filepath.Join(c.dir, "head") }
func (c *cache) directoryFile() string         { return filepath.Join(c.dir, "directory") }
func (c *cache) logFile(k journal.Kind) string { return filepath.Join(c.dir, k.String()) }

// save appends what an update brought, unless another client has kept a newer
// head meanwhile.
func (c *cache) save(u *update, follow Follow) error {
	if c.newer(u.head) {
		return nil
	}
	if err := os.Remove(c.anchorFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, k := range follow.logs(false) {
		if err := c.append(k, u); err != nil {
			return err
		}
	}
	if err := durable.ReplaceBytes(c.directoryFile(), 0o600, u.dirBytes); err != nil {
		return err
	}
	return durable.ReplaceBytes(c.headFile(), 0o600, u.head.Encode())
}

// newer tells whether another client has kept a newer head.
func (c *cache) newer(h *directory.Head) bool {
	b, err := os.ReadFile(c.headFile())
	if err != nil {
		return false
	}
	kept, err := directory.DecodeHead(b)
	return err == nil && kept.Height > h.Height
}

func (c *cache) append(k journal.Kind, u *update) error {
	fresh := u.logs[k].Count() == uint64(len(u.entries[k]))
	if len(u.entries[k]) == 0 && !fresh {
		return nil
	}
	mode := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if fresh {
		mode |= os.O_TRUNC
	}
	f, err := os.OpenFile(c.logFile(k), mode, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for _, e := range u.entries[k] {
		w.WriteByte(byte(len(e))) // at most journal.MaxEntry
		w.Write(e)
	}
	return errors.Join(w.Flush(), f.Sync(), f.Close())
}

// entries reads the first n entries of a log and cuts off what follows them.
func (c *cache) entries(k journal.Kind, n uint64) ([][]byte, error) {
	f, err := os.OpenFile(c.logFile(k), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out, size, err := readEntries(f, n)
	if err != nil {
		return nil, err
	}
	return out, f.Truncate(size)
}

// readEntries reads n entries, each with its length before it, and tells how
// many bytes they take.
func readEntries(in io.Reader, n uint64) (out [][]byte, size int64, err error) {
	err = scanEntries(bufio.NewReader(in), n, func(b []byte) error {
		out = append(out, append([]byte(nil), b...))
		size += 1 + int64(len(b))
		return nil
	})
	return out, size, err
}

// HeadIn returns the checkpoint message of the newest head that was verified
// under a folder that was some client's Config.Dir, nil where there is none.
// It is a head to trust for another client of the same user.
func HeadIn(dir string) ([]byte, error) {
	b, err := os.ReadFile((&cache{dir}).headFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// restore brings the client to where its cache stands. The head must verify;
// the rest is only a saved download.
func (c *Client) restore() error {
	b, err := os.ReadFile(c.cache.headFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s, err := verify(c.genesis, b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCache, err)
	}
	c.floor = s
	c.remember(s)
	if _, err := os.Stat(c.cache.anchorFile()); err == nil && c.follow == Layers {
		if c.restoreLayers(s) == nil {
			return nil
		}
		c.broken, c.head, c.dir, c.dirBytes = nil, nil, nil, nil
		return c.reset()
	}
	if u, ok := c.cached(s); ok && c.adopt(u) == nil {
		return nil
	}
	c.broken, c.head, c.dir, c.dirBytes = nil, nil, nil, nil
	return c.reset()
}

// cached reads the directory and the logs of a verified head.
func (c *Client) cached(s *sight) (*update, bool) {
	u, ok := c.cachedDirectory(s)
	for _, k := range c.follow.logs(false) {
		ok = ok && c.cachedLog(u, k)
	}
	return u, ok
}

func (c *Client) cachedDirectory(s *sight) (*update, bool) {
	h, u := s.head, &update{sight: s}
	var err error
	if u.dirBytes, err = os.ReadFile(c.cache.directoryFile()); err != nil {
		return nil, false
	}
	u.dir, err = directory.DecodeDirectory(u.dirBytes)
	return u, err == nil && u.dir.Digest() == h.State.Directory
}

// cachedLog reads a log from its first entry.
func (c *Client) cachedLog(u *update, k journal.Kind) bool {
	want := k.Of(&u.head.State)
	var err error
	if u.entries[k], err = c.cache.entries(k, want.Count); err != nil {
		return false
	}
	u.logs[k] = journal.NewAccumulator()
	for _, e := range u.entries[k] {
		if err := u.logs[k].Append(e); err != nil {
			return false
		}
	}
	got, err := u.logs[k].Log()
	return err == nil && got == want
}
