package fieldrules

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// values of a field: good ones are at the edges of its rule, bad ones just
// outside of it. The other fields of the request are good.
type values struct {
	good, bad []any
	says      string // a part of the refusal's words
}

var (
	hexID    = strings.Repeat("0a", 16)
	greatest = uint64(math.MaxInt64)
	ids      = values{[]any{hexID}, []any{"", hexID[1:], hexID + "0", strings.ToUpper(hexID), hexID[1:] + "g", hexID + "\n"}, "must match"}
	numbers  = values{[]any{uint64(0), greatest}, []any{greatest + 1, uint64(math.MaxUint64)}, "must be 0 to 9223372036854775807"}
	secrets  = values{[]any{sized(1), sized(65536)}, []any{sized(0), sized(65537)}, "must be 1 to 65536 bytes"}
)

func sized(n int) []byte { return bytes.Repeat([]byte{0xa7}, n) }

// batch is a list of n presentations of size bytes.
func batch(n, size int) (out [][]byte) {
	for range n {
		out = append(out, sized(size))
	}
	return out
}

// table has a row for each field that has a rule.
var table = map[string]values{
	"GetLogRequest.kind": {
		[]any{protoreflect.EnumNumber(1), protoreflect.EnumNumber(5)},
		[]any{protoreflect.EnumNumber(0), protoreflect.EnumNumber(6), protoreflect.EnumNumber(-1)},
		"RECORDS, WITHDRAWALS, EPOCHS, SPENDS, AUDITS",
	},
	"GetLogRequest.from":           numbers,
	"GetLayerRequest.from":         {[]any{uint64(0), uint64(journal.Buckets)}, []any{uint64(journal.Buckets + 1), uint64(math.MaxUint64)}, "must be 0 to 1048576"},
	"GetChangesRequest.epoch":      numbers,
	"GetBucketRequest.bucket":      {[]any{uint32(0), uint32(journal.Buckets - 1)}, []any{uint32(journal.Buckets), uint32(math.MaxUint32)}, "must be 0 to 1048575"},
	"GetBucketRequest.root":        {[]any{sized(32)}, []any{sized(0), sized(31), sized(33)}, "must be 32 bytes"},
	"GetAnchorRequest.epoch":       numbers,
	"WatchWithdrawalsRequest.from": numbers,
	"SubmitRequest.transaction": {
		[]any{sized(1), sized(transaction.MaxEncoded)}, []any{sized(0), sized(transaction.MaxEncoded + 1)},
		fmt.Sprintf("must be 1 to %d bytes", transaction.MaxEncoded),
	},
	"GetTrailRequest.above":   numbers,
	"GetHeaderRequest.height": {[]any{uint64(1), greatest}, []any{uint64(0), greatest + 1}, "must be 1 to 9223372036854775807"},

	"ProveRequest.statement":       secrets,
	"ProveRequest.witness":         secrets,
	"ProveStreamRequest.statement": secrets,
	"ProveStreamRequest.witness":   secrets,

	"CreateRequestRequest.policy": {
		[]any{"a", "claim-2026", strings.Repeat("a", 63)},
		[]any{"", "-a", "A", "a/b", "..", "a.json", strings.Repeat("a", 64), "a\n"}, "must match",
	},
	"CreateRequestRequest.context":        {[]any{"", strings.Repeat("é", 128)}, []any{strings.Repeat("é", 128) + "e"}, "must be at most 256 bytes"},
	"CreateRequestRequest.return_address": {[]any{"", strings.Repeat("a", 512)}, []any{strings.Repeat("a", 513)}, "must be at most 512 bytes"},
	"CreateRequestRequest.idempotency_key": {
		[]any{"", strings.Repeat("-", 16), strings.Repeat("z", 64)},
		[]any{strings.Repeat("a", 15), strings.Repeat("a", 65), strings.Repeat("a", 16) + " ", strings.Repeat("a", 16) + "\n"}, "must match",
	},
	"GetRequestRequest.id":                        ids,
	"GetVerdictRequest.request":                   ids,
	"VerifyRequest.presentation":                  {[]any{sized(0), sized(4096)}, []any{sized(4097)}, "must be at most 4096 bytes"},
	"VerifyBatchRequest.presentations":            {[]any{batch(1, 0), batch(256, 16)}, []any{batch(0, 0), batch(257, 1)}, "must have 1 to 256 items"},
	"ScopeStatsRequest.rule":                      {[]any{"once", "pseudonym"}, []any{"", "none", "Once", "once "}, "must be once or pseudonym"},
	"ScopeStatsRequest.context":                   {[]any{"a", strings.Repeat("a", 256)}, []any{"", strings.Repeat("a", 257)}, "must be 1 to 256 bytes"},
	"ScopeStatsRequest.opened":                    {[]any{uint64(0), uint64(1000000)}, []any{uint64(1000001)}, "must be 0 to 1000000"},
	"VerifierServiceWatchWithdrawalsRequest.from": numbers,
}

