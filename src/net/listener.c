/* The listener: binds the addresses, then one thread accepts from all of them. It owns the listening
 * descriptors; what it accepts is given away at once, so it never waits for a client. */
#include <errno.h>
#include <hubbub/check.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <hubbub/net.h>
#include <hubbub/text.h>
#include <hubbub/thread.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    MAX_SOCKETS = 32,
    BACKLOG = 4096, /* the system caps it at net.core.somaxconn */
    LISTENER_STACK = 65536,
    EXHAUSTED_PAUSE_MS = 50, /* no descriptor left: let some connection end before trying again */
};

struct listener {
    /* set once */
    int stop_fd;
    int fds[MAX_SOCKETS];
    int nfds;
    char *unix_paths[MAX_SOCKETS];
    int npaths;
    listener_accept_fn *accept;
    void *arg;
    struct thread *thread;
    bool running; /* of whoever starts and stops it */
};

/* ---- binding ------------------------------------------------------------------------------------- */

static bool is_full(const struct listener *l)
{
    errno = EMFILE;
    return l->nfds == MAX_SOCKETS;
}

static int add_socket(struct listener *l, int fd)
{
    if (listen(fd, BACKLOG) != 0) {
        int err = errno;
        close(fd);
        errno = err;
        return -1;
    }
    l->fds[l->nfds++] = fd;
    return 0;
}

static int bind_unix(struct listener *l, const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    if (is_full(l))
        return -1;
    if (strlen(path) >= sizeof sa.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(sa.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    /* A socket that nobody answers on was left behind by a process that is gone. */
    struct stat st;
    if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (probe >= 0 && connect(probe, (struct sockaddr *)&sa, sizeof sa) != 0 &&
            errno == ECONNREFUSED)
            unlink(path);
        if (probe >= 0)
            close(probe);
    }
    if (bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0) {
        int err = errno;
        close(fd);
        errno = err;
        return -1;
    }
    l->unix_paths[l->npaths++] = xstrdup(path);
    return add_socket(l, fd);
}

static int bind_inet(struct listener *l, const struct addrinfo *ai)
{
    if (is_full(l))
        return -1;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
        int err = errno;
        close(fd);
        errno = err;
        return -1;
    }
    return add_socket(l, fd);
}

/* "host:port" or "[v6]:port"; host "" or "*" is every address. */
static int bind_host(struct listener *l, const char *address, const char **why)
{
    char host[256];
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon[1] == '\0' || (size_t)(colon - address) >= sizeof host) {
        *why = "expected host:port, [address]:port or unix:/path";
        return -1;
    }
    size_t n = (size_t)(colon - address);
    const char *from = address;
    if (n >= 2 && from[0] == '[' && from[n - 1] == ']') {
        from++;
        n -= 2;
    }
    memcpy(host, from, n);
    host[n] = '\0';
    bool any = n == 0 || strcmp(host, "*") == 0;

    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list = NULL;
    int err = getaddrinfo(any ? NULL : host, colon + 1, &hints, &list);
    if (err != 0) {
        *why = gai_strerror(err);
        return -1;
    }
    int bound = 0, last = 0;
    for (struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
        if (bind_inet(l, ai) == 0)
            bound++;
        /* A machine without IPv6 has the wildcard for it in its list all the same. */
        else if (!(any && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)))
            last = errno;
    }
    freeaddrinfo(list);
    errno = last;
    return bound > 0 && last == 0 ? 0 : -1;
}

/* What may be done about it. */
static const char *advice(int error, bool unix_socket)
{
    if (error == EADDRINUSE)
        return " (is another server running? choose another address)";
    if (error == EACCES && !unix_socket)
        return " (ports below 1024 need the capability CAP_NET_BIND_SERVICE: choose another)";
    if (error == EADDRNOTAVAIL)
        return " (it must be an address of this machine)";
    return "";
}

