package wire_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
	"github.com/zkconsent/zkconsent/registry/transaction"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestNodeAcrossTheWire follows a node as another process does, and holds what
// came across against the node's own answers.
func TestNodeAcrossTheWire(t *testing.T) {
	n := startNode(t)
	ctx := short(t)
	r, _ := serve(t, n, n.Genesis().Encode())
	c, err := light.Open(light.Config{Genesis: n.Genesis(), Source: r})
	if err != nil {
		t.Fatal(err)
	}
	items := sealed(0, 3)
	items[2] = items[1]
	result, err := c.Submit(ctx, commit(n.Genesis(), 1, items))
	if err != nil {
		t.Fatal(err)
	}
	want := []transaction.ItemCode{transaction.Accepted, transaction.Accepted, transaction.DuplicateLock}
	if result.Code != transaction.Executed || !reflect.DeepEqual(result.Items, want) || result.Height == 0 {
		t.Errorf("the result is %+v, want items %v", result, want)
	}
	if err := c.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Path(1); err != nil {
		t.Error(err)
	}
	for _, k := range journal.Kinds() {
		here, err := n.Log(ctx, k, 0, wire.MaxRange)
		if err != nil {
			t.Fatal(err)
		}
		there, err := r.Log(ctx, k, 0, 1<<20)
		if err != nil || len(here) != len(there) {
			t.Fatalf("%v: %d entries, want %d: %v", k, len(there), len(here), err)
		}
		for i := range here {
			if !bytes.Equal(here[i], there[i]) {
				t.Errorf("%v: entry %d differs", k, i)
			}
		}
		if tail, err := r.Log(ctx, k, uint64(len(here)), 1); err != nil || len(tail) != 0 {
			t.Errorf("%v: at its end there are %d entries, %v", k, len(tail), err)
		}
		if _, err := r.Log(ctx, k, uint64(len(here))+1, 1); !errors.Is(err, light.ErrRange) {
			t.Errorf("%v: beyond its end: %v, want ErrRange", k, err)
		}
	}
	if b, err := r.Genesis(ctx); err != nil || !bytes.Equal(b, n.Genesis().Encode()) {
		t.Errorf("the genesis is another one: %v", err)
	}
	if again, err := c.Submit(ctx, commit(n.Genesis(), 1, items)); err != nil || again.Code != transaction.Repeated {
		t.Errorf("the same bytes again: %+v, %v", again, err)
	}
	// One that the ledger refuses is a result, not an error.
	if x, err := c.Submit(ctx, &transaction.Transaction{Kind: transaction.Withdraw, Payload: []byte{1}}); err != nil || x.Code != transaction.OtherLedger {
		t.Errorf("of another ledger: %+v, %v", x, err)
	}
}

