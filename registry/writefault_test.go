package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/registry"
)

// A sabotage breaks the store's file system at one of its writing operations:
// writes, syncs, creations, links, renames, removals, directory syncs.
type sabotage struct {
	name string
	err  error
	stay bool // every writing operation from there on fails as well
	torn bool // half of what was to be written is written
	cut  bool // power is cut: nothing fails, and what was not synced is lost
}

var sabotages = []sabotage{
	{name: "disk full once", err: syscall.ENOSPC},
	{name: "disk full from then on", err: syscall.ENOSPC, stay: true},
	{name: "input/output error once", err: syscall.EIO},
	{name: "input/output error from then on", err: syscall.EIO, stay: true},
	{name: "short write", err: io.ErrShortWrite, torn: true},
	{name: "short write, then a full disk", err: syscall.ENOSPC, torn: true, stay: true},
	{name: "power cut, what was not synced is lost", cut: true},
}

// A saboteur counts writing operations and strikes at one of them.
type saboteur struct {
	sabotage
	at int // the operation; negative for none

	mu       sync.Mutex
	n        int
	kinds    map[string]int    // of operations, by the kind of file
	onStrike func(what string) // called before the operation that fails
}

func (s *saboteur) String() string { return s.name }

// MaybeError hears of each operation before it is done.
func (s *saboteur) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead || op.Kind == errorfs.OpFileClose || op.Kind == errorfs.OpLock {
		return nil // a close that fails loses nothing that was synced, and leaves the lock
	}
	if s.torn && op.Kind == errorfs.OpFileWrite {
		return nil // tornFile's
	}
	return s.strike(fmt.Sprintf("%s of %s", operations[op.Kind], fileKind(op.Path)))
}

func (s *saboteur) strike(what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.n
	s.n++
	if s.kinds != nil {
		s.kinds[what]++
	}
	switch {
	case s.at < 0 || n < s.at || n > s.at && !s.stay:
		return nil
	case n == s.at:
		s.onStrike(what)
	}
	if s.cut {
		return nil
	}
	return fmt.Errorf("%s: %w", what, s.err)
}

var operations = map[errorfs.OpKind]string{
	errorfs.OpCreate: "creation", errorfs.OpLink: "link", errorfs.OpRemove: "removal", errorfs.OpRemoveAll: "removal", errorfs.OpRename: "rename",
	errorfs.OpReuseForWrite: "reuse", errorfs.OpMkdirAll: "making", errorfs.OpFilePreallocate: "preallocation", errorfs.OpFileWrite: "write",
	errorfs.OpFileWriteAt: "write", errorfs.OpFileSync: "sync", errorfs.OpFileSyncData: "sync", errorfs.OpFileSyncTo: "sync", errorfs.OpFileFlush: "flush",
}

func fileKind(name string) string {
	name = path.Base(name)
	switch {
	case strings.HasPrefix(name, "MANIFEST"):
		return "manifest"
	case strings.HasPrefix(name, "OPTIONS"):
		return "options"
	case strings.HasPrefix(name, "marker"):
		return "marker"
	case strings.HasSuffix(name, ".log"):
		return "log"
	case strings.HasSuffix(name, ".sst"):
		return "table"
	case name == "state" || name == "." || name == "/":
		return "directory"
	}
	return "other"
}

// tornFS is the file system whose files write short.
type tornFS struct {
	vfs.FS
	s *saboteur
}

func (t tornFS) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil || !t.s.torn {
		return f, err
	}
	return &tornFile{f, name, t.s}, nil
}

func (t tornFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := t.FS.Create(name, c)
	return t.wrap(name, f, err)
}

func (t tornFS) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := t.FS.ReuseForWrite(old, name, c)
	return t.wrap(name, f, err)
}

func (t tornFS) Unwrap() vfs.FS { return t.FS }

type tornFile struct {
	vfs.File
	name string
	s    *saboteur
}

func (f *tornFile) Write(p []byte) (int, error) {
	if err := f.s.strike("write of " + fileKind(f.name)); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

// A history is the blocks of a ledger and the AppHash after each.
type history struct {
	blocks []registry.Block
	hashes [][32]byte // by height
}

func newHistory(t *testing.T, blocks int) history {
	c := newChain(t)
	rnd := rand.New(rand.NewPCG(7, 7)) // the same blocks always: what varies is where they break off
	h := history{hashes: [][32]byte{c.hash}}
	for range blocks {
		b := randomBlock(c, rnd)
		c.apply(b)
		h.blocks, h.hashes = append(h.blocks, b), append(h.hashes, c.hash)
	}
	return h
}

// reopenEvery is after how many blocks the state is closed and opened again,
// which moves its log into tables and writes a new manifest.
const reopenEvery = 3

// play opens a state and feeds it blocks from where it stands to the last. It
// stops at the first error, calls done after each Commit that returned, and
// holds what the state shows against the history after each step.
func (h history) play(fs vfs.FS, done func(height uint64)) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	for {
		at, err := h.session(fs, done)
		if err != nil || at == len(h.blocks) {
			return err
		}
	}
}