int listener_new(struct listener **out, char *const *addresses, size_t n, char *why, size_t space)
{
    struct listener *l = xcalloc(1, sizeof *l);
    l->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (size_t i = 0; i < n; i++) {
        const char *detail = NULL;
        errno = 0;
        bool unix_socket = strncmp(addresses[i], "unix:", 5) == 0;
        int err =
            unix_socket ? bind_unix(l, addresses[i] + 5) : bind_host(l, addresses[i], &detail);
        if (err != 0) {
            int saved = errno;
            snprintf(why, space, "cannot listen on %s: %s%s", addresses[i],
                     detail != NULL ? detail : strerror(saved),
                     detail != NULL ? "" : advice(saved, unix_socket));
            listener_free(l);
            return ERR_SYSTEM;
        }
    }
    *out = l;
    return 0;
}

void listener_free(struct listener *l)
{
    REQUIRE(!l->running);
    for (int i = 0; i < l->nfds; i++)
        close(l->fds[i]);
    for (int i = 0; i < l->npaths; i++) {
        unlink(l->unix_paths[i]);
        free(l->unix_paths[i]);
    }
    close(l->stop_fd);
    free(l);
}

int listener_port(const struct listener *l)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof sa;
    if (l->nfds == 0 || getsockname(l->fds[0], (struct sockaddr *)&sa, &len) != 0)
        return 0;
    if (sa.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&sa)->sin_port);
    return sa.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&sa)->sin6_port) : 0;
}

/* ---- accepting ----------------------------------------------------------------------------------- */

static void peer_text(const struct sockaddr_storage *sa, char *text, size_t space)
{
    char host[NI_MAXHOST] = "?";
    if (sa->ss_family == AF_UNIX || sa->ss_family == AF_UNSPEC)
        strcpy(host, "unix");
    else
        getnameinfo((const struct sockaddr *)sa, sizeof *sa, host, sizeof host, NULL, 0,
                    NI_NUMERICHOST);
    host[strcspn(host, "%")] = '\0'; /* the scope of a link-local address */
    text_copy(text, space, host, strlen(host));
}

/* Takes all that wait on one socket; false when descriptors have run out. */
static bool accept_all(struct listener *l, int fd)
{
    for (;;) {
        struct sockaddr_storage sa = {0};
        socklen_t len = sizeof sa;
        int client = accept4(fd, (struct sockaddr *)&sa, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0) {
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            return errno == EAGAIN || errno == EWOULDBLOCK;
        }
        /* Or a small message waits for the acknowledgement of the one before it, up to 40 ms. */
        int on = 1;
        if (sa.ss_family == AF_INET || sa.ss_family == AF_INET6)
            setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        char peer[INET6_ADDRSTRLEN];
        peer_text(&sa, peer, sizeof peer);
        l->accept(l->arg, client, peer);
    }
}

static void listener_main(void *arg)
{
    struct listener *l = arg;
    struct pollfd p[MAX_SOCKETS + 1];
    p[0] = (struct pollfd){.fd = l->stop_fd, .events = POLLIN};
    for (int i = 0; i < l->nfds; i++)
        p[i + 1] = (struct pollfd){.fd = l->fds[i], .events = POLLIN};

    while (poll(p, (nfds_t)l->nfds + 1, -1) < 0 || p[0].revents == 0) {
        bool exhausted = false;
        for (int i = 1; i <= l->nfds; i++)
            if (p[i].revents != 0 && !accept_all(l, p[i].fd))
                exhausted = true;
        if (exhausted) {
            log_warn("cannot accept connections", LOG_STR("error", strerror(errno)));
            poll(p, 1, EXHAUSTED_PAUSE_MS);
        }
    }
}

int listener_start(struct listener *l, listener_accept_fn *accept_fn, void *arg)
{
    REQUIRE(!l->running);
    l->accept = accept_fn;
    l->arg = arg;
    int err = thread_start(&l->thread, "listener", LISTENER_STACK, listener_main, l);
    l->running = err == 0;
    return err;
}

void listener_stop(struct listener *l)
{
    if (!l->running)
        return;
    uint64_t one = 1;
    INSIST(write(l->stop_fd, &one, sizeof one) == sizeof one);
    thread_join(l->thread);
    l->running = false;
}
