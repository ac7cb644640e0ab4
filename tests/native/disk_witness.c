/*
 * disk_witness.c: sees every change that a process makes to the files below one folder. A library for LD_PRELOAD.
 *
 *     WITNESS_ROOT   the folder, as realpath gives it; what happens elsewhere is not looked at
 *     WITNESS_LOG    where to write what happened, one record a change, in the order in which it happened
 *     WITNESS_FAIL   a number: this change fails, and each after it that needs room on a disk
 *     WITNESS_ERRNO  with which error; 0 kills the process (SIGKILL) instead
 *
 * It stands between the C library and the kernel, so nothing that Python does can forget to tell it. What would copy
 * content past it (sendfile, copy_file_range, the ioctl FICLONE) is refused, and callers then write. Changes of one
 * process exclude one another, so the log has their true order; a sync is logged when it has succeeded.
 *
 * A record is `struct record`, then its two paths and its data. Files are told by inode: that survives a rename.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FICLONE 0x40049409ul
#define LOG_FD 1001 /* high, where nobody expects one */

struct record {
    uint32_t kind;                /* a letter, see the functions below */
    uint32_t first, second, data; /* lengths in bytes of what follows */
    uint64_t inode, place;        /* place: offset of a write, size of a truncation */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *root;
static size_t root_length;
static long fail_at, fail_errno, changes;

static long number(const char *text) {
    long value = 0; /* strtol would ask for the newest libc */
    while (text && *text >= '0' && *text <= '9') {
        value = value * 10 + (*text++ - '0');
    }
    return value;
}

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("WITNESS_LOG");
    root = getenv("WITNESS_ROOT");
    root_length = root ? strlen(root) : 0;
    fail_at = number(getenv("WITNESS_FAIL"));
    fail_errno = number(getenv("WITNESS_ERRNO"));
    if (log) {
        int file = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        syscall(SYS_dup3, file, LOG_FD, O_CLOEXEC);
        syscall(SYS_close, file);
    }
}

/* Whether an absolute path is the folder or lies below it. */
static int below(const char *path) {
    return root && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

/* Give the absolute path of `name` in the folder `folder`; return whether it is one that is watched. */
static int absolute(int folder, const char *name, char path[PATH_MAX]) {
    size_t length = 0;
    path[0] = 0;
    if (name[0] != '/') {
        char link[32] = "/proc/self/cwd";
        if (folder != AT_FDCWD) {
            char digits[12];
            int count = 0;
            memcpy(link, "/proc/self/fd/", 15);
            do {
                digits[count++] = (char)('0' + folder % 10);
            } while (folder /= 10);
            for (int i = 0; i < count; i++) {
                link[14 + i] = digits[count - 1 - i];
            }
            link[14 + count] = 0;
        }
        long got = syscall(SYS_readlink, link, path, PATH_MAX - 1);
        length = got > 0 ? (size_t)got : 0;
        if (*name) {
            path[length++] = '/';
        }
    }
    if (length + strlen(name) >= PATH_MAX) {
        return 0;
    }
    strcpy(path + length, name);
    return below(path);
}

/* Whether a descriptor is that of a watched file or folder. */
static int watched(int file) {
    char path[PATH_MAX];
    return root && file != LOG_FD && file >= 0 && absolute(file, "", path);
}

static uint64_t inode_of(int file) {
    struct stat status;
    return syscall(SYS_fstat, file, &status) ? 0 : status.st_ino;
}

static uint64_t inode_at(const char *path) {
    struct stat status;
    return syscall(SYS_newfstatat, AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) ? 0 : status.st_ino;
}

static void tell(char kind, uint64_t inode, uint64_t place, const char *first, const char *second, const void *data,
                 size_t length) {
    struct record record = {(uint32_t)kind, (uint32_t)strlen(first), (uint32_t)strlen(second), (uint32_t)length, inode,
                            place};
    struct iovec parts[] = {{&record, sizeof record},
                            {(void *)first, record.first},
                            {(void *)second, record.second},
                            {(void *)data, length}};
    int before = errno;
    syscall(SYS_writev, LOG_FD, parts, 4);
    errno = before;
}

/* Count a change that needs room; return whether it must fail, with errno set. */
static int fails(void) {
    if (!fail_at || ++changes < fail_at) {
        return 0;
    }
    if (!fail_errno) {
        syscall(SYS_kill, getpid(), SIGKILL);
    }
    errno = (int)fail_errno;
    return 1;
}

static void enter(void) {
    pthread_mutex_lock(&lock);
}

static long leave(long result) {
    pthread_mutex_unlock(&lock);
    return result;
}

/* c: a file was made. t: a file was cut, or grown, to `place` bytes. */
static int do_open(int folder, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    if (!(flags & (O_CREAT | O_TRUNC)) || !absolute(folder, name, path)) {
        return (int)syscall(SYS_openat, folder, name, flags, mode);
    }
    enter();
    uint64_t before = inode_at(path);
    if (!before && fails()) {
        return (int)leave(-1);
    }
    int file = (int)syscall(SYS_openat, folder, name, flags, mode);
    if (file >= 0 && !before) {
        tell('c', inode_of(file), 0, path, "", "", 0);
    } else if (file >= 0 && flags & O_TRUNC) {
        tell('t', inode_of(file), 0, "", "", "", 0);
    }
    return (int)leave(file);
}

#define MODE                                                                                                           \
    mode_t mode = 0;                                                                                                   \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                                               \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }

