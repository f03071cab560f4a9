// Package prefetch has the processor load memory ahead of when it is needed: what
// is one of thousands, and was last used thousands of requests ago, is in none of
// its caches, and each line of it is a wait of a hundred nanoseconds and more. What
// is asked for together is waited for together, and not at all where there is
// something else to do meanwhile.
//
// It is worth its call only where a wait is to be expected: nothing here makes what
// is in the caches any quicker.
package prefetch
