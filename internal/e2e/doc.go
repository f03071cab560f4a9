// Package e2e holds the tests that start the real levee binary, as a user
// would: on sockets, with signals, files, foreign clients and foreign servers.
// What can be seen without a process of its own is tested in its own package.
//
// It has no code outside its tests.
package e2e