var (
	errPanic = errors.New("panic")
	errWrong = errors.New("the state shows what it must not")
)

func (h history) session(fs vfs.FS, done func(height uint64)) (at int, err error) {
	s, err := registry.Open("state", &registry.Options{FS: fs})
	if err != nil {
		return 0, err
	}
	defer s.Close()
	v, err := s.View()
	switch {
	case errors.Is(err, registry.ErrNoGenesis):
		if _, err := s.InitGenesis(testGenesis().Encode()); err != nil {
			return 0, h.after(s, 0, err)
		}
		done(0)
	case err != nil:
		return 0, err
	default:
		at = int(v.Height)
	}
	for range reopenEvery {
		if at == len(h.blocks) {
			break
		}
		out, err := s.Apply(h.blocks[at])
		if err == nil && out.AppHash != h.hashes[at+1] {
			return at, fmt.Errorf("%w: block %d has another AppHash", errWrong, at+1)
		}
		if err == nil {
			err = s.Commit()
		}
		if err != nil {
			return at, h.after(s, at, err)
		}
		at++
		done(uint64(at))
		if err := h.shows(s, at); err != nil {
			return at, err
		}
	}
	return at, s.Close()
}

// after looks at a state that has just failed: it shows the block before or
// nothing, says by its error that it is done, and takes no further block.
func (h history) after(s *registry.State, at int, cause error) error {
	var damage *registry.DamageError
	if !errors.Is(cause, registry.ErrBroken) && !errors.As(cause, &damage) {
		return fmt.Errorf("%w: a failure that has no name: %w", errWrong, cause)
	}
	if _, err := s.View(); err == nil {
		if err := h.shows(s, at); err != nil {
			return err
		}
	}
	if at < len(h.blocks) {
		if _, err := s.Apply(h.blocks[at]); err == nil {
			if err := s.Commit(); err == nil {
				return fmt.Errorf("%w: a block was committed after %w", errWrong, cause)
			}
		}
	}
	return cause
}

// shows holds the state's view against the history.
func (h history) shows(s *registry.State, at int) error {
	v, err := s.View()
	if err != nil {
		return err
	}
	if v.Height != uint64(at) || v.State.Digest() != h.hashes[at] {
		return fmt.Errorf("%w: at block %d it shows block %d", errWrong, at, v.Height)
	}
	return nil
}

