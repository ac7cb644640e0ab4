/* load.c: see load.h. */
#include "load.h"

#include "runtime.h"

static bool fail(const char *path, const char *reason) {
    terminal_printf("the model %s cannot be used: %s\n", path, reason);
    return false;
}

bool load_model(model_t *model, const char *path) {
    fs_volume_t *volume;
    fs_file_t file;
    uint32_t done = 0, start = timer_ticks();
    fs_result_t result = fs_mount_disk(&volume);
    result = result ? result : fs_open(volume, path, &file);
    if (result)
        return fail(path, fs_result_text(result));
    uint8_t *memory = file.size > INT32_MAX ? NULL : malloc(file.size + MODEL_ALIGNMENT);
    if (!memory) {
        terminal_printf("it has %u MiB, and the largest free piece of memory %zu\n", file.size >> 20,
                        heap_statistics().largest >> 20);
        return fail(path, "there is too little memory");
    }
    uint8_t *aligned = memory + (MODEL_ALIGNMENT - (uintptr_t)memory % MODEL_ALIGNMENT) % MODEL_ALIGNMENT;
    result = fs_read(&file, 0, aligned, file.size, &done);
    uint32_t read = timer_ticks();
    const char *wrong = result ? fs_result_text(result) : model_open(model, aligned, done);
    if (wrong) {
        free(memory);
        return fail(path, wrong);
    }
    const model_config_t *config = &model->config;
    terminal_printf("%s: %u MiB, read in %u ms, checked in %u ms; %u layers of %u numbers, %u tokens\n", path,
                    file.size >> 20, (read - start) * 10, (timer_ticks() - read) * 10, config->layers, config->dim,
                    config->vocabulary);
    return true;
}
