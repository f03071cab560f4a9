// Package demo is the small HTTP service behind levee run --upstream demo: it
// gives a newcomer answers at once, and shows what Levee passes on. It listens
// on loopback only and keeps no state.
package demo
