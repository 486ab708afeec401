/* SPDX-License-Identifier: MIT */
/*
 * What AddressSanitizer does by default is made for programs that run once. A fuzz target frees all it has allocated
 * thousands of times a second: a quarantine of hundreds of megabytes, and a stack walked for each block, cost more than
 * the code under test. An input that fails is run again with what one wants to know: ASAN_OPTIONS has the last word.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8:malloc_context_size=2:check_printf=0" FUZZ_SANITIZER_OPTIONS;
}
