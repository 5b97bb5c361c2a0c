package server_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/internal/server"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// full tells whether `make test-services` runs, at full length.
func full() bool { return os.Getenv("ZKCONSENT_SERVICES") != "" }

// size is how much of a fault there is, in the short run and at full length.
func size(short, long int) int {
	if full() {
		return long
	}
	return short
}

// A siege is a server under attack, beside which others go on calling.
type siege struct {
	t          *testing.T
	x          *served
	peak       atomic.Uint64 // bytes of the heap, at most
	goroutines int
	stop       chan struct{}
	watched    sync.WaitGroup
}

// memoryBound is how far the heap may grow under any of these attacks. The
// clients of the test are in it.
const memoryBound = 512 << 20

func newSiege(t *testing.T, c server.Config) *siege {
	t.Helper()
	if c.Services == nil {
		c.Services = (&failing{}).services()
	}
	s := &siege{t: t, x: serveConfig(t, c), stop: make(chan struct{})}
	s.asks() // the machine is warm
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	s.goroutines = runtime.NumGoroutine()
	before := heap()
	s.watched.Go(func() {
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if grown := m.HeapAlloc - min(m.HeapAlloc, before); grown > s.peak.Load() {
				s.peak.Store(grown)
			}
			select {
			case <-s.stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return s
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// asks makes a call by each way over new connections, and returns how long it
// took.
func (s *siege) asks() time.Duration {
	s.t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := grpc.NewClient(s.x.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := zkconsentv1.NewRegistryServiceClient(conn).Submit(ctx, &zkconsentv1.SubmitRequest{Transaction: []byte("x")}, grpc.WaitForReady(true)); err != nil {
		s.t.Errorf("gRPC for others: %v", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.x.RESTAddr()+"/v1/transactions", bytes.NewReader([]byte("{}")))
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := client.Do(q)
	if err != nil {
		s.t.Errorf("REST for others: %v", err)
		return time.Since(began)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		s.t.Errorf("REST for others: %s", r.Status)
	}
	return time.Since(began)
}

// over is called when the attack has ended. The server serves at once, and has
// forgotten it.
func (s *siege) over(fault string, injected int, counts ...faulttest.Count) {
	s.t.Helper()
	took := s.asks()
	if bound := time.Duration(size(60, 5)) * time.Second; took > bound {
		s.t.Errorf("it served again after %v, within %v is wanted", took, bound)
	}
	close(s.stop)
	s.watched.Wait()
	if peak := s.peak.Load(); peak > memoryBound {
		s.t.Errorf("the heap grew by %d MiB", peak>>20)
	}
	eventually(s.t, "goroutines are left over", func() bool { return runtime.NumGoroutine() <= s.goroutines+8 })
	faulttest.Row(s.t, fault, injected, append(counts, faulttest.Count{Outcome: "MiB of heap at most", N: int(s.peak.Load() >> 20)},
		faulttest.Count{Outcome: "ms until others were served", N: int(took.Milliseconds())})...)
}

// dialTCP opens a connection.
func (s *siege) dialTCP(address string) net.Conn {
	s.t.Helper()
	c, err := net.DialTimeout("tcp", address, 30*time.Second)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// A frames is a client that speaks HTTP/2 by hand.
type frames struct {
	conn   net.Conn
	framer *http2.Framer
	reset  atomic.Int64 // streams that the server ended
	ended  chan struct{}

	mu sync.Mutex // of the framer's writes
}

// speak begins HTTP/2 on a connection and answers what has to be.
func speak(t testing.TB, conn net.Conn) *frames {
	t.Helper()
	f := &frames{conn: conn, framer: http2.NewFramer(conn, conn), ended: make(chan struct{})}
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	if err := f.framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(f.ended)
		for {
			frame, err := f.framer.ReadFrame()
			if err != nil {
				return
			}
			f.mu.Lock()
			switch frame := frame.(type) {
			case *http2.SettingsFrame:
				if !frame.IsAck() {
					err = f.framer.WriteSettingsAck()
				}
			case *http2.PingFrame:
				if !frame.IsAck() {
					err = f.framer.WritePing(true, frame.Data)
				}
			case *http2.RSTStreamFrame:
				f.reset.Add(1)
			}
			f.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return f
}

// open begins a call of a method on a stream.
func (f *frames) open(stream uint32, method string) error {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, h := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", method}, {":authority", "localhost"}, {"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		if err := e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true})
}

// send writes bytes of a stream's body.
func (f *frames) send(stream uint32, b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.framer.WriteData(stream, false, b)
}

// finish ends a stream's body.
func (f *frames) finish(stream uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.framer.WriteData(stream, true, nil)
}

// cancel resets a stream.
func (f *frames) cancel(stream uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.framer.WriteRSTStream(stream, http2.ErrCodeCancel)
}

func (f *frames) close() {
	_ = f.conn.Close()
	<-f.ended
}
