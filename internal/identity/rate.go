package identity

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	defaultPerSecond = 100
	defaultBurst     = 1000

	// maxBuckets bounds the callers of one kind that are told apart, about 200
	// bytes each.
	maxBuckets = 16 << 10
	sweepEvery = time.Second
)

// weights are the methods that cost more than a reading call.
func weights() map[string]int {
	return map[string]int{
		prover + "Prove":           50,
		prover + "ProveStream":     50,
		verifier + "Verify":        2,
		verifier + "VerifyBatch":   50,
		verifier + "CreateRequest": 5,
		registry + "Submit":        10,
	}
}

// Weight is what a call counts against its caller's rate.
func Weight(method string) int {
	if w := weights()[method]; w > 0 {
		return w
	}
	return 1
}

// failedWeight is what a credential that does not hold counts against its
// address.
const failedWeight = 10

// limits keeps a bucket for each caller. A bucket is forgotten only when it is
// full again, so that to be forgotten gains nothing; callers for whom there is
// no place share one bucket.
type limits struct {
	limit rate.Limit
	burst int

	mu      sync.Mutex
	buckets map[string]*rate.Limiter
	shared  *rate.Limiter
	swept   time.Time
}

// newLimits returns nil, which bounds nothing, for a rate below 0.
func newLimits(r Rate) *limits {
	if r.PerSecond < 0 {
		return nil
	}
	if r.PerSecond == 0 {
		r.PerSecond = defaultPerSecond
	}
	if r.Burst == 0 {
		r.Burst = defaultBurst
	}
	l := &limits{limit: rate.Limit(r.PerSecond), burst: r.Burst, buckets: map[string]*rate.Limiter{}}
	l.shared = rate.NewLimiter(l.limit, l.burst)
	return l
}

// take counts a call, and returns how long its caller has to wait first; a call
// that has to wait counts nothing.
func (l *limits) take(caller string, weight int, now time.Time) time.Duration {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.bucket(caller, now).ReserveN(now, weight)
	if !r.OK() {
		return time.Minute // heavier than the bucket is large, which NewGuard refuses
	}
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// charge counts what has happened already, and empties the bucket if there is
// not enough in it.
func (l *limits) charge(caller string, weight int, now time.Time) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(caller, now)
	b.AllowN(now, min(weight, max(int(b.TokensAt(now)), 0)))
}

// empty returns how long until a bucket has something in it, 0 if it has.
func (l *limits) empty(caller string, now time.Time) time.Duration {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[caller]
	if b == nil {
		return 0
	}
	if lacks := 1 - b.TokensAt(now); lacks > 0 {
		return time.Duration(lacks / float64(l.limit) * float64(time.Second))
	}
	return 0
}

func (l *limits) bucket(caller string, now time.Time) *rate.Limiter {
	if b := l.buckets[caller]; b != nil {
		return b
	}
	if len(l.buckets) >= maxBuckets && now.Sub(l.swept) >= sweepEvery {
		l.swept = now
		for name, b := range l.buckets {
			if b.TokensAt(now) >= float64(l.burst) {
				delete(l.buckets, name)
			}
		}
	}
	if len(l.buckets) >= maxBuckets {
		return l.shared
	}
	b := rate.NewLimiter(l.limit, l.burst)
	l.buckets[caller] = b
	return b
}
