package storm

import "time"

// Request is one request as the detector sees it. The caller fills the exported
// fields above Attempt and leaves it alone from Arrive until End; then it may be
// used again, zeroed or not.
type Request struct {
	// Print identifies what a retry of this request would repeat; 0: unknown.
	Print uint64
	// Exact says that only a retry repeats the Print, as with an id made for one
	// logical request. Otherwise others may: whoever asks the same thing again and
	// again has a rhythm, which is subtracted.
	Exact bool
	// Also identifies the same less surely, for retries that don't repeat the
	// Print: an id may be made anew on the way for each attempt. It is looked for
	// where the Print isn't remembered, as one that isn't Exact; 0: none.
	Also uint64
	// Says is the attempt number that the request itself gives; 0: it doesn't say.
	Says int
	// Class is the request's class, from 0 to MaxClasses-1; others count as the last.
	Class int
	// Client identifies who asks; 0: nobody in particular.
	Client uint64
	// Priority goes before lower ones, as a limiter has it: 0 is the highest, 7 the
	// lowest. First attempts that are shed bound retries of their own priority and
	// of lower ones.
	Priority uint8

	// Attempt is set by Arrive: 1 for a first attempt, more for a retry.
	Attempt int
	// Kept is set by Arrive: the request came back when it had been told to.
	Kept bool
	// Doubted is set by Arrive: that it is a retry is only inferred, from one that
	// looks the same and whose client left. It may as well be another's first
	// attempt, and shouldn't wait behind those. While retries are bound it is never
	// set, as most are some then; but it still needs no part of the budget.
	Doubted bool

	since    int64   // when it came
	due      int64   // when it was told to return; 0: it wasn't
	paid     float64 // tokens that Admit took
	open     bool    // arrived and not ended
	inferred bool    // it is a retry without saying so
	early    bool    // it was told to come much later
	belief   belief  // how sure that is
	refused  bool    // by the budget
}

// Outcome is what came of a request.
type Outcome uint8

// The outcomes.
const (
	// Neutral: nothing is learned from it.
	Neutral Outcome = iota
	// Useful: it was answered, and the client took the answer.
	Useful
	// Failed: the service failed: a 5xx, a reset, a timeout.
	Failed
	// Shed: it was refused by Levee itself, here or by the limiter; what Admit
	// took is given back.
	Shed
	// Abandoned: the client left before it was answered.
	Abandoned
)

// Answer is what a refused request should be told about coming back.
type Answer struct {
	Kind AnswerKind
	// After is, for Return, in how many whole seconds from now.
	After time.Duration
}

// AnswerKind is what an answer says about coming back.
type AnswerKind uint8

// The kinds of answers.
const (
	// Plain says nothing.
	Plain AnswerKind = iota
	// Stop: don't come back.
	Stop
	// Return: come back after the time told.
	Return
)

// String is the kind as metrics have it.
func (k AnswerKind) String() string { return [...]string{"plain", "stop", "return"}[k] }
