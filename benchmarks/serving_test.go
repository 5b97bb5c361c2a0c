package benchmarks_test

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A serving is `zkconsent serve` as an operator runs it: a process of its own,
// over TLS.
type serving struct {
	site        *site
	c           setting
	grpc, admin string
	cmd         *exec.Cmd
	exited      chan struct{}
	said        bytes.Buffer
}

// A setting is what differs between the processes of a site.
type setting struct {
	name  string // of its files
	roles string // with commas between
	grpc  string // address; any that is free where it is empty
	nodes string // address of the ledger's node; that of the same process where it is empty
	dsn   string // of the verifier's PostgreSQL; SQLite where it is empty
}

// configuration is the file that the process reads. The rates of callers are set
// above what this machine can do: callers here are few, and what they are
// refused is not what is measured.
func (s *site) configuration(c setting) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, `roles: [%s]
listen: {grpc: %q, rest: "127.0.0.1:0", admin: "127.0.0.1:0"}
tls: {certFile: tls/server.pem, keyFile: tls/server.key, clientCAFile: tls/ca.pem}
telemetry: {logLevel: error}
registry: {home: node}
prover: {keys: %q, circuits: [%s, %s], genesis: insurer/genesis.zkc}
identity:
  rate: {perSecond: 1000000, burst: 1000000}
  anonymousRate: {perSecond: 1000000, burst: 1000000}
  certificates:
    - {uri: %q, roles: [insurer]}
`, c.roles, cmp.Or(c.grpc, "127.0.0.1:0"), s.folder, s.keys.Manifest.Entries[0].Circuit, s.keys.Manifest.Entries[1].Circuit, insurerURI)
	for i := range s.patients {
		fmt.Fprintf(b, "    - {uri: \"https://%s.example\", roles: [patient]}\n", patientName(i))
	}
	fmt.Fprintf(b, "verifier:\n  home: insurer\n  keys: %q\n  policies: policies\n", s.folder)
	if c.nodes != "" {
		fmt.Fprintf(b, "  nodes: [\"https://%s\"]\n  nodesCAFile: tls/ca.pem\n", c.nodes)
	}
	if c.dsn != "" {
		s.write("dsn", []byte(c.dsn+"\n"))
		fmt.Fprintf(b, "  store: {dsnFile: dsn}\n")
	}
	return b.String()
}

// serve starts a process and returns when it is ready.
func (s *site) serve(program string, c setting) *serving {
	s.t.Helper()
	p := &serving{site: s, c: c}
	s.write(c.name+".yaml", []byte(s.configuration(c)))
	p.start(program)
	// The context of the test ends before this: a process that is still there
	// then is killed, and what it says of that is nothing.
	s.t.Cleanup(func() { <-p.exited })
	return p
}

// start starts the process, or starts it again.
func (p *serving) start(program string) {
	t := p.site.t
	t.Helper()
	ready := filepath.Join(p.site.dir, p.c.name+".ready")
	if err := os.Remove(ready); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	p.said.Reset()
	cmd, exited := exec.CommandContext(t.Context(), program, "serve", "--config", filepath.Join(p.site.dir, p.c.name+".yaml"), "--ready-file", ready), make(chan struct{})
	cmd.Stderr, cmd.WaitDelay = &p.said, 10*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.cmd, p.exited = cmd, exited
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if b, err := os.ReadFile(ready); err == nil {
			lines := strings.Split(string(b), "\n")
			p.grpc, p.admin = lines[0], lines[2]
			return
		}
		select {
		case <-exited:
			t.Fatalf("the process ended:\n%s", p.said.String())
		default:
		}
	}
	t.Fatal("the process was not ready in two minutes")
}

// kill ends the process as a power cut would.
func (p *serving) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// stop tells the process to end and waits for that.
func (p *serving) stop() {
	t := p.site.t
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("the process ended with status %d:\n%s", code, p.said.String())
		}
	case <-time.After(time.Minute):
		p.kill()
		t.Error("the process did not stop when it was told to")
	}
}

// metrics are what the process tells its operator, by name and labels.
type metrics map[string]float64

// scrape reads the metrics once.
func (p *serving) scrape() (metrics, error) {
	c := http.Client{Timeout: 30 * time.Second}
	defer c.CloseIdleConnections()
	r, err := c.Get("http://" + p.admin + "/metrics")
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	m := metrics{}
	lines := bufio.NewScanner(io.LimitReader(r.Body, 4<<20))
	for lines.Scan() {
		name, value, ok := cutLast(lines.Text())
		if n, err := strconv.ParseFloat(value, 64); ok && err == nil && !strings.HasPrefix(name, "#") {
			m[name] = n
		}
	}
	return m, lines.Err()
}

func cutLast(line string) (name, value string, ok bool) {
	at := strings.LastIndexByte(line, ' ')
	if at < 0 {
		return line, "", false
	}
	return line[:at], line[at+1:], true
}

// A look is the process at one moment.
type look struct {
	at                                            time.Duration // since the first
	memory, heap, goroutines, files, waiting, cpu float64
}

// lookEvery looks at the process until stop is closed.
func (p *serving) lookEvery(every time.Duration, stop <-chan struct{}) (out []look, err error) {
	begun := time.Now()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		m, err := p.scrape()
		if err != nil {
			return out, err
		}
		out = append(out, look{
			at: time.Since(begun), memory: m["process_resident_memory_bytes"] / (1 << 20), heap: m["go_memstats_heap_inuse_bytes"] / (1 << 20),
			goroutines: m["go_goroutines"], files: m["process_open_fds"], waiting: m["zkconsent_prover_waiting"], cpu: m["process_cpu_seconds_total"],
		})
		select {
		case <-stop:
			return out, nil
		case <-tick.C:
		}
	}
}
