package postgrestest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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

// A Server is a running PostgreSQL. Its methods, but for Database and DSN, are
// for one goroutine.
type Server struct {
	programs, dir string
	owner         owner
	settings      []string
	process       *exec.Cmd
	watcher       *exec.Cmd
	alive         *os.File // the watcher's input
	made          int      // databases
	free          []string // those that no test uses
}

// shared is the server of the test binary; its lock guards the lists of
// databases of all.
var shared struct {
	sync.Mutex
	server *Server
}

// Shared is the server of this test binary, started if need be.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		shared.server = start(t, nil)
	}
	return shared.server
}

// Database is an empty database on the shared server: see [Server.Database].
func Database(t testing.TB) string {
	t.Helper()
	return Shared(t).Database(t)
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
		s.alive.Close() // the watcher takes the folder away in its own time
	})
	return s
}

func start(t testing.TB, settings []string) *Server {
	t.Helper()
	s := &Server{programs: programs(t), owner: ownerOf(t), settings: settings}
	var err error
	// The name of a socket has at most 107 bytes, and the folders above it must
	// be open to the server's owner: the system's own folder is, others may not be.
	if s.dir, err = os.MkdirTemp(folder(), "zkc-pg-"); err != nil {
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
	args := []string{"-D", s.data(), "-p", "5432", "-k", s.dir, "-h", "", "-c", "shared_buffers=16MB", "-c", "max_connections=60", "-c", "autovacuum=off", "-c", "max_wal_size=64MB"}
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
		// Soon after it started, and for as long as it runs, its number is here.
		held, _ := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
		if number, _, _ := strings.Cut(string(held), "\n"); number != strconv.Itoa(s.process.Process.Pid) && time.Since(begun) > 5*time.Second {
			return false
		}
	}
	return false
}

// Stop stops the server as its operator would.
func (s *Server) Stop(t testing.TB) { s.end(t, func() { s.process.Process.Signal(fast) }) }

// Kill ends all processes of the server at once, as a power cut would.
func (s *Server) Kill(t testing.TB) {
	s.end(t, func() { killAll(s.process.Process.Pid) })
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

// empty leaves a database as it was made, which is quicker than making another.
const empty = `DO $$ DECLARE name text; BEGIN
	PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
	EXECUTE format('ALTER DATABASE %I RESET ALL', current_database());
	FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
		EXECUTE format('DROP SCHEMA %I CASCADE', name);
	END LOOP;
	CREATE SCHEMA public;
END $$`

// Database returns the connection string of an empty database. It is emptied
// for another test when this one ends.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	var name string
	if n := len(s.free); n > 0 {
		name, s.free = s.free[n-1], s.free[:n-1]
	} else {
		s.made++
		name = fmt.Sprintf("test%d", s.made)
		if err := s.execute("postgres", "CREATE DATABASE "+name); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		shared.Lock()
		defer shared.Unlock()
		if s.process != nil && s.execute(name, empty) == nil {
			s.free = append(s.free, name)
		}
	})
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
