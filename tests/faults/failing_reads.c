/* Simulates a disk with bad sectors. Preload it into a program (ld.so(8), LD_PRELOAD): every read of a file whose
 * name contains `eio-from-N` fails with EIO from byte N on.
 *
 * Each call is wrapped under all its names in the C library, including those for 64-bit offsets and those of
 * _FORTIFY_SOURCE. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))
#define FAIL return errno = EIO, -1

/* Return how many of `count` bytes from `at` on are readable, or a negative number if none is. */
static ssize_t good(int file, off_t at, size_t count)
{
    char link[64], path[4096];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    path[length > 0 ? length : 0] = 0;
    const char *mark = strstr(path, "eio-from-");
    if (!mark || !count)
        return count;
    struct stat status;
    if (!fstat(file, &status) && at >= status.st_size)
        return count; /* at the end of the file the kernel does not read the disk */
    off_t bad = atoll(mark + strlen("eio-from-"));
    if (at >= bad)
        return -1;
    return at + (off_t)count > bad ? bad - at : (ssize_t)count;
}

static off_t here(int file)
{
    int saved = errno;
    off_t at = lseek(file, 0, SEEK_CUR); /* fails for a pipe, whose name has no mark */
    errno = saved;
    return at;
}

ssize_t read(int file, void *to, size_t count)
{
    ssize_t left = good(file, here(file), count);
    if (left < 0)
        FAIL;
    return REAL(read)(file, to, left);
}

ssize_t __read_chk(int file, void *to, size_t count, size_t room)
{
    (void)room;
    return read(file, to, count);
}

#define PREAD(name)                                            \
    ssize_t name(int file, void *to, size_t count, off_t at)   \
    {                                                          \
        ssize_t left = good(file, at, count);                  \
        if (left < 0)                                          \
            FAIL;                                              \
        return REAL(pread)(file, to, left, at);                \
    }
PREAD(pread)
PREAD(pread64)

#define PREAD_CHK(name)                                                     \
    ssize_t name(int file, void *to, size_t count, off_t at, size_t room)   \
    {                                                                       \
        (void)room;                                                         \
        return pread(file, to, count, at);                                  \
    }
PREAD_CHK(__pread_chk)
PREAD_CHK(__pread64_chk)

/* Shorten a partly readable read to its readable part. */
#define VECTORED(name, at, real, parameters, arguments)                     \
    ssize_t name parameters                                                 \
    {                                                                       \
        if (!parts_count)                                                   \
            return real arguments;                                          \
        ssize_t left = good(file, at, parts[0].iov_len);                    \
        if (left < 0)                                                       \
            FAIL;                                                           \
        struct iovec first = {parts[0].iov_base, left};                     \
        parts = &first, parts_count = 1;                                    \
        return real arguments;                                              \
    }
#define PARTS int file, const struct iovec *parts, int parts_count
VECTORED(readv, here(file), REAL(readv), (PARTS), (file, parts, parts_count))
VECTORED(preadv, at, REAL(preadv), (PARTS, off_t at), (file, parts, parts_count, at))
VECTORED(preadv64, at, REAL(preadv), (PARTS, off_t at), (file, parts, parts_count, at))
VECTORED(preadv2, at, REAL(preadv2), (PARTS, off_t at, int flags), (file, parts, parts_count, at, flags))
VECTORED(preadv64v2, at, REAL(preadv2), (PARTS, off_t at, int flags), (file, parts, parts_count, at, flags))

#define SENDFILE(name)                                                      \
    ssize_t name(int to, int file, off_t *at, size_t count)                 \
    {                                                                       \
        ssize_t left = good(file, at ? *at : here(file), count);            \
        if (left < 0)                                                       \
            FAIL;                                                           \
        return REAL(sendfile)(to, file, at, left);                          \
    }
SENDFILE(sendfile)
SENDFILE(sendfile64)
