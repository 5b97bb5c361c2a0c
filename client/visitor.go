package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// A Visitor asks verifiers as a wallet does: over REST, without a certificate,
// a token or a cookie, each call over a connection of its own that is closed
// after it. Nothing of it is shared with a [Conn].
type Visitor struct {
	c    Config
	http *http.Client
}

// NewVisitor takes what a Config says of certificates of authorities and of
// repetitions, and refuses one that says who calls, or where.
func NewVisitor(c Config) (*Visitor, error) {
	if c.CertFile != "" || c.KeyFile != "" || c.bearer() != nil || len(c.Addresses) > 0 {
		return nil, errors.New("client: a visitor has neither certificate nor token, and its addresses are those of its calls")
	}
	c.Addresses = []string{"visitor"}
	c, err := c.completed()
	if err != nil {
		return nil, err
	}
	secure, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	return &Visitor{c, &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure, DisableKeepAlives: true, DisableCompression: true,
			DialContext: dialPlain, DialTLSContext: nil, TLSHandshakeTimeout: connectTimeout,
			MaxResponseHeaderBytes: maxHeaders, ForceAttemptHTTP2: false,
		},
		// Another place would be one that the patient was not shown.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func dialPlain(ctx context.Context, network, host string) (net.Conn, error) {
	return (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, network, host)
}

// Request fetches a request from its address, https://host/v1/requests/ID.
func (v *Visitor) Request(ctx context.Context, from string) (*consent.SignedRequest, error) {
	u, err := visited(from)
	if err != nil {
		return nil, err
	}
	out := &zkconsentv1.GetRequestResponse{}
	if err := v.call(ctx, http.MethodGet, u, nil, out); err != nil {
		return nil, err
	}
	return requestIn("GET "+u.Host, out.SignedRequest, path.Base(u.Path))
}

// Present hands a presentation in at a request's return address and returns the
// verdict. With an error there is no decision.
func (v *Visitor) Present(ctx context.Context, at string, p *consent.Presentation) (verifier.Verdict, error) {
	undecided := verifier.Verdict{Reason: verifier.Undecided}
	u, err := visited(at)
	if err != nil {
		return undecided, err
	}
	b := p.Encode()
	body, err := protojson.Marshal(&zkconsentv1.VerifyRequest{Presentation: b})
	if err != nil {
		return undecided, err
	}
	out := &zkconsentv1.VerifyResponse{}
	if err := v.call(ctx, http.MethodPost, u, body, out); err != nil {
		return undecided, err
	}
	return verdictOn("POST "+u.Host, out.Verdict, b)
}

// Visitable checks an address before anything is proved for it.
func Visitable(address string) error {
	_, err := visited(address)
	return err
}

// Local tells whether an address is one of a machine's own loopback interface.
func Local(address string) bool {
	u, err := visited(address)
	return err == nil && loopback(u.Hostname())
}

// visited reads the address of a call: https, or http on the loopback interface.
func visited(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("client: %.200q is no address of the form https://host/path", text)
	case strings.ContainsFunc(u.Host, func(c rune) bool { return c <= ' ' || c >= 0x7f }):
		// Letters of other alphabets look like these, and are another host.
		return nil, fmt.Errorf("client: %.200q names its host with other characters than ASCII; a host of that kind is written as xn--…", text)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Errorf("%w: %.200q", ErrNotLoopback, text)
	}
	return u, nil
}

// call makes one call, and repeats it within the Config's bounds: a request is
// read, and a presentation has one effect however often it comes.
func (v *Visitor) call(ctx context.Context, method string, u *url.URL, body []byte, answer proto.Message) error {
	one := &Conn{c: v.c, lines: make([]line, 1)}
	one.lines[0].address.text = u.Host
	return one.repeat(ctx, method, true, func(ctx context.Context, _ *line) error {
		ctx, cancel := context.WithTimeout(ctx, v.c.Timeout)
		defer cancel()
		return v.once(ctx, method, u, body, answer)
	})
}

func (v *Visitor) once(ctx context.Context, method string, u *url.URL, body []byte, answer proto.Message) error {
	q, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header = http.Header{"Accept": {"application/json"}, "User-Agent": {"zkconsent"}}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	r, err := v.http.Do(q)
	if err != nil {
		return unreached(ctx, err)
	}
	defer r.Body.Close()
	// Base64 is a third longer than what it carries.
	max := 2 * v.c.MaxAnswer
	b, err := io.ReadAll(io.LimitReader(r.Body, int64(max)+1))
	switch {
	case err != nil:
		return unreached(ctx, err)
	case len(b) > max:
		return wrong(method+" "+u.Host, "more than %d bytes", max)
	case r.StatusCode != http.StatusOK:
		return refusedBy(r, b)
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, answer); err != nil {
		return wrong(method+" "+u.Host, "it is not the JSON that was asked for")
	}
	return nil
}

// unreached is the status of a call that got no answer.
func unreached(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // its words name the address again
	}
	return status.Error(codes.Unavailable, err.Error())
}

// refusedBy is the status in an answer that is a refusal. One that is none of
// ours, as from a machine between, counts by its number alone.
func refusedBy(r *http.Response, body []byte) error {
	s := &spb.Status{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, s); err == nil && s.Code != 0 {
		return status.FromProto(s).Err()
	}
	words := fmt.Sprintf("HTTP status %d", r.StatusCode)
	switch {
	case r.StatusCode >= 300 && r.StatusCode < 400:
		return status.Error(codes.FailedPrecondition, words+": the address leads elsewhere")
	case r.StatusCode == http.StatusNotFound:
		return status.Error(codes.NotFound, words)
	case r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusServiceUnavailable, r.StatusCode == http.StatusBadGateway, r.StatusCode == http.StatusGatewayTimeout:
		if n, err := strconv.ParseUint(strings.TrimSpace(r.Header.Get("Retry-After")), 10, 16); err == nil && n > 0 {
			words += fmt.Sprintf(", again after %s", time.Duration(n)*time.Second)
		}
		return status.Error(codes.Unavailable, words)
	}
	return status.Error(codes.Internal, words)
}
