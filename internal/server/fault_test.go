package server_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/internal/server"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const submit = "/zkconsent.v1.RegistryService/Submit"

// TestFault_OversizedBodies: messages, bodies and headers beyond their bounds,
// by many at once, with and without their length said before.
func TestFault_OversizedBodies(t *testing.T) {
	s := newSiege(t, server.Config{})
	rounds, workers := size(2, 40), 8
	large := make([]byte, 3*server.MaxMessage)
	body := []byte(`{"transaction":"` + strings.Repeat("AAAA", len(large)/4) + `"}`)
	var mu sync.Mutex
	refused, wrong := 0, 0
	note := func(what string, ok bool, said any) {
		mu.Lock()
		defer mu.Unlock()
		if refused++; !ok {
			refused, wrong = refused-1, wrong+1
			t.Errorf("%s: %v", what, said)
		}
	}
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			conn := s.x.plain(t)
			defer conn.Close()
			api := zkconsentv1.NewRegistryServiceClient(conn)
			client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
			defer client.CloseIdleConnections()
			for range rounds {
				_, err := api.Submit(short(t), &zkconsentv1.SubmitRequest{Transaction: large})
				note("gRPC", status.Code(err) == codes.ResourceExhausted, err)
				// A stream without a length, and one that says it.
				for name, b := range map[string]io.Reader{"chunked": io.MultiReader(bytes.NewReader(body)), "whole": bytes.NewReader(body)} {
					r, err := client.Post("http://"+s.x.RESTAddr()+"/v1/transactions", "application/json", b)
					if err != nil { // the server ends the connection while we write
						note("REST, "+name, errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || strings.Contains(err.Error(), "EOF"), err)
						continue
					}
					r.Body.Close()
					note("REST, "+name, r.StatusCode == http.StatusRequestEntityTooLarge || r.StatusCode == http.StatusTooManyRequests, r.Status)
				}
			}
		})
	}
	for range rounds {
		s.asks()
	}
	all.Wait()
	s.over("services: bodies of 3 to 4 MiB, 8 callers at once", refused+wrong, faulttest.Count{Outcome: "refused", N: refused}, faulttest.Count{Outcome: "taken", N: wrong})
}

// TestFault_SlowClients: callers who send a byte now and then, of headers, of
// bodies, of messages and of handshakes, keep nobody out and are cut off.
func TestFault_SlowClients(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the bounds on slow callers")
	}
	s := newSiege(t, server.Config{})
	each := size(20, 500)
	var conns []net.Conn
	var spoken []*frames
	for range each {
		headers, bodies, silent := s.dialTCP(s.x.RESTAddr()), s.dialTCP(s.x.RESTAddr()), s.dialTCP(s.x.GRPCAddr())
		fmt.Fprintf(headers, "POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
		fmt.Fprintf(bodies, "POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
		conns = append(conns, headers, bodies, silent)
	}
	for range max(each/50, 2) {
		f := speak(t, s.dialTCP(s.x.GRPCAddr()))
		spoken = append(spoken, f)
		for i := range uint32(50) {
			stream := 2*i + 1
			if err := f.open(stream, submit); err != nil {
				break
			}
			prefix := binary.BigEndian.AppendUint32([]byte{0}, server.MaxMessage-1)
			if err := f.send(stream, append(prefix, 'x')); err != nil {
				break
			}
		}
	}
	injected := len(conns) + 50*len(spoken)
	// They drip while others call.
	ends := time.Now().Add(time.Duration(size(6, 25)) * time.Second)
	for time.Now().Before(ends) {
		for _, c := range conns {
			_ = c.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = c.Write([]byte("x")) // to a connection that was cut off as well
		}
		s.asks()
		time.Sleep(500 * time.Millisecond)
	}
	cut := 0
	deadline := time.Now().Add(2 * time.Minute)
	for _, c := range conns {
		_ = c.SetReadDeadline(deadline)
		var timeout net.Error
		if _, err := io.Copy(io.Discard, c); err == nil || !errors.As(err, &timeout) || !timeout.Timeout() {
			cut++
		}
		c.Close()
	}
	if cut != len(conns) {
		t.Errorf("%d of %d connections were cut off", cut, len(conns))
	}
	// Of the streams each is ended, the connections may live on.
	for _, f := range spoken {
		eventually(t, "slow messages are waited for without end", func() bool {
			select {
			case <-f.ended:
				return true
			default:
				return f.reset.Load() >= 50
			}
		})
		cut += 50
		f.close()
	}
	s.over("services: slow headers, bodies, handshakes, messages", injected, faulttest.Count{Outcome: "cut off", N: cut})
}

// large answers with as much as a message may have.
type large struct{ failing }

func (l *large) GetDirectory(context.Context, *zkconsentv1.GetDirectoryRequest) (*zkconsentv1.GetDirectoryResponse, error) {
	return &zkconsentv1.GetDirectoryResponse{Directory: make([]byte, server.MaxMessage)}, nil
}

// TestFault_SlowReaders: callers who ask for much and take nothing of it. What
// waits for them is bounded in time and in number.
func TestFault_SlowReaders(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the bound on slow callers")
	}
	l := &large{}
	s := newSiege(t, server.Config{Services: []server.Service{{
		Register: func(g *grpc.Server) { zkconsentv1.RegisterRegistryServiceServer(g, l) },
		Gateway:  zkconsentv1.RegisterRegistryServiceHandler,
	}}})
	const each = 60
	const readers = 4
	var spoken []*frames
	for range readers {
		f := speak(t, s.dialTCP(s.x.GRPCAddr())) // which never opens its window
		spoken = append(spoken, f)
		for i := range uint32(each) {
			if f.open(2*i+1, "/zkconsent.v1.RegistryService/GetDirectory") != nil || f.send(2*i+1, make([]byte, 5)) != nil || f.finish(2*i+1) != nil {
				break
			}
		}
	}
	for range 5 {
		s.asks()
		time.Sleep(100 * time.Millisecond)
	}
	for _, f := range spoken {
		select {
		case <-f.ended:
		case <-time.After(90 * time.Second):
			t.Fatal("an answer waits without end")
		}
		f.close()
	}
	s.over("services: answers of 1 MiB that nobody takes", each*readers, faulttest.Count{Outcome: "connections cut off", N: readers})
}