// TestFault_WriteErrors lets each writing operation of a workload in turn fail
// in each way. The state refuses, or goes on as if nothing had been, or the
// store ends the process, as it does when it cannot write its manifest. What a
// power cut then leaves, opened again, is a block of the same history, no older
// than the last that was acknowledged; it checks clean, and goes on to the
// history's end.
func TestFault_WriteErrors(t *testing.T) {
	blocks := faulttest.Rounds(7, 12, 12)
	count := &saboteur{at: -1, kinds: map[string]int{}}
	mem := vfs.NewCrashableMem()
	if err := newHistory(t, blocks).play(errorfs.Wrap(tornFS{mem, count}, count), func(uint64) {}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d writing operations: %v", count.n, count.kinds)
	every := faulttest.Rounds(17, 3, 1)
	for which, how := range sabotages {
		t.Run(how.name, func(t *testing.T) {
			n := map[string]int{}
			for at := which % every; at < count.n; at += every {
				at = sabotageInChild(t, n, which, at, every, blocks)
			}
			injected := n["refused"] + n["went on"] + n["ended"]
			if injected == 0 {
				t.Error("nothing was broken: the test shows nothing")
			}
			faulttest.Row(t, "store: "+how.name, injected, faulttest.Count{Outcome: "refused", N: n["refused"]}, faulttest.Count{Outcome: "process ended", N: n["ended"]},
				faulttest.Count{Outcome: "went on", N: n["went on"]}, faulttest.Count{Outcome: "recovered", N: injected - n["wrong"]}, faulttest.Count{Outcome: "wrong roots or lost blocks", N: n["wrong"]})
		})
	}
}

// sabotageVar tells a child which sabotage to try: its place in the list, the
// first operation, how many to leave out, and the length of the history.
const sabotageVar = "ZKCONSENT_TEST_SABOTAGE"

// storePanic is how the store ends the process: from a goroutine of its own,
// by the fatal errors of its log, or by a panic that is none of this program's.
var storePanic = regexp.MustCompile(`(?s)^panic: .*?goroutine \d+ \[running\]:\n(github.com/zkconsent/zkconsent/registry\.storeLogger\.Fatalf|github.com/cockroachdb/pebble/v2)`)

// sabotageInChild runs a child until it has tried all operations or a panic of
// the store has ended it, and returns the last operation that it tried.
func sabotageInChild(t *testing.T, n map[string]int, which, from, every, blocks int) (last int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild_WriteErrors$", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d %d %d", sabotageVar, which, from, every, blocks))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	last = from
	open, tried, what := false, false, ""
	for _, line := range strings.Split(string(out), "\n") {
		verb, rest, _ := strings.Cut(line, "|")
		switch verb {
		case "at":
			last, _ = strconv.Atoi(rest)
			tried = false
		case "struck":
			open, tried, what = true, true, rest
		case "refused", "went on":
			n[verb]++
			open = false
		case "wrong":
			n[verb]++
			t.Errorf("operation %d, %s: %s", last, what, rest)
		case "finished":
			return 1 << 30
		}
	}
	if !storePanic.MatchString(stderr.String()) {
		t.Fatalf("the child ended after operation %d, %s: %v\n%s", last, what, err, stderr.String())
	}
	if open {
		n["ended"]++
	}
	if !tried { // a goroutine of the store that the operation before had left behind
		last -= every
	}
	return last
}

func TestChild_WriteErrors(t *testing.T) {
	var which, from, every, blocks int
	if _, err := fmt.Sscan(os.Getenv(sabotageVar), &which, &from, &every, &blocks); err != nil {
		t.Skip("only as a child of TestFault_WriteErrors")
	}
	h := newHistory(t, blocks)
	for at := from; ; at += every {
		fmt.Printf("at|%d\n", at)
		switch struck, err := h.suffer(sabotages[which], at); {
		case struck == "": // beyond the last operation
			fmt.Println("finished|")
			return
		case errors.Is(err, errWrong) || errors.Is(err, errPanic):
			fmt.Printf("wrong|%q\nrefused|\n", err)
		case err != nil:
			fmt.Println("refused|")
		default:
			fmt.Println("went on|")
		}
	}
}

// suffer plays the history over a file system that breaks at one operation.
// The error is the state's own refusal, or what must not be.
func (h history) suffer(how sabotage, at int) (struck string, err error) {
	mem := vfs.NewCrashableMem()
	var acknowledged atomic.Int64
	acknowledged.Store(-1)
	s := &saboteur{sabotage: how, at: at}
	s.onStrike = func(what string) {
		// The process may end with this very operation.
		struck = what
		fmt.Printf("struck|%s\n", what)
		floor := acknowledged.Load()
		if wrong := h.resumes(mem.CrashClone(vfs.CrashCloneCfg{}), floor); wrong != nil {
			fmt.Printf("wrong|%q\n", wrong)
		}
	}
	refusal := h.play(errorfs.Wrap(tornFS{mem, s}, s), func(height uint64) { acknowledged.Store(int64(height)) })
	if errors.Is(refusal, errWrong) || errors.Is(refusal, errPanic) || struck == "" {
		return struck, refusal
	}
	if err := h.resumes(mem.CrashClone(vfs.CrashCloneCfg{}), acknowledged.Load()); err != nil {
		return struck, fmt.Errorf("%w: afterwards: %w", errWrong, err)
	}
	return struck, refusal
}

// resumes opens what a power cut left.
func (h history) resumes(fs *vfs.MemFS, floor int64) error {
	s, err := registry.Open("state", &registry.Options{FS: fs})
	if err != nil {
		return err
	}
	v, err := s.View()
	switch {
	case errors.Is(err, registry.ErrNoGenesis) && floor < 0:
	case err != nil:
		return errors.Join(err, s.Close())
	case int64(v.Height) < floor:
		return errors.Join(fmt.Errorf("block %d was acknowledged, the state stands at %d", floor, v.Height), s.Close())
	default:
		_, check := s.Check(context.Background(), nil)
		if err := errors.Join(check, h.shows(s, int(v.Height))); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	if err := s.Close(); err != nil {
		return err
	}
	return h.play(fs, func(uint64) {})
}
