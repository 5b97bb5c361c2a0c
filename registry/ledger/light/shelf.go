package light

import (
	"bufio"
	"errors"
	"io"
	"os"
)

// A shelf keeps a log's entries in a file and not in memory, in the format of
// [cache]. Whoever makes one has verified what is on it.
type shelf struct {
	file  string
	first uint64  // position in the log of the first entry that is kept
	count uint64  // how many are kept
	size  int64   // bytes that they take; what follows them in the file is none of them
	marks []int64 // where every batch'th entry begins
}

// end is the position after the last entry.
func (s *shelf) end() uint64 { return s.first + s.count }

// put notes that an entry of n bytes follows.
func (s *shelf) put(n int) {
	if s.count%batch == 0 {
		s.marks = append(s.marks, s.size)
	}
	s.count++
	s.size += 1 + int64(n)
}

// openShelf reads n entries of a file and shows each of them.
func openShelf(file string, first, n uint64, each func(entry []byte) error) (*shelf, error) {
	s := &shelf{file: file, first: first}
	if n == 0 {
		return s, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	err = scanEntries(bufio.NewReaderSize(f, 1<<16), n, func(b []byte) error {
		s.put(len(b))
		return each(b)
	})
	return s, err
}

// scanEntries shows n entries; the bytes of one are gone with the next.
func scanEntries(r *bufio.Reader, n uint64, each func(entry []byte) error) error {
	var buf [255]byte
	for range n {
		l, err := r.ReadByte()
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(r, buf[:l]); err != nil {
			return err
		}
		if err := each(buf[:l]); err != nil {
			return err
		}
	}
	return nil
}

// read shows the entries at the positions [from, to).
func (s *shelf) read(from, to uint64, each func(position uint64, entry []byte) error) error {
	if from >= to {
		return nil
	}
	if from < s.first || to > s.end() {
		return ErrNotKept
	}
	f, err := os.Open(s.file)
	if err != nil {
		return err
	}
	defer f.Close()
	at := (from - s.first) / batch
	if _, err := f.Seek(s.marks[at], io.SeekStart); err != nil {
		return err
	}
	position := s.first + at*batch
	return scanEntries(bufio.NewReaderSize(f, 1<<16), to-position, func(b []byte) error {
		position++
		if position <= from {
			return nil
		}
		return each(position-1, b)
	})
}

// A writer puts entries on a copy of a shelf. What it wrote is not there for
// the shelf that it came from. It cuts nothing off: what lies behind may be
// another process's, and the same entries.
type writer struct {
	*shelf
	f *os.File
	w *bufio.Writer
}

func (s *shelf) extend() (*writer, error) {
	f, err := os.OpenFile(s.file, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(s.size, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	c := *s
	c.marks = append([]int64(nil), s.marks...)
	return &writer{&c, f, bufio.NewWriterSize(f, 1<<16)}, nil
}

func (w *writer) add(entry []byte) error {
	w.put(len(entry))
	if err := w.w.WriteByte(byte(len(entry))); err != nil { // at most journal.MaxEntry
		return err
	}
	_, err := w.w.Write(entry)
	return err
}

// done returns the longer shelf when it is on disk.
func (w *writer) done() (*shelf, error) {
	return w.shelf, errors.Join(w.w.Flush(), w.f.Sync(), w.f.Close())
}
