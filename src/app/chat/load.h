/* load.h: the model on the disk, brought into memory. */
#ifndef CHAT_LOAD_H
#define CHAT_LOAD_H

#include "model.h"

/* Says whether there is one; if not, the terminal has the reason. It stays in memory for good. */
bool load_model(model_t *model, const char *path);

#endif