// free are the fields that may have any value, and why.
var free = map[string]string{
	"GetLogRequest.max":   "a service sends what it can, however much is asked",
	"GetLayerRequest.max": "a service sends what it can, however much is asked",
}

func name(f protoreflect.FieldDescriptor) string {
	return strings.TrimPrefix(string(f.FullName()), "zkconsent.v1.")
}

// set gives a field a value of the table.
func set(m *dynamicpb.Message, f protoreflect.FieldDescriptor, v any) {
	if parts, ok := v.([][]byte); ok {
		list := m.Mutable(f).List()
		list.Truncate(0)
		for _, p := range parts {
			list.Append(protoreflect.ValueOf(p))
		}
		return
	}
	m.Set(f, protoreflect.ValueOf(v))
}

// sound is a request whose fields all keep their rules.
func sound(m protoreflect.MessageDescriptor) *dynamicpb.Message {
	out := dynamicpb.NewMessage(m)
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if row, ok := table[name(f)]; ok {
			set(out, f, row.good[0])
		}
	}
	return out
}

func fields(t *testing.T, visit func(m protoreflect.MessageDescriptor, f protoreflect.FieldDescriptor)) {
	t.Helper()
	count := 0
	for _, m := range requests() {
		for i := range m.Fields().Len() {
			visit(m, m.Fields().Get(i))
			count++
		}
	}
	if count < 25 {
		t.Fatalf("%d fields of requests were found", count)
	}
}

// TestEveryFieldOfARequestHasARule: a field that nobody bounded is one that
// somebody fills.
func TestEveryFieldOfARequestHasARule(t *testing.T) {
	seen := map[string]bool{}
	fields(t, func(_ protoreflect.MessageDescriptor, f protoreflect.FieldDescriptor) {
		seen[name(f)] = true
		rules, err := protovalidate.ResolveFieldRules(f)
		if err != nil {
			t.Fatal(err)
		}
		_, listed := table[name(f)]
		switch {
		case f.IsMap():
			t.Errorf("%s is a map: a refusal would name its keys, which a caller chose", name(f))
		case free[name(f)] != "":
			if rules != nil || f.Kind() == protoreflect.StringKind || f.Kind() == protoreflect.BytesKind || f.IsList() {
				t.Errorf("%s is listed as free of rules", name(f))
			}
		case rules == nil:
			t.Errorf("%s has no rule", name(f))
		case !listed:
			t.Errorf("%s has a rule and no values that break it", name(f))
		}
	})
	for field := range table {
		if !seen[field] {
			t.Errorf("there is no %s", field)
		}
	}
}

func TestWhatBreaksARuleIsRefusedByItsName(t *testing.T) {
	rules, err := New()
	if err != nil {
		t.Fatal(err)
	}
	fields(t, func(m protoreflect.MessageDescriptor, f protoreflect.FieldDescriptor) {
		row, ok := table[name(f)]
		if !ok {
			return
		}
		if len(row.good) == 0 || len(row.bad) == 0 {
			t.Fatalf("%s has no values", name(f))
		}
		for _, good := range row.good {
			request := sound(m)
			set(request, f, good)
			if err := rules.Check(request); err != nil {
				t.Errorf("%s: a good value is refused: %v", name(f), err)
			}
		}
		for i, bad := range row.bad {
			request := sound(m)
			set(request, f, bad)
			err := rules.Check(request)
			if got := violations(err); len(got) != 1 || got[0].Field != string(f.Name()) || !strings.Contains(got[0].Description, row.says) {
				t.Errorf("%s: bad value %d: %v, %v", name(f), i, err, got)
			}
			if status.Code(err) != codes.InvalidArgument || refusal.Of(err) != refusal.Malformed {
				t.Errorf("%s: bad value %d: %v with reason %q", name(f), i, status.Code(err), refusal.Of(err))
			}
		}
	})
}

