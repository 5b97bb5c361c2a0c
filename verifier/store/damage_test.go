package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store/row"
)

func TestRefusesForeignAndNewerFiles(t *testing.T) {
	ctx := context.Background()
	for name, statement := range map[string]string{
		"another program's tables": "CREATE TABLE t (x)",
		"another program's id":     "PRAGMA application_id = 1",
		"a newer schema":           fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, 99),
	} {
		path := filepath.Join(t.TempDir(), "v.db")
		db, err := connect(path, 1, defaultBytes)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		db.Close()
		if _, err := Open(ctx, path, nil); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "v.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("not a database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, path, nil); !errors.Is(err, verifier.ErrStoreDamaged) {
		t.Errorf("a text file: %v", err)
	}
}

// firstSchema is what the first released version wrote.
const firstSchema = `
CREATE TABLE requests (id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16), expires INTEGER NOT NULL CHECK (expires >= 0),
	signed BLOB NOT NULL CHECK (length(signed) BETWEEN 1 AND 1050000), sum BLOB NOT NULL CHECK (length(sum) = 32)) STRICT;
CREATE INDEX requests_expires ON requests (expires);
CREATE TABLE spent (scope BLOB NOT NULL CHECK (length(scope) = 32), nullifier BLOB NOT NULL CHECK (length(nullifier) = 32),
	sum BLOB NOT NULL CHECK (length(sum) = 32), PRIMARY KEY (scope, nullifier)) STRICT, WITHOUT ROWID;
CREATE TABLE answers (request BLOB NOT NULL PRIMARY KEY REFERENCES requests (id), digest BLOB NOT NULL CHECK (length(digest) = 32),
	rule TEXT NOT NULL CHECK (rule IN ('once', 'pseudonym', 'none')), scope BLOB NOT NULL CHECK (length(scope) = 32),
	nullifier BLOB NOT NULL CHECK (length(nullifier) = 32), watch BLOB NOT NULL CHECK (length(watch) = 32),
	until INTEGER NOT NULL CHECK (until >= 0), recorded BLOB NOT NULL CHECK (length(recorded) = 32),
	sum BLOB NOT NULL CHECK (length(sum) = 32), record BLOB NOT NULL CHECK (length(record) >= 1)) STRICT;
CREATE INDEX answers_until ON answers (until);
PRAGMA application_id = 1514881878;
PRAGMA user_version = 1;`

func TestOpensFilesOfOlderVersions(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "v.db")
	db, err := connect(path, 1, defaultBytes)
	if err != nil {
		t.Fatal(err)
	}
	r := asked(1)
	if _, err := db.Exec(firstSchema); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO requests VALUES (?, ?, ?, ?)", row.RequestValues(&r)...); err != nil {
		t.Fatal(err)
	}
	db.Close()
	s := open(t, path, nil)
	if got, err := s.Request(ctx, id(1)); err != nil || !bytes.Equal(got.Signed, r.Signed) {
		t.Fatalf("%v, %v", got, err)
	}
	if err := s.Accept(ctx, answer(1, consent.Once, 5)); err != nil {
		t.Fatal(err)
	}
	if n, _, _, err := s.CountScope(ctx, field.Uint(7), 0); err != nil || n != 1 {
		t.Fatalf("%d answers, %v", n, err)
	}
}

func TestManyOpenANewFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s, err := Open(context.Background(), path, nil)
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	all.Wait()
}

func TestFullDiskIsAnErrorAndNoAnswer(t *testing.T) {
	ctx, s := context.Background(), open(t, filepath.Join(t.TempDir(), "v.db"), &Options{MaxBytes: 64 * pageSize})
	add(t, s, 1, 2)
	big := answer(1, consent.Once, 5)
	big.Record = make([]byte, 65*pageSize)
	if err := s.Accept(ctx, big); !errors.Is(err, verifier.ErrStoreFull) {
		t.Fatalf("a record larger than the disk: %v", err)
	}
	if _, err := s.Answer(ctx, id(1)); !errors.Is(err, verifier.ErrNotFound) {
		t.Errorf("half an answer is left: %v", err)
	}
	if spent, err := s.Spent(ctx, big.Scope, big.Nullifier); err != nil || spent {
		t.Errorf("its nullifier is left: %v, %v", spent, err)
	}
	if err := s.Accept(ctx, answer(1, consent.Once, 5)); err != nil {
		t.Errorf("after room was made: %v", err)
	}
}

// A power cut may lose the end of the write-ahead log at any byte: what is
// left must be the file after one of its transactions.
func TestTornLogLeavesWholeTransactions(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := open(t, filepath.Join(dir, "v.db"), nil)
	const n = 4
	for i := uint64(1); i <= n; i++ {
		add(t, s, i)
		if err := s.Accept(ctx, answer(i, consent.Once, i)); err != nil {
			t.Fatal(err)
		}
	}
	main, err := os.ReadFile(filepath.Join(dir, "v.db"))
	if err != nil {
		t.Fatal(err)
	}
	wal, err := os.ReadFile(filepath.Join(dir, "v.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for cut := len(wal); cut > 0; cut -= 1361 {
		copied := filepath.Join(t.TempDir(), "v.db")
		if err := errors.Join(os.WriteFile(copied, main, 0o600), os.WriteFile(copied+"-wal", wal[:cut], 0o600)); err != nil {
			t.Fatal(err)
		}
		c, err := Open(ctx, copied, nil)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if err := c.Check(ctx); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		answers := 0
		for i := uint64(1); i <= n; i++ {
			_, err := c.Answer(ctx, id(i))
			spent, errSpent := c.Spent(ctx, field.Uint(7), field.Uint(i))
			if errSpent != nil || err != nil && !errors.Is(err, verifier.ErrNotFound) || spent != (err == nil) {
				t.Fatalf("cut at %d, answer %d: %v; spent %v, %v", cut, i, err, spent, errSpent)
			}
			if err == nil {
				answers++
			}
		}
		seen[answers] = true
		c.Close()
	}
	if !seen[0] || !seen[n] || len(seen) < 3 {
		t.Fatalf("the cuts hit too few states: %v", seen)
	}
}

const childFile = "ZKCONSENT_STORE_TEST_FILE"

// TestMain is the child process of TestAcknowledgedAnswersSurviveKill when it
// is told a file: it accepts until it is killed.
func TestMain(m *testing.M) {
	path := os.Getenv(childFile)
	if path == "" {
		os.Exit(m.Run())
	}
	ctx := context.Background()
	s, err := Open(ctx, path, nil)
	for i := uint64(1); err == nil; i++ {
		if err = s.AddRequest(ctx, asked(i)); err == nil {
			if err = s.Accept(ctx, answer(i, consent.Once, i)); err == nil {
				fmt.Println(i)
			}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestAcknowledgedAnswersSurviveKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childFile+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var last uint64
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
			t.Fatal(err)
		}
		if last == 25 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	child.Wait()
	if last < 25 {
		t.Fatalf("the child stopped by itself after %d", last)
	}
	ctx, s := context.Background(), open(t, path, nil)
	for i := uint64(1); i <= last; i++ {
		if _, err := s.Answer(ctx, id(i)); err != nil {
			t.Errorf("answer %d of %d that were acknowledged: %v", i, last, err)
		}
		if err := s.Accept(ctx, answer(i, consent.Once, i)); !errors.Is(err, verifier.ErrAnswered) {
			t.Errorf("answer %d again: %v", i, err)
		}
	}
}
