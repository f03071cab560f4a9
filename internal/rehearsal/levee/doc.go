// Package levee is Levee's own part between the simulator's clients and its
// service: the limiter and the storm detector, the very code that runs live,
// called in the order in which the proxy calls it.
package levee
