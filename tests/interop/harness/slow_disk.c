/* Stands between the daemon and the C library (LD_PRELOAD): a disk that is slow or read-only as long as a file in the folder
 * $LATCHKEY_TEST_DISK says so.
 *
 *   slow       each fsync and fdatasync takes two seconds
 *   read-only  the database's files take no change: EROFS, as after the kernel gave up on a failing card. A real mount can't be
 *              made read-only under a daemon that holds a file open for writing (EBUSY); only a failing disk gets there.
 *
 * Each sync that went well adds a line to the file `syncs`: when it began and when it ended, in seconds since 1970.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int name_in(char *path, const char *name) {
    const char *folder = getenv("LATCHKEY_TEST_DISK");
    return folder != NULL && snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX;
}

static int is(const char *flag) {
    char path[PATH_MAX];
    return name_in(path, flag) && access(path, F_OK) == 0;
}

static int frozen_path(const char *path) {
    return strstr(path, "latchkey.db") != NULL && is("read-only");
}

static int frozen(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = '\0';
    return frozen_path(path);
}

static long refuse(void) {
    errno = EROFS;
    return -1;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int synced(int fd, int (*real)(int)) {
    double began = now();
    if (frozen(fd))
        return (int)refuse();
    if (is("slow")) {
        struct timespec two = {2, 0};
        nanosleep(&two, NULL);
    }
    int result = real(fd);
    char path[PATH_MAX];
    if (result == 0 && name_in(path, "syncs")) {
        FILE *log = fopen(path, "a");
        if (log != NULL) {
            fprintf(log, "%.6f %.6f\n", began, now());
            fclose(log);
        }
    }
    return result;
}

int fsync(int fd) {
    REAL(fsync);
    return synced(fd, real);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    return synced(fd, real);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(write);
    return frozen(fd) ? refuse() : real(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    REAL(pwrite);
    return frozen(fd) ? refuse() : real(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    REAL(pwrite64);
    return frozen(fd) ? refuse() : real(fd, bytes, count, at);
}

int ftruncate(int fd, off_t length) {
    REAL(ftruncate);
    return frozen(fd) ? (int)refuse() : real(fd, length);
}

int ftruncate64(int fd, off64_t length) {
    REAL(ftruncate64);
    return frozen(fd) ? (int)refuse() : real(fd, length);
}

int unlink(const char *path) {
    REAL(unlink);
    return frozen_path(path) ? (int)refuse() : real(path);
}

#define OPENS(name)                                                                                                            \
    int name(const char *path, int flags, ...) {                                                                               \
        REAL(name);                                                                                                            \
        mode_t mode = 0;                                                                                                       \
        if (flags & (O_CREAT | O_TMPFILE)) {                                                                                   \
            va_list rest;                                                                                                      \
            va_start(rest, flags);                                                                                             \
            mode = va_arg(rest, mode_t);                                                                                       \
            va_end(rest);                                                                                                      \
        }                                                                                                                      \
        if ((flags & (O_CREAT | O_WRONLY | O_RDWR)) && frozen_path(path))                                                      \
            return (int)refuse();                                                                                              \
        return real(path, flags, mode);                                                                                        \
    }

OPENS(open)
OPENS(open64)
