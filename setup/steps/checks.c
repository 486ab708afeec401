/* SPDX-License-Identifier: MIT */
#include "steps.h"

#include "registry.h"

#include <windows.h>
#include <string.h>

#define WINDOWS_MAJOR 6u /* Windows 7 with its service pack is 6.1.7601 */
#define WINDOWS_MINOR 1u
#define WINDOWS_BUILD 7601u

#ifdef _WIN64
#define OWN_MACHINE 0x8664u /* IMAGE_FILE_MACHINE_AMD64 */
#define OWN_BITS "64-bit"
#else
#define OWN_MACHINE 0x14cu /* IMAGE_FILE_MACHINE_I386 */
#define OWN_BITS "32-bit"
#endif

static FARPROC routine(const wchar_t *library, const char *name)
{
    HMODULE module = GetModuleHandleW(library);

    return module ? GetProcAddress(module, name) : NULL;
}

/* ---- Windows --------------------------------------------------------------------------------------------------------- */

static enum steps_exit check_version(struct steps *steps)
{
    typedef LONG(WINAPI * get_version_fn)(OSVERSIONINFOW *);
    /* GetVersionEx answers what the manifest asks for. */
    get_version_fn get_version = (get_version_fn)(void *)routine(L"ntdll.dll", "RtlGetVersion");
    OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof(version)};

    if (!get_version || get_version(&version) != 0)
        return steps_fail(steps, STEPS_UNSUPPORTED, 0, "Windows does not tell its version");
    if (version.dwMajorVersion > WINDOWS_MAJOR ||
        (version.dwMajorVersion == WINDOWS_MAJOR && version.dwMinorVersion > WINDOWS_MINOR) ||
        (version.dwMajorVersion == WINDOWS_MAJOR && version.dwMinorVersion == WINDOWS_MINOR &&
         version.dwBuildNumber >= WINDOWS_BUILD))
        return STEPS_DONE;
    return steps_fail(steps, STEPS_UNSUPPORTED, 0,
                      "Platter needs Windows 7 with Service Pack 1, or a later Windows; this is version %lu.%lu.%lu",
                      version.dwMajorVersion, version.dwMinorVersion, version.dwBuildNumber);
}

/* The machine's own processor, not the one that is emulated for this program. */
static unsigned native_machine(void)
{
    typedef BOOL(WINAPI * wow64_2_fn)(HANDLE, USHORT *, USHORT *);
    typedef BOOL(WINAPI * wow64_fn)(HANDLE, BOOL *);
    wow64_2_fn wow64_2 = (wow64_2_fn)(void *)routine(L"kernel32.dll", "IsWow64Process2");
    wow64_fn wow64 = (wow64_fn)(void *)routine(L"kernel32.dll", "IsWow64Process");
    USHORT process = 0, native = 0;
    BOOL emulated = FALSE;

    if (wow64_2 && wow64_2(GetCurrentProcess(), &process, &native))
        return native;
    if (wow64 && wow64(GetCurrentProcess(), &emulated) && emulated)
        return OWN_MACHINE == 0x14cu ? 0x8664u : 0;
    return OWN_MACHINE;
}

static enum steps_exit check_machine(struct steps *steps)
{
    unsigned native = native_machine();

    if (native == OWN_MACHINE)
        return STEPS_DONE;
    if (native == 0x8664u)
        return steps_fail(steps, STEPS_UNSUPPORTED, 0,
                          "This is the setup for 32-bit Windows, and this Windows has 64 bits. Take the one without "
                          "'x86' in its name");
    if (native == 0xaa64u)
        return steps_fail(
            steps, STEPS_UNSUPPORTED, 0,
            "This computer has an ARM64 processor, and there is no Platter for it: Windows emulates other "
            "processors for programs, but not for drivers");
    return steps_fail(steps, STEPS_UNSUPPORTED, 0,
                      "Platter's driver is for " OWN_BITS " x86 processors, and this machine has another one (0x%x)",
                      native);
}

/* ---- Signature --------------------------------------------------------------------------------------------------------*/

/* Whether Windows was started with test signing; it tells in the options it was started with. */
static bool test_signing(void)
{
    wchar_t options[1024];

    /* Wine has no such value, and loads what it is given. */
    if (!registry_read_text(L"SYSTEM\\CurrentControlSet\\Control", L"SystemStartOptions", options, 1024))
        return true;
    (void)_wcsupr(options);
    return wcsstr(options, L"TESTSIGNING") != NULL;
}

