package benchmarks_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
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
// in every role, over TLS.
type serving struct {
	grpc, admin string
	cmd         *exec.Cmd
	exited      chan struct{}
	said        bytes.Buffer
}

// configuration is the file that the process reads. The rates of callers are set
// above what this machine can do: callers here are few, and what they are
// refused is not what is measured.
func (s *site) configuration(patients int, dsnFile string) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, `roles: [registry, prover, verifier]
listen: {grpc: "127.0.0.1:0", rest: "127.0.0.1:0", admin: "127.0.0.1:0"}
tls: {certFile: tls/server.pem, keyFile: tls/server.key, clientCAFile: tls/ca.pem}
registry: {home: node}
prover: {keys: %q, circuits: [%s, %s]}
telemetry: {logLevel: warn}
identity:
  rate: {perSecond: 1000000, burst: 1000000}
  anonymousRate: {perSecond: 1000000, burst: 1000000}
  certificates:
    - {uri: %q, roles: [insurer]}
`, s.folder, s.keys.Manifest.Entries[0].Circuit, s.keys.Manifest.Entries[1].Circuit, insurerURI)
	for i := range patients {
		fmt.Fprintf(b, "    - {uri: \"https://%s.example\", roles: [patient]}\n", patientName(i))
	}
	fmt.Fprintf(b, "verifier:\n  home: insurer\n  keys: %q\n  policies: policies\n", s.folder)
	if dsnFile != "" {
		fmt.Fprintf(b, "  store: {dsnFile: %q}\n", dsnFile)
	}
	return b.String()
}

// serve starts the process and returns when it is ready.
func (s *site) serve(program string, patients int, dsn string) {
	s.t.Helper()
	dsnFile := ""
	if dsn != "" {
		dsnFile = "dsn"
		s.write(dsnFile, []byte(dsn+"\n"))
	}
	s.write("site.yaml", []byte(s.configuration(patients, dsnFile)))
	ready := filepath.Join(s.dir, "ready")
	p := &serving{exited: make(chan struct{})}
	p.cmd = exec.CommandContext(s.t.Context(), program, "serve", "--config", filepath.Join(s.dir, "site.yaml"), "--ready-file", ready)
	p.cmd.Stderr, p.cmd.WaitDelay = &p.said, 10*time.Second
	s.must(p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	s.serving = p
	// The context of the test ends before this: a process that is still there
	// then is killed, and what it says of that is nothing.
	s.t.Cleanup(func() { <-p.exited })
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if b, err := os.ReadFile(ready); err == nil {
			lines := strings.Split(string(b), "\n")
			p.grpc, p.admin = lines[0], lines[2]
			return
		}
		select {
		case <-p.exited:
			s.t.Fatalf("the process ended:\n%s", p.said.String())
		default:
		}
	}
	s.t.Fatal("the process was not ready in two minutes")
}

// stop tells the process to end and waits for that.
func (s *site) stop() {
	s.t.Helper()
	p := s.serving
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			s.t.Errorf("the process ended with status %d:\n%s", code, p.said.String())
		}
	case <-time.After(time.Minute):
		_ = p.cmd.Process.Kill()
		s.t.Error("the process did not stop when it was told to")
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
