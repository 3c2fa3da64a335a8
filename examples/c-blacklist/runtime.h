// There is no C library and no WASI: this is all the memory management that a module needs.
#pragma once

// Forgets everything that was allocated, by the host for arguments and answers, and by us. To be called at the end of
// every `handle`: nothing that a rule keeps between calls may be in allocated memory.
void forget_all(void);
