/* SPDX-License-Identifier: MIT */
/*
 * What AddressSanitizer does by default is made for programs that run once. A fuzz target frees all it has allocated
 * thousands of times a second: a quarantine of hundreds of megabytes, and a stack walked for each block, cost more than
 * the code under test. An input that fails is run again with what one wants to know: ASAN_OPTIONS has the last word.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "quarantine_size_mb=2:malloc_context_size=1:check_printf=0:allocator_release_to_os_interval_ms=-1"
           ":max_redzone=32" FUZZ_SANITIZER_OPTIONS;
}
