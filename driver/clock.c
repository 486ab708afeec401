/* SPDX-License-Identifier: MIT */
#include "clock.h"

/* What ZwQuerySystemInformation gives for SystemTimeOfDayInformation; its size and these two fields never changed. */
#define SYSTEM_TIME_OF_DAY_CLASS 3
typedef struct _TIME_OF_DAY
{
    LARGE_INTEGER BootTime;
    LARGE_INTEGER CurrentTime;
    UCHAR Rest[32];
} TIME_OF_DAY;

NTSYSAPI NTSTATUS NTAPI ZwQuerySystemInformation(ULONG InformationClass,
                                                 PVOID Information,
                                                 ULONG Length,
                                                 PULONG ReturnLength);

ULONGLONG
ClockUptime(void)
{
    LARGE_INTEGER frequency;
    ULONGLONG counter = (ULONGLONG)KeQueryPerformanceCounter(&frequency).QuadPart;
    ULONGLONG persecond = (ULONGLONG)frequency.QuadPart;

    /* In two parts: the product of a long uptime and 1000 would overflow. */
    return counter / persecond * 1000u + counter % persecond * 1000u / persecond;
}

ULONG
ClockMilliseconds(void)
{
    return (ULONG)ClockUptime();
}

ULONGLONG
ClockSystem(void)
{
    TIME_OF_DAY now;
    ULONG length;

    RtlZeroMemory(&now, sizeof(now));
    if (!NT_SUCCESS(ZwQuerySystemInformation(SYSTEM_TIME_OF_DAY_CLASS, &now, sizeof(now), &length)))
        return 0;
    return (ULONGLONG)now.CurrentTime.QuadPart;
}
