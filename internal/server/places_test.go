package server_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/server"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
)

// TestAttack_CallsThatNeverArrive: who sends the begin of a call and then a byte
// now and then has no call under way, and gives its place to who has one.
func TestAttack_CallsThatNeverArrive(t *testing.T) {
	x := serveConfig(t, server.Config{Services: (&failing{}).services(), MaxConnections: 1})
	s := &siege{t: t, x: x}
	dripping := s.dialTCP(x.RESTAddr())
	defer dripping.Close()
	fmt.Fprintf(dripping, "POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
	f := speak(t, s.dialTCP(x.GRPCAddr()))
	defer f.close()
	if err := f.open(1, submit); err != nil {
		t.Fatal(err)
	}
	if err := f.send(1, append(binary.BigEndian.AppendUint32([]byte{0}, 1000), 'x')); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // for the begins to arrive; if they do not, nothing is shown
	s.asks()
	// They were closed for others, not answered because their time was over.
	_ = dripping.SetReadDeadline(time.Now().Add(time.Minute))
	if b, _ := io.ReadAll(dripping); len(b) != 0 {
		t.Errorf("REST: it kept its place until its time was over: %q", b)
	}
	select {
	case <-f.ended:
	case <-time.After(time.Minute):
		t.Error("gRPC: it keeps its place")
	}
	if n := f.reset.Load(); n != 0 {
		t.Error("gRPC: it kept its place until its time was over")
	}
}

// TestAttack_LargeBodiesOfOneAddress: who begins large bodies without end leaves
// places to the batches of others.
func TestAttack_LargeBodiesOfOneAddress(t *testing.T) {
	x := serveConfig(t, server.Config{Services: (&failing{}).services()})
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	for range 64 {
		c, err := from.Dial("tcp", x.RESTAddr())
		if err != nil {
			t.Skipf("this machine has one address on loopback: %v", err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")
	}
	time.Sleep(100 * time.Millisecond) // for them to arrive; if they do not, nothing is shown
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	r, err := client.Post("http://"+x.RESTAddr()+"/v1/transactions", "application/json", io.MultiReader(strings.NewReader(`{"transaction":"`+strings.Repeat("AAAA", 50000)+`"}`)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Errorf("another's batch: %s", r.Status)
	}
}

// TestAttack_CompressedMessage: a caller of a kilobyte makes nobody decode a
// thousand of them.
func TestAttack_CompressedMessage(t *testing.T) {
	x := serveConfig(t, server.Config{Services: (&failing{}).services()})
	api := zkconsentv1.NewRegistryServiceClient(x.plain(t))
	m := &zkconsentv1.SubmitRequest{Transaction: make([]byte, server.MaxMessage-100)}
	_, err := api.Submit(short(t), m, grpc.UseCompressor(gzip.Name))
	if status.Code(err) != codes.Internal || !strings.Contains(err.Error(), "compressed messages are not taken") {
		t.Errorf("compressed: %v", err)
	}
	if _, err := api.Submit(short(t), m); err != nil {
		t.Errorf("as it is: %v", err)
	}
	a := ask(t, http.DefaultClient, http.MethodPost, "http://"+x.RESTAddr()+"/v1/transactions", []byte("\x1f\x8b\x08"), "Content-Encoding", "gzip")
	if a.http != http.StatusBadRequest {
		t.Errorf("REST: %d %s", a.http, a.body)
	}
}