func violations(err error) []*errdetails.BadRequest_FieldViolation {
	for _, d := range status.Convert(err).Details() {
		if b, ok := d.(*errdetails.BadRequest); ok {
			return b.FieldViolations
		}
	}
	return nil
}

// TestAllFieldsAreNamed: who corrects one field wants to know of the others.
func TestAllFieldsAreNamed(t *testing.T) {
	rules, err := New()
	if err != nil {
		t.Fatal(err)
	}
	got := violations(rules.Check(&zkconsentv1.ScopeStatsRequest{Rule: "none", Opened: 1 << 40}))
	if len(got) != 3 || got[0].Field != "rule" || got[1].Field != "context" || got[2].Field != "opened" {
		t.Errorf("%v", got)
	}
	large := &zkconsentv1.VerifyBatchRequest{Presentations: [][]byte{{1}, sized(4097), {2}, sized(5000)}}
	got = violations(rules.Check(large))
	if len(got) != 2 || got[0].Field != "presentations[1]" || got[1].Field != "presentations[3]" || got[0].Description != "must be at most 4096 bytes" {
		t.Errorf("%v", got)
	}
	large.Presentations = batch(200, 4097)
	err = rules.Check(large)
	if got := violations(err); len(got) != maxFaults || proto.Size(status.Convert(err).Proto()) > 4<<10 || !strings.Contains(err.Error(), "and 184 more fields") {
		t.Errorf("%d fields are named in %d bytes: %v", len(got), proto.Size(status.Convert(err).Proto()), err)
	}
}

// A message without rules costs a look-up, one of another interface as well.
func TestOtherMessagesPass(t *testing.T) {
	rules, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []proto.Message{&zkconsentv1.GetCheckpointRequest{}, &errdetails.ErrorInfo{}} {
		if err := rules.Check(m); err != nil {
			t.Error(err)
		}
		if n := testing.AllocsPerRun(100, func() { _ = rules.Check(m) }); n > 0 {
			t.Errorf("%T costs %v allocations", m, n)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	rules, err := New()
	if err != nil {
		b.Fatal(err)
	}
	for _, m := range []proto.Message{
		&zkconsentv1.GetCheckpointRequest{},
		&zkconsentv1.ProveRequest{Statement: sized(2000), Witness: sized(8000)},
		&zkconsentv1.VerifyRequest{Presentation: sized(316)},
		&zkconsentv1.VerifyBatchRequest{Presentations: batch(256, 316)},
	} {
		b.Run(string(m.ProtoReflect().Descriptor().Name()), func(b *testing.B) {
			for b.Loop() {
				if err := rules.Check(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAttack_ListOfManyItems: an insurer's batch of half a million items is
// refused by its number, and not by half a million looks at its items.
func TestAttack_ListOfManyItems(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	looked := &looks{Validator: r.validator}
	r.validator = looked
	for n, want := range map[int]int{256: 1, 257: 0, 1 << 19: 0} {
		looked.n = 0
		err := r.Check(&zkconsentv1.VerifyBatchRequest{Presentations: make([][]byte, n)})
		if looked.n != want || (err == nil) != (want == 1) {
			t.Errorf("%d items: %d looks, %v", n, looked.n, err)
		}
		if err != nil && (refusal.Of(err) != refusal.Malformed || !strings.Contains(err.Error(), "presentations: must have 1 to 256 items")) {
			t.Errorf("%d items: %v", n, err)
		}
	}
}

// looks counts how often the library is asked.
type looks struct {
	protovalidate.Validator
	n int
}

func (l *looks) Validate(m proto.Message, o ...protovalidate.ValidationOption) error {
	l.n++
	return l.Validator.Validate(m, o...)
}
