/* A storage without a page cache, for a program that this is preloaded into (ld.so(8), LD_PRELOAD): of a file
 * below a directory `uncached`, RWF_NOWAIT is not supported, as on FUSE and 9P. Each read of such a file adds a
 * line to the file $UNCACHED_LOG: the call, and how many bytes it returned. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

static int is_uncached(int file)
{
    char link[64], path[4096];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    path[length > 0 ? length : 0] = 0;
    return strstr(path, "/uncached/") != NULL;
}

static ssize_t noted(int file, const char *call, ssize_t count)
{
    if (count > 0 && is_uncached(file)) {
        int saved = errno;
        int log = open(getenv("UNCACHED_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        dprintf(log, "%s %zd\n", call, count);
        close(log);
        errno = saved;
    }
    return count;
}

#define PREAD(name)                                                         \
    ssize_t name(int file, void *to, size_t count, off_t at)                \
    {                                                                       \
        return noted(file, "pread", REAL(name)(file, to, count, at));       \
    }
PREAD(pread)
PREAD(pread64)

#define PREADV2(name)                                                                               \
    ssize_t name(int file, const struct iovec *parts, int parts_count, off_t at, int flags)         \
    {                                                                                               \
        if (flags & RWF_NOWAIT && is_uncached(file))                                                \
            return errno = EOPNOTSUPP, -1;                                                          \
        return noted(file, "preadv2", REAL(name)(file, parts, parts_count, at, flags));             \
    }
PREADV2(preadv2)
PREADV2(preadv64v2)

#define SENDFILE(name)                                                      \
    ssize_t name(int to, int file, off_t *at, size_t count)                 \
    {                                                                       \
        return noted(file, "sendfile", REAL(name)(to, file, at, count));    \
    }
SENDFILE(sendfile)
SENDFILE(sendfile64)
