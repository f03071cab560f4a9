/*
 * bare does the least that a program on sockets can do, so that a measurement
 * of it shows what the system's own calls take: one thread, one epoll, and for
 * each message one recv and one send. It parses nothing and understands
 * nothing. It is no proxy, only the floor under those that are.
 *
 *   bare answer PORT TEXT      answers whatever comes with TEXT
 *   bare relay PORT ORIGIN     opens a connection to port ORIGIN for each that it
 *                              takes, and passes on what comes, both ways
 *
 * All on 127.0.0.1. What one recv brings is taken for a whole message: the load
 * that it is made for sends requests in one piece, one at a time. It ends when
 * whoever started it has ended.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	EVENTS = 64,      /* that are looked at together */
	BUFFER = 16384,   /* bytes that are read at once */
	BACKLOG = 4096,   /* connections that wait to be taken */
	LOOK = 1000,      /* ms without anything to do, then it looks whether it is still wanted */
};

static int poll_fd;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in loopback(const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return a;
}

/* watch asks for what comes in on fd. With it is kept to where that goes. */
static void watch(int fd, int to)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)to << 32 | (uint32_t)fd};
	if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e))
		die("epoll_ctl");
}

static int listen_on(const char *port)
{
	struct sockaddr_in a = loopback(port);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, BACKLOG))
		die("listening");
	watch(fd, fd);
	return fd;
}

/* take takes a connection; with an origin it opens the other one of the pair. */
static void take(int listener, const char *origin)
{
	int one = 1, to, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	if (fd < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		die("accept");
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (!origin) {
		watch(fd, fd);
		return;
	}
	/* It is open at once: nothing is near 127.0.0.1 but itself. */
	struct sockaddr_in a = loopback(origin);
	to = socket(AF_INET, SOCK_STREAM, 0);
	if (to < 0 || connect(to, (struct sockaddr *)&a, sizeof a))
		die("connecting to the origin");
	setsockopt(to, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	watch(fd, to);
	watch(to, fd);
}

/* end closes both of a pair, and drops what the events still to be looked at say of them. */
static void end(int fd, int to, struct epoll_event *rest, int n)
{
	for (int i = 0; i < n; i++)
		if ((int)(uint32_t)rest[i].data.u64 == to)
			rest[i].events = 0;
	close(fd);
	if (to != fd)
		close(to);
}

int main(int argc, char **argv)
{
	static char buffer[BUFFER];
	struct epoll_event events[EVENTS];
	struct rlimit files;
	pid_t starter = getppid();

	if (argc != 4 || (strcmp(argv[1], "answer") && strcmp(argv[1], "relay"))) {
		fprintf(stderr, "usage: bare answer PORT TEXT | bare relay PORT ORIGIN\n");
		return 2;
	}
	const char *answer = argv[1][0] == 'a' ? argv[3] : NULL, *origin = answer ? NULL : argv[3];
	size_t answer_size = answer ? strlen(answer) : 0;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if ((poll_fd = epoll_create1(0)) < 0)
		die("epoll_create1");
	int listener = listen_on(argv[2]);

	for (;;) {
		int n = epoll_wait(poll_fd, events, EVENTS, LOOK);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		if (n == 0 && getppid() != starter)
			return 0;
		for (int i = 0; i < n; i++) {
			int fd = (uint32_t)events[i].data.u64, to = events[i].data.u64 >> 32;
			if (!events[i].events)
				continue;
			if (fd == listener) {
				take(listener, origin);
				continue;
			}
			ssize_t size = recv(fd, buffer, BUFFER, MSG_DONTWAIT);
			if (size < 0 && (errno == EAGAIN || errno == EINTR))
				continue;
			if (size > 0 && answer)
				size = answer_size;
			/* A message that a socket doesn't take whole is none that this is made for. */
			if (size <= 0 || send(to, answer ? answer : buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL) != size)
				end(fd, to, events + i + 1, n - i - 1);
		}
	}
}
