package proving

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// errStopped reports a queue that takes nothing more.
var errStopped = errors.New("proving: stopped")

// A busyError reports that there is no place, and when there may be one.
type busyError struct {
	own   bool // the caller's own requests fill its share
	after time.Duration
}

func (e *busyError) Error() string { return fmt.Sprintf("proving: no place for %s", e.after) }

// A ticket is a request's place in the queue, and later its place at work.
type ticket struct {
	principal string
	expect    time.Duration // how long its proof is likely to take
	ready     chan struct{} // closed when it has a place at work
	working   bool          // under the queue's mutex
}

// A queue gives out places at work. Principals take turns: whoever has waited
// with many requests does not keep another's one request waiting behind all of
// them. It starts no goroutine.
type queue struct {
	workers, length, perPrincipal int

	mu      sync.Mutex
	free    int
	working map[*ticket]bool
	waiting map[string][]*ticket // of each principal, in order of arrival
	turns   []string             // the principals that wait, the next one first
	held    map[string]int       // places of both kinds, by principal
	stopped chan struct{}
	emptied chan struct{} // closed when stopped and nobody works
}

func newQueue(workers, length, perPrincipal int) *queue {
	return &queue{
		workers: workers, length: length, perPrincipal: perPrincipal, free: workers,
		working: map[*ticket]bool{}, waiting: map[string][]*ticket{}, held: map[string]int{},
		stopped: make(chan struct{}), emptied: make(chan struct{}),
	}
}

// enter takes a place: at work where one is free, else in the queue, behind
// ahead others. It refuses with errStopped, ctx's error or a *busyError, the
// latter also where the turn would come too late for ctx's deadline. A place at work that is free
// is given whatever the deadline: the expectation may be wrong, and is only
// corrected by proofs that are tried.
func (q *queue) enter(ctx context.Context, principal string, expect time.Duration) (t *ticket, ahead int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over() {
		return nil, 0, errStopped
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	if q.held[principal] >= q.perPrincipal {
		return nil, 0, &busyError{true, q.until(q.waiting[principal]...)}
	}
	t = &ticket{principal: principal, expect: expect, ready: make(chan struct{})}
	if q.free > 0 { // then nobody waits
		q.held[principal]++
		q.begin(t)
		return t, 0, nil
	}
	before := q.before(principal)
	wait := q.until(before...)
	if q.count() >= q.length {
		return nil, 0, &busyError{false, q.until(q.all()...)}
	}
	if deadline, ok := ctx.Deadline(); ok {
		switch left := time.Until(deadline); {
		case left <= 0:
			return nil, 0, context.DeadlineExceeded
		case left < wait+expect:
			return nil, 0, &busyError{false, wait}
		}
	}
	q.held[principal]++
	if len(q.waiting[principal]) == 0 {
		q.turns = append(q.turns, principal)
	}
	q.waiting[principal] = append(q.waiting[principal], t)
	return t, len(before), nil
}

// wait returns when the ticket has its place at work. After an error the
// ticket has none and is not to be left.
func (q *queue) wait(ctx context.Context, t *ticket) error {
	var err error
	select {
	case <-t.ready:
	case <-ctx.Done():
	case <-q.stopped:
		err = errStopped
	}
	// A turn that comes together with the end of the request is not used.
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err == nil {
		return nil
	}
	q.mu.Lock()
	working := t.working
	if !working {
		q.drop(t)
	}
	q.mu.Unlock()
	if working && errors.Is(err, errStopped) {
		return nil // it was given its place before the end
	}
	if working {
		q.leave(t)
	}
	return err
}

// leave gives a place at work back, and to whoever's turn it is.
func (q *queue) leave(t *ticket) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.working, t)
	q.free++
	q.release(t.principal)
	if q.over() {
		q.end()
		return
	}
	if len(q.turns) == 0 {
		return
	}
	next := q.turns[0]
	q.turns = q.turns[1:]
	first := q.waiting[next][0]
	q.waiting[next] = q.waiting[next][1:]
	if len(q.waiting[next]) == 0 {
		delete(q.waiting, next)
	} else {
		q.turns = append(q.turns, next)
	}
	q.begin(first)
}

// stop refuses all that wait and all that come, and returns when nobody works.
func (q *queue) stop() {
	q.mu.Lock()
	if !q.over() {
		close(q.stopped)
		q.end()
	}
	q.mu.Unlock()
	<-q.emptied
}

// The rest is called under the mutex.

func (q *queue) over() bool {
	select {
	case <-q.stopped:
		return true
	default:
		return false
	}
}

func (q *queue) end() {
	if len(q.working) == 0 {
		close(q.emptied)
	}
}

func (q *queue) begin(t *ticket) {
	q.free--
	q.working[t] = true
	t.working = true
	close(t.ready)
}

func (q *queue) release(principal string) {
	if q.held[principal]--; q.held[principal] == 0 {
		delete(q.held, principal)
	}
}

// drop takes a ticket that waits out of the queue.
func (q *queue) drop(t *ticket) {
	own := q.waiting[t.principal]
	for i, o := range own {
		if o == t {
			own = append(own[:i:i], own[i+1:]...)
			q.release(t.principal)
			break
		}
	}
	if len(own) > 0 {
		q.waiting[t.principal] = own
		return
	}
	delete(q.waiting, t.principal)
	for i, p := range q.turns {
		if p == t.principal {
			q.turns = append(q.turns[:i:i], q.turns[i+1:]...)
			break
		}
	}
}

func (q *queue) count() (n int) {
	for _, own := range q.waiting {
		n += len(own)
	}
	return n
}

func (q *queue) all() (ts []*ticket) {
	for _, own := range q.waiting {
		ts = append(ts, own...)
	}
	return ts
}

// before lists the tickets whose turn comes before that of a principal's next.
func (q *queue) before(principal string) (ts []*ticket) {
	own := len(q.waiting[principal])
	passed := false // the turns behind the principal's own come one round less
	for _, p := range q.turns {
		if p == principal {
			passed = true
			ts = append(ts, q.waiting[p]...)
			continue
		}
		rounds := own + 1
		if passed {
			rounds = own
		}
		ts = append(ts, q.waiting[p][:min(rounds, len(q.waiting[p]))]...)
	}
	return ts
}

// until is how long it is likely to take until these tickets have had their
// turn: their proofs, and half of those under way, over all workers.
func (q *queue) until(ts ...*ticket) time.Duration {
	var sum time.Duration
	for _, t := range ts {
		sum += t.expect
	}
	for t := range q.working {
		sum += t.expect / 2
	}
	return sum / time.Duration(q.workers)
}