int open(const char *name, int flags, ...) {
    MODE return do_open(AT_FDCWD, name, flags, mode);
}

int open64(const char *name, int flags, ...) {
    MODE return do_open(AT_FDCWD, name, flags, mode);
}

int openat(int folder, const char *name, int flags, ...) {
    MODE return do_open(folder, name, flags, mode);
}

int openat64(int folder, const char *name, int flags, ...) {
    MODE return do_open(folder, name, flags, mode);
}

/* w: bytes were written at `place`. */
static ssize_t do_write(int file, const void *data, size_t length, off_t place) {
    enter();
    if (fails()) {
        return leave(-1);
    }
    if (place < 0) {
        int flags = (int)syscall(SYS_fcntl, file, F_GETFL);
        place = syscall(SYS_lseek, file, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
        length = (size_t)syscall(SYS_write, file, data, length);
    } else {
        length = (size_t)syscall(SYS_pwrite64, file, data, length, place);
    }
    if ((ssize_t)length > 0) {
        tell('w', inode_of(file), (uint64_t)place, "", "", data, length);
    }
    return leave((ssize_t)length);
}

ssize_t write(int file, const void *data, size_t length) {
    return watched(file) ? do_write(file, data, length, -1) : syscall(SYS_write, file, data, length);
}

ssize_t pwrite(int file, const void *data, size_t length, off_t place) {
    return watched(file) ? do_write(file, data, length, place) : syscall(SYS_pwrite64, file, data, length, place);
}

ssize_t pwrite64(int file, const void *data, size_t length, off64_t place) {
    return pwrite(file, data, length, place);
}

/* A short write is allowed, and whoever calls writev or copies inside the kernel knows how to go on. */
ssize_t writev(int file, const struct iovec *parts, int count) {
    return watched(file) && count > 0 ? do_write(file, parts[0].iov_base, parts[0].iov_len, -1)
                                      : syscall(SYS_writev, file, parts, count);
}

ssize_t sendfile(int to, int from, off_t *place, size_t length) {
    return watched(to) ? (errno = EINVAL, -1) : syscall(SYS_sendfile, to, from, place, length);
}

ssize_t sendfile64(int to, int from, off64_t *place, size_t length) {
    return sendfile(to, from, place, length);
}

ssize_t copy_file_range(int from, off64_t *first, int to, off64_t *second, size_t length, unsigned flags) {
    return watched(to) ? (errno = EINVAL, -1) : syscall(SYS_copy_file_range, from, first, to, second, length, flags);
}

int ioctl(int file, unsigned long request, ...) {
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return request == FICLONE && watched(file) ? (errno = EOPNOTSUPP, -1)
                                               : (int)syscall(SYS_ioctl, file, request, argument);
}

int ftruncate(int file, off_t size) {
    if (!watched(file)) {
        return (int)syscall(SYS_ftruncate, file, size);
    }
    enter();
    int result = fails() ? -1 : (int)syscall(SYS_ftruncate, file, size);
    if (!result) {
        tell('t', inode_of(file), (uint64_t)size, "", "", "", 0);
    }
    return (int)leave(result);
}

int ftruncate64(int file, off64_t size) {
    return ftruncate(file, size);
}

/* s: a file or folder was synced. Not exclusive: many syncs at once are what the disk is good at. */
static int do_sync(int file, long call) {
    if (!watched(file)) {
        return (int)syscall(call, file);
    }
    enter();
    int failed = fails();
    leave(0);
    int result = failed ? -1 : (int)syscall(call, file);
    if (!result) {
        enter();
        tell('s', inode_of(file), 0, "", "", "", 0);
        leave(0);
    }
    return result;
}

int fsync(int file) {
    return do_sync(file, SYS_fsync);
}

int fdatasync(int file) {
    return do_sync(file, SYS_fdatasync);
}

/* S: everything was synced. */
int syncfs(int file) {
    int result = (int)syscall(SYS_syncfs, file);
    if (!result && watched(file)) {
        enter();
        tell('S', 0, 0, "", "", "", 0);
        leave(0);
    }
    return result;
}

/* d: a folder was made. */
int mkdirat(int folder, const char *name, mode_t mode) {
    char path[PATH_MAX];
    if (!absolute(folder, name, path)) {
        return (int)syscall(SYS_mkdirat, folder, name, mode);
    }
    enter();
    int result = fails() ? -1 : (int)syscall(SYS_mkdirat, folder, name, mode);
    if (!result) {
        tell('d', inode_at(path), 0, path, "", "", 0);
    }
    return (int)leave(result);
}

int mkdir(const char *name, mode_t mode) {
    return mkdirat(AT_FDCWD, name, mode);
}

/* Tell a move, with the content of the file: another process may have written it, an action that made an output. */
static void tell_move(char kind, const char *first, const char *second) {
    int file = (int)syscall(SYS_openat, AT_FDCWD, second, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat status = {0};
    void *data = MAP_FAILED;
    if (file >= 0 && !syscall(SYS_fstat, file, &status) && S_ISREG(status.st_mode) && status.st_size) {
        data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    }
    size_t length = data == MAP_FAILED ? 0 : (size_t)status.st_size;
    tell(kind, inode_at(second), 0, first, second, length ? data : "", length);
    if (length) {
        munmap(data, length);
    }
    if (file >= 0) {
        syscall(SYS_close, file);
    }
}

/* r: renamed from the first path to the second. l: linked likewise. The data is the content. */
static int do_move(char kind, long call, int from, const char *old, int to, const char *new, int flags) {
    char first[PATH_MAX], second[PATH_MAX];
    int inside = absolute(from, old, first) | absolute(to, new, second); /* both, for both paths */
    if (!inside) {
        return (int)syscall(call, from, old, to, new, flags);
    }
    enter();
    int result = fails() ? -1 : (int)syscall(call, from, old, to, new, flags);
    if (!result) {
        tell_move(kind, first, second);
    }
    return (int)leave(result);
}

int renameat(int from, const char *old, int to, const char *new) {
    return do_move('r', SYS_renameat2, from, old, to, new, 0);
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    return do_move('r', SYS_renameat2, from, old, to, new, (int)flags);
}

int rename(const char *old, const char *new) {
    return renameat(AT_FDCWD, old, AT_FDCWD, new);
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
    return do_move('l', SYS_linkat, from, old, to, new, flags);
}

int link(const char *old, const char *new) {
    return linkat(AT_FDCWD, old, AT_FDCWD, new, 0);
}

/* y: a symbolic link to the second path was made. */
int symlinkat(const char *target, int folder, const char *name) {
    char path[PATH_MAX];
    if (!absolute(folder, name, path)) {
        return (int)syscall(SYS_symlinkat, target, folder, name);
    }
    enter();
    int result = fails() ? -1 : (int)syscall(SYS_symlinkat, target, folder, name);
    if (!result) {
        tell('y', inode_at(path), 0, path, target, "", 0);
    }
    return (int)leave(result);
}

int symlink(const char *target, const char *name) {
    return symlinkat(target, AT_FDCWD, name);
}

/* u: a name was removed, of a file or of an empty folder. */
int unlinkat(int folder, const char *name, int flags) {
    char path[PATH_MAX];
    if (!absolute(folder, name, path)) {
        return (int)syscall(SYS_unlinkat, folder, name, flags);
    }
    enter();
    int result = (int)syscall(SYS_unlinkat, folder, name, flags);
    if (!result) {
        tell('u', 0, 0, path, "", "", 0);
    }
    return (int)leave(result);
}

int unlink(const char *name) {
    return unlinkat(AT_FDCWD, name, 0);
}

int remove(const char *name) {
    return unlinkat(AT_FDCWD, name, 0);
}

int rmdir(const char *name) {
    return unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
}
