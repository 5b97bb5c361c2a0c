package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/shares"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

// A face is REST: the gateway, and the pages beside it.
type face struct {
	inside *inside
	guard  *identity.Guard // nil counts nobody's pages
	pages  map[string]http.Handler
	mux    *runtime.ServeMux
	log    *slog.Logger
	bulky  *shares.Places // one for each large body that is read
}

const (
	// maxBulky bounds the large bodies that are read at once, and bulkyEach those
	// of one neighbourhood.
	maxBulky   = 64
	bulkyEach  = maxBulky / 4
	bulkyBytes = 64 << 10
)

type callerContext struct{}

func newFace(i *inside, c Config, pages map[string]http.Handler) *face {
	f := &face{inside: i, guard: c.Guard, pages: pages, log: c.Logger, bulky: shares.New(maxBulky, bulkyEach)}
	f.mux = runtime.NewServeMux(
		// The gateway's own default lets Grpc-Metadata-* through; see also bare.
		runtime.WithIncomingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingHeaderMatcher(outgoing),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithMetadata(func(ctx context.Context, _ *http.Request) metadata.MD {
			caller, _ := ctx.Value(callerContext{}).(string)
			return metadata.Pairs(callerKey, caller)
		}),
		runtime.WithMarshalerOption(runtime.MIMEWildcard, newStrict()),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
			writeFault(w, 0, err)
		}),
		runtime.WithRoutingErrorHandler(misrouted),
		runtime.WithStreamErrorHandler(streamFault),
	)
	return f
}

// handler is what the listener serves.
func (f *face) handler() http.Handler {
	return f.caught(aged(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if disguised(r.URL.EscapedPath()) {
			misrouted(r.Context(), nil, nil, w, r, http.StatusBadRequest)
			return
		}
		if page := f.page(r.URL.Path); page != nil {
			// Whether it lives is asked by those who send it calls, without end.
			if p := r.URL.Path; f.guard != nil && p != "/healthz" && p != "/readyz" {
				if err := f.guard.Visit(origin(r)); err != nil {
					writeFault(w, 0, err)
					return
				}
			}
			page.ServeHTTP(w, r)
			return
		}
		f.bounded(revalidated(f.bare(f.mux))).ServeHTTP(w, r)
	})))
}

// disguised tells whether a path has an escape that it does not need, or that of
// a slash: a proxy with a rule for paths would see another one than is served.
func disguised(path string) bool {
	for _, part := range strings.Split(path, "%")[1:] {
		c, err := strconv.ParseUint(part[:min(len(part), 2)], 16, 8)
		if err != nil || c == '/' || c == '-' || c == '.' || c == '_' || c == '~' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' {
			return true
		}
	}
	return false
}

// page finds the page of a path: the one of that name, or one that ends with a
// slash and under which the path lies.
func (f *face) page(path string) (found http.Handler) {
	if p := f.pages[path]; p != nil {
		return p
	}
	longest := 0
	for name, p := range f.pages {
		if strings.HasSuffix(name, "/") && strings.HasPrefix(path, name) && len(name) > longest {
			found, longest = p, len(name)
		}
	}
	return found
}

// bare hands on a request without its headers, and with a number by which its
// call finds who makes it. Past its header matcher the gateway still makes
// metadata of Authorization, X-Forwarded-*, Host and the remote address, obeys
// Grpc-Timeout, and logs a Content-Type that it cannot read: what an unknown
// caller writes there would look to a service, or to an operator, like something
// that the gateway vouches for.
func (f *face) bare(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, end := f.inside.begin(origin(r))
		defer end()
		o := &opening{ResponseWriter: w}
		ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
		defer cancel()
		ctx = context.WithValue(context.WithValue(ctx, callerContext{}, caller), openingKey{}, o)
		b := r.WithContext(ctx)
		b.Header = http.Header{}
		b.Host, b.RemoteAddr = "", ""
		next.ServeHTTP(o, b)
	})
}

