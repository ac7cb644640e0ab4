/* monitor.c: see monitor.h. A command is a row of the table below. */
#include "monitor.h"

#include "jit_runtime.h"
#include "runtime.h"
#include "version.h"

enum { LINE_SIZE = 256, KEY_DELETE = 127, KEY_CANCEL = 'U' - '@' };

typedef struct {
    const char *name;
    const char *usage; /* what may follow the name */
    const char *help;
    void (*run)(const char *argument);
} command_t;

static void help(const char *argument);

static void memory(const char *argument) {
    (void)argument;
    size_t count;
    const memory_region_t *regions = memory_map(&count);
    for (size_t i = 0; i < count; i++) {
        terminal_printf("  %08llx to %08llx  %7llu KiB usable\n", regions[i].base,
                        regions[i].base + regions[i].length - 1, regions[i].length / 1024);
    }
    heap_statistics_t heap = heap_statistics();
    terminal_printf("heap: %zu bytes, %zu in use, largest free block %zu\n", heap.total, heap.used, heap.largest);
}

static void profile(const char *argument) {
    (void)argument;
    jit_profile_print();
}

static void bench(const char *argument) {
    (void)argument;
    int status = app_main();
    terminal_printf("the program returned %d\n", status);
}

static void list(const char *path) {
    fs_volume_t *volume;
    fs_directory_t directory;
    fs_entry_t entry;
    fs_result_t result = fs_mount_disk(&volume);
    result = result ? result : fs_open_directory(volume, path, &directory);
    while (!result && !(result = fs_next(&directory, &entry))) {
        terminal_printf("%10u  %s%s\n", entry.size, entry.name, entry.is_directory ? "/" : "");
    }
    if (result == FS_END) {
        terminal_printf("%llu bytes free\n", fs_free_bytes(volume));
    } else {
        terminal_printf("ls %s: %s\n", path, fs_result_text(result));
    }
}

/* What is no text appears as dots: control characters would play with the terminal. */
static void write_as_text(char *bytes, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        bool is_text = (bytes[i] >= ' ' && bytes[i] <= '~') || bytes[i] == '\n' || bytes[i] == '\t';
        bytes[i] = is_text ? bytes[i] : bytes[i] == '\r' ? ' ' : '.';
    }
    terminal_write(bytes, count);
}

static void show(const char *path) {
    fs_volume_t *volume;
    fs_file_t file;
    char piece[BLOCK_SIZE];
    uint32_t count = 0;
    fs_result_t result = fs_mount_disk(&volume);
    result = result ? result : fs_open(volume, path, &file);
    for (uint32_t offset = 0; !result && offset < file.size; offset += count) {
        result = fs_read(&file, offset, piece, sizeof(piece), &count);
        write_as_text(piece, count);
    }
    if (count && piece[count - 1] != '\n') {
        terminal_putchar('\n');
    }
    if (result) {
        terminal_printf("cat %s: %s\n", path, fs_result_text(result));
    }
}

static void version(const char *argument) {
    (void)argument;
    terminal_printf("BareFlow %s\n", VERSION);
}

static void reboot(const char *argument) {
    (void)argument;
    machine_reboot();
}

static const command_t COMMANDS[] = {
    {"help", "", "this list", help},
    {"mem", "", "memory map and heap", memory},
    {"profile", "", "what the program's functions have cost", profile},
    {"bench", "", "run the program again", bench},
    {"ls", "[PATH]", "files of the data partition", list},
    {"cat", "PATH", "show a file", show},
    {"version", "", "what this was built from", version},
    {"reboot", "", "reset the machine", reboot},
};

enum { COMMAND_COUNT = sizeof(COMMANDS) / sizeof(COMMANDS[0]) };

static void help(const char *argument) {
    (void)argument;
#pragma clang loop unroll(disable) /* size is what counts here */
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        terminal_printf("  %-8s %-8s %s\n", COMMANDS[i].name, COMMANDS[i].usage, COMMANDS[i].help);
    }
}

static int read_key(void) {
    for (;;) {
        int key = keyboard_read();
        if (key < 0) {
            key = serial_read();
        }
        if (key >= 0) {
            return key;
        }
        interrupts_wait(); /* the timer wakes us to look at the serial line, which has no interrupt */
    }
}

static void erase(size_t characters) {
    while (characters-- > 0) {
        terminal_writestring("\b \b");
    }
}

/* Reads up to the end of a line; what does not fit is refused, not echoed. */
static void read_line(char line[LINE_SIZE]) {
    size_t length = 0;
    for (;;) {
        int key = read_key();
        if (key == '\n' || key == '\r') {
            break;
        }
        if (key == '\b' || key == KEY_DELETE) {
            erase(length > 0);
            length -= length > 0;
        } else if (key == KEY_CANCEL) {
            erase(length);
            length = 0;
        } else if (key >= ' ' && key <= '~' && length < LINE_SIZE - 1) {
            line[length++] = (char)key;
            terminal_putchar((char)key);
        }
    }
    line[length] = '\0';
    terminal_putchar('\n');
}

static char *skip_spaces(char *text) {
    while (*text == ' ') {
        text++;
    }
    return text;
}

/* The argument is the rest of the line without the spaces around it: a path may hold spaces. */
static void run_line(char *line) {
    char *name = skip_spaces(line);
    for (size_t length = strlen(name); length > 0 && name[length - 1] == ' '; length--) {
        name[length - 1] = '\0';
    }
    if (!*name) {
        return;
    }
    char *argument = strchr(name, ' ');
    if (argument) {
        *argument = '\0';
        argument = skip_spaces(argument + 1);
    }
#pragma clang loop unroll(disable)
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(name, COMMANDS[i].name) == 0) {
            COMMANDS[i].run(argument ? argument : "");
            return;
        }
    }
    terminal_printf("%s: unknown; type help\n", name);
}

_Noreturn void monitor_run(void) {
    char line[LINE_SIZE];
    terminal_writestring("\nThis is the monitor; type help.\n");
    for (;;) {
        terminal_writestring("> ");
        read_line(line);
        run_line(line);
    }
}
