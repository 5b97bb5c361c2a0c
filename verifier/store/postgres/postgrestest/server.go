package postgrestest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience bounds every wait for a server. It is long for busy machines.
const patience = time.Minute

// watch waits until its standard input ends, which is when the test binary has
// closed it or is gone, stops the server in the folder and removes it.
const watch = `trap '' INT HUP TERM
cat >/dev/null
f=$1/data/postmaster.pid
p=$(head -n 1 "$f" 2>/dev/null)
n=0
while [ -e "$f" ] && kill -QUIT "$p" 2>/dev/null && [ "$n" -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
rm -rf "$1"`

// A Server is a running PostgreSQL. Its methods are for one goroutine.
type Server struct {
	programs, dir string
	owner         owner
	settings      []string
	process       *exec.Cmd
	watcher       *exec.Cmd
	alive         *os.File // the watcher's input
	made          int      // databases
}

// shared is the server of the test binary.
var shared struct {
	sync.Mutex
	server *Server
}

// Database makes an empty database on the server of this test binary, which it
// starts if need be, and returns its connection string. The database goes when
// the test ends.
func Database(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		shared.server = start(t, nil)
	}
	return shared.server.Database(t)
}

// Start starts a server for this test alone, with settings such as
// "max_connections=10" beside those of all.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := start(t, settings)
	t.Cleanup(func() {
		if s.process != nil {
			s.Kill(t)
		}
		s.alive.Close()
		s.watcher.Wait()
	})
	return s
}

func start(t testing.TB, settings []string) *Server {
	t.Helper()
	s := &Server{programs: programs(t), owner: ownerOf(t), settings: settings}
	var err error
	// The name of a socket has at most 107 bytes, and the folders above it must
	// be open to the server's owner: the system's own folder is, others may not be.
	if s.dir, err = os.MkdirTemp("/tmp", "zkc-pg-"); err != nil {
		t.Fatal(err)
	}
	if err := s.owner.give(s.dir); err != nil {
		os.RemoveAll(s.dir)
		t.Fatal(err)
	}
	input, alive, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.alive = alive
	s.watcher = s.owner.as(exec.Command("sh", "-c", watch, "sh", s.dir))
	s.watcher.Stdin, s.watcher.Dir = input, "/"
	if err := s.watcher.Start(); err != nil {
		os.RemoveAll(s.dir)
		t.Fatal(err)
	}
	input.Close()
	// The server is its owner's only: its socket lies in a folder of mode 0700.
	initdb := s.owner.as(exec.Command(filepath.Join(s.programs, "initdb"), "-D", s.data(), "-U", "postgres", "-A", "trust",
		"-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions"))
	initdb.Dir = s.dir
	if said, err := initdb.CombinedOutput(); err != nil {
		s.alive.Close()
		t.Fatalf("initdb: %v\n%s", err, said)
	}
	s.Begin(t)
	return s
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Begin starts the server again after Stop or Kill, and returns when it answers.
func (s *Server) Begin(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	args := []string{"-D", s.data(), "-p", "5432", "-k", s.dir, "-h", "", "-c", "shared_buffers=16MB", "-c", "max_connections=60", "-c", "autovacuum=off"}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		s.process = s.owner.as(exec.Command(filepath.Join(s.programs, "postgres"), args...))
		s.process.Dir, s.process.Stdout, s.process.Stderr = s.dir, log, log
		if err := s.process.Start(); err != nil {
			t.Fatal(err)
		}
		if s.answers(end) {
			return
		}
		// It may have ended because what is left of a killed one is still there.
		kill(s.process.Process.Pid)
		s.process.Wait()
		if time.Now().After(end) {
			said, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			t.Fatalf("PostgreSQL does not start:\n%s", said[max(0, len(said)-4000):])
		}
	}
}

// answers waits until the server answers, and tells that it has ended or that
// the time is over.
func (s *Server) answers(end time.Time) bool {
	for begun := time.Now(); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if s.execute("postgres", "SELECT 1") == nil {
			return true
		}
		// It has this file for as long as it runs, and soon after it started.
		if _, err := os.Stat(filepath.Join(s.data(), "postmaster.pid")); os.IsNotExist(err) && time.Since(begun) > 2*time.Second {
			return false
		}
	}
	return false
}

// Stop stops the server as its operator would.
func (s *Server) Stop(t testing.TB) { s.end(t, func() { s.process.Process.Signal(fast) }) }

// Kill ends all processes of the server at once, as a power cut would.
func (s *Server) Kill(t testing.TB) {
	s.end(t, func() {
		all := children(s.process.Process.Pid)
		kill(s.process.Process.Pid)
		for _, pid := range all {
			kill(pid)
		}
	})
}

func (s *Server) end(t testing.TB, how func()) {
	t.Helper()
	how()
	timer := time.AfterFunc(patience, func() { s.process.Process.Kill() })
	s.process.Wait()
	timer.Stop()
	s.process = nil
}

// Socket is the file on which the server listens.
func (s *Server) Socket() string { return filepath.Join(s.dir, ".s.PGSQL.5432") }

// DSN is the connection string of one of the server's databases.
func (s *Server) DSN(database string) string {
	return fmt.Sprintf("host=%s port=5432 user=postgres dbname=%s", s.dir, database)
}

// Database makes an empty database and returns its connection string. It goes
// when the test ends.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	s.made++
	name := fmt.Sprintf("test%d", s.made)
	if err := s.execute("postgres", "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.execute("postgres", "DROP DATABASE "+name+" WITH (FORCE)") })
	return s.DSN(name)
}

func (s *Server) execute(database, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return Execute(ctx, s.DSN(database), statement)
}

// Execute runs one statement in a database, past any store.
func Execute(ctx context.Context, dsn, statement string) error {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, statement)
	return err
}
