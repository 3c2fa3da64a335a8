// What the generated bindings want of a C library; in runtime.c.
#pragma once
#include <stddef.h>

void *realloc(void *old, size_t bytes);
void free(void *block);
_Noreturn void abort(void);
