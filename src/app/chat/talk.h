/* talk.h: a conversation at the terminal. */
#ifndef CHAT_TALK_H
#define CHAT_TALK_H

#include "conversation.h"

/* Until /exit. */
void talk(conversation_t *conversation);

/* What the last answer cost. */
void talk_figures(const conversation_t *conversation);

/* The whole number that a text begins with, 0 if it begins with none; at most 10^9. */
uint32_t talk_number(const char *text);

#endif
