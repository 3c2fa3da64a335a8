// A pointer that goes up, and back to its start after each call. The host allocates through it too (`cabi_realloc` in
// the bindings): the arguments before a call begins, the answers of imports while it runs. `handle` answers nothing,
// so nothing outlives it. What `describe` and `configure` answer is read by the host after they have returned, and
// then given to `free`: it stays, until the first `handle` ends.
#include "runtime.h"

#include <stdint.h>
#include <stdlib.h>

#define PAGE_BYTES 65536u
#define ALIGNMENT 8u // of a 64-bit integer: nothing in the contract wants more

extern unsigned char __heap_base; // set by the linker: the first address behind data and stack
static uint64_t top;              // the next free address; 64 bits, so that sums cannot overflow

void forget_all(void) { top = (uintptr_t)&__heap_base; }

void *realloc(void *old, size_t bytes) {
    if (top == 0) forget_all();
    uint64_t begin = (top + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    uint64_t end = begin + bytes;
    uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) * PAGE_BYTES;
    if (end > have) {
        uint64_t pages = (end - have + PAGE_BYTES - 1) / PAGE_BYTES;
        if (pages > PAGE_BYTES || __builtin_wasm_memory_grow(0, pages) == SIZE_MAX) abort();
    }
    top = end;
    unsigned char *block = (unsigned char *)(uintptr_t)begin;
    // How long the old block was is not known. It lies below the new one: reading too much of it stays in memory.
    if (old) __builtin_memmove(block, old, bytes);
    return block;
}

void free(void *block) { (void)block; }

// The host discards the instance and everything that the call has asked for.
void abort(void) { __builtin_trap(); }