// origin is who calls over REST: what the connection says, and the header that
// carries a credential.
func origin(r *http.Request) identity.Origin {
	o := identity.Origin{Authorization: r.Header.Values("Authorization"), Address: identity.AddressOf(r.RemoteAddr)}
	if r.TLS == nil {
		o.Local = o.Address.IsLoopback() && ownAccount(r)
	} else if len(r.TLS.VerifiedChains) > 0 && len(r.TLS.VerifiedChains[0]) > 0 && !foreignPage(r) {
		// A browser shows its certificate for whatever page asks; the page is not
		// whom it names.
		o.Certificate = r.TLS.VerifiedChains[0][0]
	}
	return o
}

// ownAccount tells whether nothing says that a program of this machine hands on
// what somebody else asks for: a proxy, or a page in a browser, which may even
// have a name of its own for this machine.
func ownAccount(r *http.Request) bool {
	if identity.HandedOn(func(name string) bool { return len(r.Header.Values(name)) > 0 }) || foreignPage(r) {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// foreignPage tells whether a page of another origin in a browser asks.
func foreignPage(r *http.Request) bool {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	for _, from := range r.Header.Values("Origin") {
		if from != scheme+r.Host {
			return true
		}
	}
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "none" && site != "same-origin" {
			return true
		}
	}
	return false
}

// bounded bounds a body, and how many large ones are in memory at once.
func (f *face) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > maxBody {
			writeFault(w, http.StatusRequestEntityTooLarge, tooLarge())
			return
		}
		if r.ContentLength < 0 || r.ContentLength > bulkyBytes {
			from := shares.Neighbourhood(shares.Address(r.RemoteAddr))
			if !f.bulky.Take(from) {
				writeFault(w, 0, refusal.Later(codes.ResourceExhausted, refusal.Busy, time.Second, "as many large bodies are on their way as can be; send again later"))
				return
			}
			defer f.bulky.Give(from)
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

func tooLarge() error {
	return refusal.New(codes.InvalidArgument, refusal.Malformed, "the body is too large: a message may have %d bytes", MaxMessage)
}

// caught makes an answer of a panic in a page or in the gateway.
func (f *face) caught(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				panic(v)
			default:
				f.log.Error("a page broke", slog.String("panic", said(v)), slog.String("at", where()))
				writeFault(w, 0, broken())
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// misrouted answers for paths and methods that nothing serves.
func misrouted(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, code int) {
	switch code {
	case http.StatusNotFound:
		writeFault(w, code, refusal.New(codes.NotFound, refusal.NotServed, "this process serves no such path"))
	case http.StatusMethodNotAllowed:
		writeFault(w, code, refusal.New(codes.Unimplemented, refusal.NotServed, "this path takes another method"))
	default:
		writeFault(w, http.StatusBadRequest, refusal.New(codes.InvalidArgument, refusal.Malformed, "the path cannot be read"))
	}
}

// writeFault answers with an error as google.rpc.Status in JSON. A code of 0 is
// what the error's own code is in HTTP.
func writeFault(w http.ResponseWriter, code int, err error) {
	var http1 *runtime.HTTPStatusError
	if errors.As(err, &http1) {
		code, err = http1.HTTPStatus, http1.Err
		if _, ok := status.FromError(err); !ok {
			err = refusal.New(codes.InvalidArgument, refusal.Malformed, "the path cannot be read")
		}
	}
	s := status.Convert(complete(err))
	// Of a body that is too large the gateway keeps the text alone; gRPC has a code
	// for a message that is, which services use with a reason.
	if s.Message() == (&http.MaxBytesError{}).Error() || status.Code(err) == codes.ResourceExhausted && refusal.Of(err) == "" {
		code, s = http.StatusRequestEntityTooLarge, status.Convert(tooLarge())
	}
	if code == 0 {
		code = runtime.HTTPStatusFromCode(s.Code())
	}
	h := w.Header()
	h.Del("ETag")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	if wait := refusal.After(s.Err()); wait > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	if s.Code() == codes.Unauthenticated {
		h.Set("WWW-Authenticate", "Bearer")
	}
	b, err := protojson.Marshal(s.Proto())
	if err != nil {
		code, b = http.StatusInternalServerError, []byte(fmt.Sprintf(`{"code":%d,"message":"the service's own fault"}`, codes.Internal))
	}
	w.WriteHeader(code)
	_, _ = w.Write(append(b, '\n'))
}