// TestFault_Resets: callers who open streams and reset them at once, as fast as
// they can, with others beside them.
func TestFault_Resets(t *testing.T) {
	s := newSiege(t, server.Config{})
	attackers, streams := size(2, 8), size(1000, 50000)
	var all sync.WaitGroup
	var mu sync.Mutex
	injected, cut := 0, 0
	for range attackers {
		all.Go(func() {
			sent, dialled := 0, 0
			for ; sent < streams; dialled++ { // it is cut off now and then
				f := speak(t, s.dialTCP(s.x.GRPCAddr()))
				_ = f.conn.SetWriteDeadline(time.Now().Add(5 * time.Minute))
				for i := uint32(1); sent < streams && f.open(i, submit) == nil && f.cancel(i) == nil; i += 2 {
					sent++
				}
				f.close()
			}
			mu.Lock()
			injected, cut = injected+sent, cut+dialled-1
			mu.Unlock()
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	served := 0
	for running := true; running; {
		s.asks()
		served += 2
		select {
		case <-done:
			running = false
		default:
		}
	}
	s.over("services: HTTP/2 streams reset at once", injected, faulttest.Count{Outcome: "connections cut off", N: cut}, faulttest.Count{Outcome: "calls of others served meanwhile", N: served})
}

// TestAttack_PingsWithoutEnd: a caller that makes the server answer pings, for
// nothing, is cut off.
func TestAttack_PingsWithoutEnd(t *testing.T) {
	s := newSiege(t, server.Config{})
	f := speak(t, s.dialTCP(s.x.GRPCAddr()))
	defer f.close()
	for range 1000 {
		f.mu.Lock()
		err := f.framer.WritePing(false, [8]byte{1})
		f.mu.Unlock()
		if err != nil {
			break
		}
	}
	select {
	case <-f.ended:
	case <-time.After(30 * time.Second):
		t.Error("it answers without end")
	}
	s.over("services: pings without end", 1000)
}

// TestFault_IdleConnections: connections that say nothing, many more than there
// are places, and as many as there are places.
func TestFault_IdleConnections(t *testing.T) {
	const spare = 2000
	wanted := size(300, 10000)
	n := min(wanted, descriptors(t, wanted+spare)-spare)
	if n < wanted {
		t.Logf("this machine allows %d connections, not %d", n, wanted)
	}
	if n < 10 {
		t.Skip("too few file descriptors are allowed")
	}
	places := size(100, 512)
	s := newSiege(t, server.Config{MaxConnections: places})
	var held []net.Conn
	for i := range n {
		address := s.x.GRPCAddr()
		if i%2 == 1 {
			address = s.x.RESTAddr()
		}
		held = append(held, s.dialTCP(address))
		if i%(n/10) == 0 {
			s.asks()
		}
	}
	s.asks()
	for _, c := range held {
		c.Close()
	}
	s.over(fmt.Sprintf("services: idle connections, %d places a listener", places), n, faulttest.Count{Outcome: "opened", N: len(held)})
}

// TestFault_ConnectionsThatFillEveryPlace: with as many places as connections,
// all of them are kept, and cost a bounded amount of memory.
func TestFault_ConnectionsThatFillEveryPlace(t *testing.T) {
	if !full() {
		t.Skip("runs with ZKCONSENT_SERVICES")
	}
	const spare = 2000
	n := min(10000, (descriptors(t, 2*10000+spare)-spare)/2)
	s := newSiege(t, server.Config{MaxConnections: n + 10})
	var held []*frames
	for range n {
		held = append(held, speak(t, s.dialTCP(s.x.GRPCAddr())))
	}
	s.asks()
	alive := 0
	for _, f := range held {
		select {
		case <-f.ended:
		default:
			alive++
		}
		f.close()
	}
	if alive != n {
		t.Errorf("%d of %d connections are there", alive, n)
	}
	s.over("services: idle HTTP/2 connections, a place for each", n, faulttest.Count{Outcome: "kept", N: alive})
}

// descriptors raises the bound on open files, and returns it.
func descriptors(t testing.TB, wanted int) int {
	t.Helper()
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	if r.Cur < uint64(wanted) {
		r.Cur = min(uint64(wanted), r.Max)
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
			t.Fatal(err)
		}
	}
	return int(min(r.Cur, 1<<30))
}