static enum steps_exit check_signature(struct steps *steps)
{
    if (steps->options.release)
        return STEPS_DONE;
    if (registry_read_number(L"SYSTEM\\CurrentControlSet\\Control\\SecureBoot\\State", L"UEFISecureBootEnabled", 0) ==
        1)
        return steps_fail(
            steps, STEPS_SECURE_BOOT, 0,
            "This build is for tests: its driver has no signature of Microsoft's, and while Secure Boot is "
            "on Windows loads no other. Turn Secure Boot off in the firmware's settings and test signing "
            "on ('bcdedit /set testsigning on', then restart), or take a signed release");
#ifdef _WIN64
    if (!test_signing())
        return steps_fail(
            steps, STEPS_SECURE_BOOT, 0,
            "This build is for tests: its driver has no signature of Microsoft's, and Windows loads such "
            "drivers with test signing only. Turn it on as an administrator ('bcdedit /set testsigning on', "
            "then restart), or take a signed release");
#else
    (void)test_signing;
#endif
    return STEPS_DONE;
}

/* ---- Versions -------------------------------------------------------------------------------------------------------- */

void steps_installed_read(struct steps_installed *installed)
{
    static const wchar_t key[] = L"SOFTWARE\\Platter";
    wchar_t components[64];

    memset(installed, 0, sizeof(*installed));
    if (!registry_read_text(key, L"InstallDir", installed->dir, STEPS_PATH))
        return;
    (void)registry_read_text(key, L"Version", installed->version, sizeof(installed->version) / sizeof(wchar_t));
    (void)registry_read_text(key, L"TestCertificate", installed->certificate,
                             sizeof(installed->certificate) / sizeof(wchar_t));
    installed->components = STEPS_ALL;
    if (registry_read_text(key, L"Components", components, 64))
        (void)steps_components_read(components, &installed->components);
}

/* Numbers between dots: less than, equal to, greater than 0 as a is. */
static int compare_versions(const wchar_t *a, const wchar_t *b)
{
    while (*a || *b) {
        wchar_t *a_end, *b_end;
        unsigned long one = wcstoul(a, &a_end, 10), other = wcstoul(b, &b_end, 10);

        if (one != other)
            return one < other ? -1 : 1;
        if (a_end == a && b_end == b)
            return wcscmp(a, b); /* no numbers any more */
        a = a_end + (*a_end == L'.');
        b = b_end + (*b_end == L'.');
    }
    return 0;
}

static enum steps_exit check_installed(struct steps *steps)
{
    int order;

    if (!steps->installed.dir[0])
        return STEPS_DONE;
    order = compare_versions(steps->installed.version, steps->options.version);
    if (order > 0)
        return steps_fail(steps, STEPS_NEWER, 0,
                          "Platter %ls is installed, which is newer than this %ls. Uninstall it first if you want the "
                          "older one",
                          steps->installed.version, steps->options.version);
    return order == 0 ? STEPS_SAME : STEPS_OLDER;
}

enum steps_exit steps_check_elevated(struct steps *steps)
{
    SID_IDENTIFIER_AUTHORITY authority = {SECURITY_NT_AUTHORITY};
    BOOL member = FALSE;
    PSID administrators = NULL;

    if (AllocateAndInitializeSid(&authority, 2, SECURITY_BUILTIN_DOMAIN_RID, DOMAIN_ALIAS_RID_ADMINS, 0, 0, 0, 0, 0, 0,
                                 &administrators)) {
        /* Says no, too, for the token that UAC gives to an administrator's ordinary programs. */
        if (!CheckTokenMembership(NULL, administrators, &member))
            member = FALSE;
        FreeSid(administrators);
    }
    return member ? STEPS_DONE
                  : steps_fail(steps, STEPS_NOT_ELEVATED, 0,
                               "Only an administrator can install or remove Platter. Start this program with 'Run as "
                               "administrator'");
}

enum steps_exit steps_check(struct steps *steps)
{
    enum steps_exit exit = check_version(steps);

    if (exit == STEPS_DONE)
        exit = check_machine(steps);
    if (exit == STEPS_DONE)
        exit = steps_check_elevated(steps);
    if (exit == STEPS_DONE)
        exit = check_signature(steps);
    return exit == STEPS_DONE ? check_installed(steps) : exit;
}
