/*
 * linux.h: what the twin knows of Linux (i386): its system calls, without libc.
 *
 * The twin is a program of the kernel library and an app that Linux runs as an ordinary process, at the addresses that
 * a kernel has. Every file here takes the place of the one of the same name in src/kernel_lib, behind the same header:
 * those that touch hardware. All others are the kernel's own objects.
 */
#ifndef BF_LINUX_H
#define BF_LINUX_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CALL_WRITE = 4,
    CALL_OPEN = 5,
    CALL_SETITIMER = 104,
    CALL_LSEEK64 = 140,
    CALL_MSYNC = 144,
    CALL_PRCTL = 172,
    CALL_SIGACTION = 174,
    CALL_SIGPROCMASK = 175,
    CALL_SIGSUSPEND = 179,
    CALL_SIGALTSTACK = 186,
    CALL_MMAP2 = 192,
    CALL_FTRUNCATE64 = 194,
    CALL_SET_THREAD_AREA = 243,
    CALL_EXIT_GROUP = 252,
    CALL_MEMFD_CREATE = 356,
};

enum { STANDARD_OUTPUT = 1, STANDARD_ERROR = 2 };

enum {
    MAP_CAN_READ = 1,
    MAP_CAN_WRITE = 2,
    MAP_CAN_EXECUTE = 4,
    MAP_SHARED = 0x1,
    MAP_PRIVATE = 0x2,
    MAP_AT = 0x10, /* in the place of what is there */
    MAP_ANONYMOUS = 0x20,
    MAP_NO_RESERVE = 0x4000,
    MAP_AT_FREE = 0x100000, /* at this address, or not at all */
    MAP_NO_FILE = -1,
};

/* entry.asm: the answer of a system call, or an error as a negative number. Those behind the last one are 0. */
int32_t system_call(uint32_t number, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f);

/* Whether an answer that is an address is none. */
static inline bool is_error(int32_t answer) {
    return (uint32_t)answer > UINT32_MAX - 4096;
}

/* Maps a file, or nothing (MAP_NO_FILE); the offset is in pages. */
int32_t map(uint32_t address, uint32_t size, uint32_t access, uint32_t how, int32_t file, uint32_t page);

/* memory_map.c: the file behind the memory from BF_HEAP_START up. */
extern int32_t memory_file;

/* Ends the program before the kernel's own ways to end are there: with a sentence, and a status of its own. */
_Noreturn void give_up(const char *what, const char *why);

/* The words of the command line: the disk, who is watching (fw_cfg.h) and the line for the app. */
typedef struct {
    const char *image;
    const char *mode;
    const char *arguments;
    uint32_t memory; /* MiB, the kernel's own below BF_HEAP_START among them */
    bool is_kept;    /* what the program writes to its disk */
} words_t;

extern words_t words;

#endif
