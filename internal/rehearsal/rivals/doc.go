// Package rivals holds the limiters that Levee's own is compared with in the
// simulator, each written from its published rules and with its published
// defaults, named in its comment. It is for the judge alone.
//
// Two things are the same for all of them. They get an upper bound of
// [Ceiling] where their default is lower, so that none loses on a wide service
// by configuration. And they have no queue, as none of the originals has.
package rivals
