/* SPDX-License-Identifier: MIT */
/*
 * Forced into every native compilation of the driver, the simulator and their tests (-include), before anything else:
 * makes mingw-w64's own DDK headers compile on ELF/LP64 and sends what touches the processor to the simulator.
 */
#ifndef NTSIM_PREFIX_H
#define NTSIM_PREFIX_H

/* The headers' Cygwin path: _WIN64 without _WIN32, and a 32-bit LONG although `long` has 64 bits here. */
#define __CYGWIN__ 1
#define __declspec(x) NTSIM_DECLSPEC_##x
#define NTSIM_DECLSPEC_dllimport
#define NTSIM_DECLSPEC_dllexport
#define NTSIM_DECLSPEC_deprecated
#define NTSIM_DECLSPEC_noreturn __attribute__((noreturn))
#define NTSIM_DECLSPEC_align(n) __attribute__((aligned(n)))
#define NTSIM_DECLSPEC_selectany __attribute__((weak))

/* What wdm.h inlines as privileged instructions. */
#define __readcr8 NtSimReadCr8
#define __writecr8 NtSimWriteCr8
#define __readgsqword NtSimReadGsQword
#define __readgsword NtSimReadGsWord
unsigned long long NtSimReadCr8(void);
void NtSimWriteCr8(unsigned long long);
unsigned long long NtSimReadGsQword(unsigned int);
unsigned short NtSimReadGsWord(unsigned int);

/* wdm.h defines these static again; without this clang emits both as global symbols. */
#define __INTRINSIC_DEFINED_InterlockedBitTestAndSet
#define __INTRINSIC_DEFINED_InterlockedBitTestAndReset

/*
 * The convention of everything that crosses between driver and kernel: the host's own for sources compiled natively,
 * Microsoft's for a simulator that serves a loaded .sys. _mingw.h empties __stdcall, so it goes first.
 */
#define __cdecl
#include <_mingw.h>
#undef __stdcall
#undef __fastcall
#ifdef NTSIM_PE
#define NTSIM_ABI __attribute__((ms_abi))
#else
#define NTSIM_ABI
#endif
#define __stdcall NTSIM_ABI
#define __fastcall NTSIM_ABI

/* Empty for 64 bits, where there is but one convention: that of __stdcall. */
#define _REPARSE_DATA_BUFFER NtdefReparseDataBuffer /* ntifs.h has it again */
#define REPARSE_DATA_BUFFER NTDEF_REPARSE_DATA_BUFFER
#define PREPARSE_DATA_BUFFER PNTDEF_REPARSE_DATA_BUFFER
#include <ntdef.h>
#undef _REPARSE_DATA_BUFFER
#undef REPARSE_DATA_BUFFER
#undef PREPARSE_DATA_BUFFER
#undef FASTCALL
#define FASTCALL __stdcall
#include <ntifs.h>
#include <ntddk.h>

/* wdm.h reads a page at a fixed kernel address, which no Linux process can have. */
#undef KeQuerySystemTime
#undef KeQueryTickCount
#undef KeQueryInterruptTime
#define KeQuerySystemTime(time) (*(LONGLONG *)(time) = NtSimSystemTime())
#define KeQueryTickCount(count) (*(LONGLONG *)(count) = NtSimTickCount())
#define KeQueryInterruptTime() ((ULONGLONG)NtSimInterruptTime())
LONGLONG NtSimSystemTime(void);
LONGLONG NtSimTickCount(void);
LONGLONG NtSimInterruptTime(void);

/* ntdef.h's forms go through a null pointer, which UBSan reports. */
#undef CONTAINING_RECORD
#undef FIELD_OFFSET
#define CONTAINING_RECORD(address, type, field) ((type *)((char *)(address) - __builtin_offsetof(type, field)))
#define FIELD_OFFSET(type, field) ((LONG) __builtin_offsetof(type, field))

/* intrin-impl.h has the exchanges as acquire only, which ThreadSanitizer takes at its word; the instruction is full. */
#undef InterlockedExchange
#undef InterlockedExchange64
#undef InterlockedExchangePointer
#define InterlockedExchange(target, value)                                                                             \
    __atomic_exchange_n((LONG volatile *)(target), (LONG)(value), __ATOMIC_SEQ_CST)
#define InterlockedExchange64(target, value)                                                                           \
    __atomic_exchange_n((LONG64 volatile *)(target), (LONG64)(value), __ATOMIC_SEQ_CST)
#define InterlockedExchangePointer(target, value)                                                                      \
    __atomic_exchange_n((void *volatile *)(target), (void *)(value), __ATOMIC_SEQ_CST)

/* glibc's wide functions take a 32-bit wchar_t. */
#define wcslen NtSimWcslen
#define wcscmp NtSimWcscmp
#define wcsncmp NtSimWcsncmp
#define wcscpy NtSimWcscpy
#define wcsncpy NtSimWcsncpy
#define wcschr NtSimWcschr
size_t NtSimWcslen(const WCHAR *);
int NtSimWcscmp(const WCHAR *, const WCHAR *);
int NtSimWcsncmp(const WCHAR *, const WCHAR *, size_t);
WCHAR *NtSimWcscpy(WCHAR *, const WCHAR *);
WCHAR *NtSimWcsncpy(WCHAR *, const WCHAR *, size_t);
WCHAR *NtSimWcschr(const WCHAR *, WCHAR);

#endif
