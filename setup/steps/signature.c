/* SPDX-License-Identifier: MIT */
#include "signature.h"

#include "digest.h"
#include "journal.h"

#include <windows.h>
#include <wincrypt.h>
#include <wintrust.h>
#include <softpub.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MOST (16u << 20) /* of a driver package's file; the driver has some 100 KB */
#define CATALOG L"driver\\platter.cat"

/* ---- Files ---- */

static void path_of(const struct steps *steps, const wchar_t *name, wchar_t *path)
{
    (void)_snwprintf(path, STEPS_PATH, L"%ls\\%ls\\%ls", steps->options.dir, JOURNAL_NEW, name);
    path[STEPS_PATH - 1] = L'\0';
}

/* NULL: it is not there, or cannot be one of ours. To be freed. */
static uint8_t *read_file(const struct steps *steps, const wchar_t *name, size_t *length)
{
    wchar_t path[STEPS_PATH];
    uint8_t *bytes = malloc(FILE_MOST);
    FILE *file;

    path_of(steps, name, path);
    *length = 0;
    file = bytes ? _wfopen(path, L"rb") : NULL;
    if (file) {
        *length = fread(bytes, 1, FILE_MOST, file);
        (void)fclose(file);
    }
    if (*length == 0 || *length == FILE_MOST) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

/* ---- Members ---- */

static bool hash(const struct digest_piece *pieces, ALG_ID algorithm, BYTE *digest, DWORD size)
{
    HCRYPTPROV provider = 0;
    HCRYPTHASH state = 0;
    bool well = CryptAcquireContextW(&provider, NULL, NULL, PROV_RSA_AES, CRYPT_VERIFYCONTEXT) &&
                CryptCreateHash(provider, algorithm, 0, 0, &state);

    for (size_t i = 0; well && i < DIGEST_PIECES; i++)
        well = pieces[i].length == 0 || CryptHashData(state, pieces[i].bytes, (DWORD)pieces[i].length, 0);
    well = well && CryptGetHashParam(state, HP_HASHVAL, digest, &size, 0);
    if (state)
        CryptDestroyHash(state);
    if (provider)
        CryptReleaseContext(provider, 0);
    return well;
}

/* How catalogues of version 1 name a member: SHA-1 in hexadecimal digits, as a text of UTF-16 with its end. */
static void name_of(const BYTE *digest, wchar_t name[2 * DIGEST_SHA1 + 1])
{
    for (size_t i = 0; i < DIGEST_SHA1; i++)
        (void)_snwprintf(name + 2 * i, 3, L"%02X", digest[i]);
}

static bool is_member(const CTL_INFO *list, const void *name, size_t size)
{
    for (DWORD i = 0; i < list->cCTLEntry; i++) {
        const CRYPT_DATA_BLOB *each = &list->rgCTLEntry[i].SubjectIdentifier;

        if (each->cbData == size && memcmp(each->pbData, name, size) == 0)
            return true;
    }
    return false;
}

static enum steps_exit check_member(struct steps *steps, const CTL_INFO *list, const wchar_t *name)
{
    struct digest_piece pieces[DIGEST_PIECES];
    BYTE sha1[DIGEST_SHA1], sha256[DIGEST_SHA256];
    wchar_t text[2 * DIGEST_SHA1 + 1];
    enum steps_exit exit = STEPS_DONE;
    size_t length;
    uint8_t *bytes = read_file(steps, name, &length);

    if (!bytes)
        return steps_fail(steps, STEPS_UNTRUSTED, 0, "%ls is missing or is no file of a driver package", name);
    if (!digest_pieces(bytes, length, pieces)) {
        exit = steps_fail(steps, STEPS_UNTRUSTED, 0, "%ls is damaged: it is no image that can be signed", name);
    } else if (!hash(pieces, CALG_SHA_256, sha256, sizeof(sha256)) || !hash(pieces, CALG_SHA1, sha1, sizeof(sha1))) {
        exit = steps_fail(steps, STEPS_FAILED, GetLastError(), "%ls cannot be hashed", name);
    } else {
        name_of(sha1, text);
        if (!is_member(list, sha256, sizeof(sha256)) && !is_member(list, text, sizeof(text)))
            exit =
                steps_fail(steps, STEPS_UNTRUSTED, 0,
                           "%ls is not the file that was signed: platter.cat does not have its digest. Get this setup "
                           "again from where it comes",
                           name);
    }
    free(bytes);
    return exit;
}

/* A catalogue is a certificate trust list, and what it lists are digests. */
static enum steps_exit check_members(struct steps *steps)
{
    static const wchar_t *const members[] = {L"driver\\platter.sys", L"driver\\platter.inf"};
    enum steps_exit exit = STEPS_DONE;
    size_t length;
    uint8_t *bytes = read_file(steps, CATALOG, &length);
    PCCTL_CONTEXT list = NULL;

    if (!bytes)
        return steps_fail(steps, STEPS_UNTRUSTED, 0,
                          "This setup's driver has no catalogue (platter.cat), which is what would be signed");
    list = CertCreateCTLContext(X509_ASN_ENCODING | PKCS_7_ASN_ENCODING, bytes, (DWORD)length);
    if (!list)
        exit = steps_fail(steps, STEPS_UNTRUSTED, GetLastError(), "%ls is no catalogue", CATALOG);
    for (size_t i = 0; exit == STEPS_DONE && i < sizeof(members) / sizeof(members[0]); i++)
        exit = check_member(steps, list->pCtlInfo, members[i]);
    if (list)
        CertFreeCTLContext(list);
    free(bytes);
    return exit;
}

/* ---- Who signed it ---- */

/* What WinVerifyTrust has found of the chain of certificates. Windows says it by itself; Wine builds the chain of a catalogue's
 * signer and then says yes whatever it found. */
static LONG chain_status(HMODULE library, HANDLE state)
{
    typedef CRYPT_PROVIDER_DATA *(WINAPI * data_fn)(HANDLE);
    typedef CRYPT_PROVIDER_SGNR *(WINAPI * signer_fn)(CRYPT_PROVIDER_DATA *, DWORD, BOOL, DWORD);
    data_fn data_of = (data_fn)(void *)GetProcAddress(library, "WTHelperProvDataFromStateData");
    signer_fn signer_of = (signer_fn)(void *)GetProcAddress(library, "WTHelperGetProvSignerFromChain");
    CRYPT_PROVIDER_DATA *data = data_of ? data_of(state) : NULL;
    CRYPT_PROVIDER_SGNR *signer = data && signer_of ? signer_of(data, 0, FALSE, 0) : NULL;
    DWORD errors;

    if (!signer || !signer->pChainContext)
        return TRUST_E_NOSIGNATURE;
    errors = signer->pChainContext->TrustStatus.dwErrorStatus;
    if (errors & CERT_TRUST_IS_UNTRUSTED_ROOT)
        return CERT_E_UNTRUSTEDROOT;
    return errors & CERT_TRUST_IS_PARTIAL_CHAIN ? CERT_E_CHAINING : ERROR_SUCCESS;
}

/* The catalogue is asked about as a file of its own: its members have been looked at, with the digest of today, which
 * WTD_CHOICE_CATALOG takes from Windows 8 on only. Nothing is fetched: neither lists of what was revoked nor certificates. */
static LONG verify(struct steps *steps)
{
    typedef LONG(WINAPI * verify_fn)(HWND, GUID *, void *);
    HMODULE library = LoadLibraryW(L"wintrust.dll");
    verify_fn verify_trust = library ? (verify_fn)(void *)GetProcAddress(library, "WinVerifyTrust") : NULL;
    wchar_t path[STEPS_PATH];
    GUID action = WINTRUST_ACTION_GENERIC_VERIFY_V2;
    WINTRUST_FILE_INFO file = {.cbStruct = sizeof(file), .pcwszFilePath = path};
    WINTRUST_DATA data = {
        .cbStruct = sizeof(data),
        .dwUIChoice = WTD_UI_NONE,
        .fdwRevocationChecks = WTD_REVOKE_NONE,
        .dwUnionChoice = WTD_CHOICE_FILE,
        .dwStateAction = WTD_STATEACTION_VERIFY,
        .dwProvFlags = WTD_CACHE_ONLY_URL_RETRIEVAL,
    };
    LONG status = TRUST_E_PROVIDER_UNKNOWN;

    path_of(steps, CATALOG, path);
    data.pFile = &file;
    if (verify_trust) {
        status = verify_trust(INVALID_HANDLE_VALUE, &action, &data);
        if (status == ERROR_SUCCESS)
            status = chain_status(library, data.hWVTStateData);
        data.dwStateAction = WTD_STATEACTION_CLOSE;
        (void)verify_trust(INVALID_HANDLE_VALUE, &action, &data);
    }
    if (library)
        FreeLibrary(library);
    return status;
}

static enum steps_exit check_signer(struct steps *steps)
{
    LONG status = verify(steps);

    steps_say(steps, "the catalogue's signature: 0x%08lx", (unsigned long)status);
    if (status == ERROR_SUCCESS)
        return STEPS_DONE;
    if (status == CERT_E_UNTRUSTEDROOT || status == CERT_E_CHAINING || status == TRUST_E_SUBJECT_NOT_TRUSTED)
        return steps_fail(steps, STEPS_UNTRUSTED, 0,
                          steps->options.release
                              ? "Windows does not trust who signed the driver (0x%08lx)"
                              : "Windows does not trust who signed the driver (0x%08lx): this build is for "
                                "tests, and only /TESTCERT makes a machine trust it",
                          (unsigned long)status);
    if (status == TRUST_E_NOSIGNATURE)
        return steps_fail(steps, STEPS_UNTRUSTED, 0, "The driver's catalogue is not signed");
    return steps_fail(steps, STEPS_UNTRUSTED, 0, "The signature of the driver's catalogue is not good (0x%08lx)",
                      (unsigned long)status);
}

enum steps_exit signature_check(struct steps *steps)
{
    enum steps_exit exit = check_members(steps);

    return exit == STEPS_DONE ? check_signer(steps) : exit;
}
