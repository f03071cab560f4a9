// Package admin is Levee's two side doors.
//
// The health port is for machines: whether Levee lives, whether it is ready,
// and its metrics. It only answers GET and holds nothing secret, so it may be
// reached by the whole cluster.
//
// The admin port is for operators, on a loopback address or a unix socket: a
// status that says in words what is wrong, the configuration in force, the
// upstreams, profiles, and the few things that can be changed while Levee
// runs. A browser on the same machine must not become a way in for some web
// page that is open in it: see guard.go.
//
// Both go on working when the traffic side has used up its connections or the
// file descriptors: see reserve.go and evict.go. What they show is passed in,
// as small interfaces; cmd wires them.
package admin
