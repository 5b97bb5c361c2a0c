package verifying

import (
	"net"
	"net/url"
	"strings"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/verifier/policy"
)

// permitted refuses what a caller may not put in the place of a policy's own
// context and return address. A caller is not the author of the policies: it
// says for which matter a patient is asked, and not in whose scope another
// policy's answers lie, or who else gets this one's.
func (s *Service) permitted(p *policy.Policy, r *zkconsentv1.CreateRequestRequest) error {
	if r.Context != "" && s.c.Policies.taken(p, r.Context) {
		return refusal.Field("context", "is that of another policy: its pseudonyms would be told to who asks by this one")
	}
	if r.ReturnAddress == "" {
		return nil
	}
	_, _, _, own := p.Scope()
	if fault := returnFault(r.ReturnAddress, own); fault != "" {
		return refusal.Field("return_address", "%s", fault)
	}
	return nil
}

// taken tells whether a policy with this context would ask in the scope of
// another policy.
func (p *Policies) taken(by *policy.Policy, context string) bool {
	rule, own, opened, _ := by.Scope()
	if context == own || rule == consent.None {
		return false
	}
	for _, other := range *p.all.Load() {
		if r, c, o, _ := other.Scope(); other != by && r == rule && c == context && o == opened {
			return true
		}
	}
	return false
}

// returnFault says what is wrong with an address to which a wallet is to send
// an answer; own is the policy's, empty where it has none. A wallet goes to no
// other kind (docs/spec.md §10.3), and where the policy says whose host it is,
// no caller sends patients to another one.
func returnFault(text, own string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" || strings.ContainsAny(text, "?#") || strings.ContainsFunc(text, func(c rune) bool { return !strings.ContainsRune(hostAndPath, c) }) {
		return "is not an address of the form https://host/path"
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())) {
		return "is neither https nor on this machine"
	}
	if o, err := url.Parse(own); own != "" && (err != nil || o.Scheme != u.Scheme || !strings.EqualFold(o.Host, u.Host)) {
		return "is at another host than the policy's"
	}
	return ""
}

// hostAndPath are the characters of an address that looks like what it is.
const hostAndPath = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/[]%+,=@!$&'()*;"

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
