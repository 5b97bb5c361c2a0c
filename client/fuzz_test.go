package client_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"unicode"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

func FuzzVerdict(f *testing.F) {
	for _, m := range []*zkconsentv1.Verdict{accepted(presentation()), denied(nil), {}} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &zkconsentv1.Verdict{}
		if proto.Unmarshal(b, m) != nil {
			return
		}
		v, err := client.VerdictOf(m)
		if err != nil {
			return
		}
		if v.Accepted == (v.Reason != "") || !v.Accepted && (v.Circuit != "" || !v.Nullifier.IsZero() || v.SpeaksForPerson) {
			t.Errorf("%+v", v)
		}
		if _, err := client.VerdictWith(v.RequestID, m, b); err == nil {
			t.Error("a verdict is its own record")
		}
	})
}

func FuzzNews(f *testing.F) {
	b, err := proto.Marshal(news(3, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, uint64(2))
	f.Fuzz(func(t *testing.T, b []byte, from uint64) {
		m := &zkconsentv1.VerifierServiceWatchWithdrawalsResponse{}
		if proto.Unmarshal(b, m) != nil {
			return
		}
		if n, err := client.NewsOf(m, from); err == nil && (n.Position < from || len(n.Withdrawn) != len(m.Withdrawn)) {
			t.Errorf("%+v", n)
		}
	})
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"127.0.0.1:7300", "https://node.example.org", "http://[::1]:1", "node:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		host, secure, err := client.ParseAddress(text)
		if err != nil {
			return
		}
		name, _, err := net.SplitHostPort(host)
		if err != nil {
			t.Fatalf("%q: %q", text, host)
		}
		if ip := net.ParseIP(name); !secure && name != "localhost" && (ip == nil || !ip.IsLoopback()) {
			t.Errorf("%q: plaintext to %q", text, host)
		}
	})
}

func FuzzParseToken(f *testing.F) {
	f.Add([]byte("ey.J.x\n"))
	f.Add([]byte("two words"))
	f.Fuzz(func(t *testing.T, b []byte) {
		token, err := client.ParseToken(b)
		if err != nil {
			if !errors.Is(err, client.ErrToken) {
				t.Error(err)
			}
			return
		}
		if !strings.HasPrefix(string(b), string(token)) || strings.ContainsAny(string(token), " \r\n\t\x00") || strings.Trim(string(b[len(token):]), "\r\n") != "" {
			t.Errorf("%q is read as %q", b, string(token))
		}
	})
}

func FuzzRefusal(f *testing.F) {
	f.Add(429, []byte(`{"code":8,"message":"full","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"BUSY","domain":"zkconsent"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3s"}]}`))
	f.Add(503, []byte("<html>"))
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		e := client.RefusedBy(&http.Response{StatusCode: code, Header: http.Header{"Retry-After": {string(body)}}}, body)
		if e.Code == codes.OK || e.RetryAfter < 0 || len(e.Error()) > 2500 || strings.ContainsFunc(e.Error(), func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Errorf("%q", e)
		}
	})
}