func TestResultIsTheSameInBothForms(t *testing.T) {
	result := transaction.Result{Height: 7, Items: []transaction.ItemCode{transaction.OverQuota, transaction.Accepted}}
	s := wire.NewService(&canned{answer: result.Encode()}, nil)
	out, err := s.Submit(short(t), &zkconsentv1.SubmitRequest{Transaction: []byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	if out.Height != 7 || out.Code != 0 || !reflect.DeepEqual(out.ItemCodes, []uint32{uint32(transaction.OverQuota), 0}) || !bytes.Equal(out.Result, result.Encode()) {
		t.Errorf("%+v", out)
	}
	if _, err := wire.NewService(&canned{answer: []byte("done")}, nil).Submit(short(t), &zkconsentv1.SubmitRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("a result that cannot be read: %v", err)
	}
}

func TestRefusesCalls(t *testing.T) {
	s := wire.NewService(&canned{}, nil)
	for _, kind := range []zkconsentv1.GetLogRequest_Kind{zkconsentv1.GetLogRequest_UNSPECIFIED, 6, -1} {
		if _, err := s.GetLog(short(t), &zkconsentv1.GetLogRequest{Kind: kind}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("kind %d: %v", kind, err)
		}
	}
	for _, max := range []uint32{0, wire.MaxRange + 1, 1<<32 - 1} {
		out, err := s.GetLog(short(t), &zkconsentv1.GetLogRequest{Kind: zkconsentv1.GetLogRequest_EPOCHS, Max: max})
		if err != nil || len(out.Entries) != wire.MaxRange {
			t.Errorf("max %d: %d entries, want %d: %v", max, len(out.GetEntries()), wire.MaxRange, err)
		}
	}
	big := make([]byte, transaction.MaxEncoded+1)
	if _, err := s.Submit(short(t), &zkconsentv1.SubmitRequest{Transaction: big}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a transaction too large: %v", err)
	}
	r, _ := serve(t, &canned{}, nil)
	if _, err := r.Submit(short(t), big); err == nil || errors.Is(err, light.ErrBusy) || errors.Is(err, light.ErrUnknownOutcome) {
		t.Errorf("a transaction too large, by the client: %v", err)
	}
	if _, err := r.Log(short(t), 0, 0, 1); err == nil {
		t.Error("a log that does not exist was read")
	}
}

// TestErrorsKeepTheirMeaning: a caller of a light.Source acts on its errors,
// wherever the source is.
func TestErrorsKeepTheirMeaning(t *testing.T) {
	const path = "/var/lib/ledger/state/000123.sst"
	for _, c := range []struct {
		name  string
		err   error
		read  error // of reading calls
		write error // of Submit
	}{
		{"no such range", light.ErrRange, light.ErrRange, light.ErrUnknownOutcome},
		{"busy", light.ErrBusy, nil, light.ErrBusy},
		{"gave up", context.DeadlineExceeded, wire.ErrUnreachable, light.ErrUnknownOutcome},
		{"store", errors.New("open " + path + ": input/output error"), wire.ErrUnreachable, light.ErrUnknownOutcome},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := serve(t, &canned{err: c.err}, nil)
			for call, err := range calls(short(t), r) {
				want := c.read
				if call == "submit" {
					want = c.write
				}
				if err == nil || want != nil && !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", call, err, want)
				}
				if err != nil && strings.Contains(err.Error(), "/var") {
					t.Errorf("%s names a file of the node's machine: %v", call, err)
				}
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	r := reach(t, address)
	for call, err := range calls(short(t), r) {
		if !errors.Is(err, wire.ErrUnreachable) {
			t.Errorf("%s: %v, want ErrUnreachable", call, err)
		}
	}
	if _, err := r.Genesis(short(t)); !errors.Is(err, wire.ErrUnreachable) {
		t.Errorf("genesis: %v, want ErrUnreachable", err)
	}
}

func TestWaitingEndsWithItsCaller(t *testing.T) {
	r, _ := serve(t, &canned{hang: true}, nil)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := r.Submit(ctx, []byte{1}); !errors.Is(err, context.Canceled) || !errors.Is(err, light.ErrUnknownOutcome) {
		t.Errorf("%v, want Canceled and ErrUnknownOutcome", err)
	}
	if _, err := r.Checkpoint(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want Canceled", err)
	}
}

// TestLargestAnswersAreCarried: a directory that the ledger accepts and its
// clients cannot read would leave all of them without a decision.
func TestLargestAnswersAreCarried(t *testing.T) {
	b := make([]byte, directory.MaxEncodedGenesis)
	r, _ := serve(t, &canned{answer: b[:directory.MaxEncoded]}, b)
	if got, err := r.Directory(short(t)); err != nil || len(got) != directory.MaxEncoded {
		t.Errorf("directory: %d bytes, %v", len(got), err)
	}
	if got, err := r.Genesis(short(t)); err != nil || len(got) != len(b) {
		t.Errorf("genesis: %d bytes, %v", len(got), err)
	}
	r, _ = serve(t, &canned{answer: b[:journal.MaxEntry]}, nil)
	if got, err := r.Log(short(t), journal.Records, 0, wire.MaxRange); err != nil || len(got) != wire.MaxRange {
		t.Errorf("log: %d entries, %v", len(got), err)
	}
}

// hostile is a node that answers with what it likes.
type hostile struct {
	zkconsentv1.UnimplementedRegistryServiceServer
	answer []byte
}

func (h *hostile) GetCheckpoint(context.Context, *zkconsentv1.GetCheckpointRequest) (*zkconsentv1.GetCheckpointResponse, error) {
	return nil, status.Error(codes.Unavailable, "\x1b[2J\x1b]0;title\a all is well \u202e\r\n")
}

func (h *hostile) GetDirectory(context.Context, *zkconsentv1.GetDirectoryRequest) (*zkconsentv1.GetDirectoryResponse, error) {
	return &zkconsentv1.GetDirectoryResponse{Directory: h.answer}, nil
}

func (h *hostile) GetLog(context.Context, *zkconsentv1.GetLogRequest) (*zkconsentv1.GetLogResponse, error) {
	return nil, status.Error(codes.OutOfRange, "\x1b[2J")
}

func (h *hostile) Submit(context.Context, *zkconsentv1.SubmitRequest) (*zkconsentv1.SubmitResponse, error) {
	return nil, status.Error(codes.InvalidArgument, "\x1b[2J")
}

func TestAttack_HostileNode(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	zkconsentv1.RegisterRegistryServiceServer(s, &hostile{answer: make([]byte, 16<<20)})
	go s.Serve(l)
	defer s.Stop()
	r := reach(t, l.Addr().String())
	// An answer beyond all bounds is refused, and its other answers do not
	// write to the terminal.
	for call, err := range calls(short(t), r) {
		if err == nil {
			t.Errorf("%s succeeded", call)
			continue
		}
		if strings.ContainsFunc(err.Error(), func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Errorf("%s: the node's text is not quoted: %q", call, err)
		}
	}
}
