/* SPDX-License-Identifier: MIT */
#include "certificate.h"

#include "journal.h"

#include <windows.h>
#include <wincrypt.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BYTES 20u
#define FILE_MOST 65536u

static const wchar_t *const stores[] = {L"ROOT", L"TrustedPublisher"};

static HCERTSTORE open_store(const wchar_t *name)
{
    return CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_LOCAL_MACHINE, name);
}

static PCCERT_CONTEXT find(HCERTSTORE store, BYTE *hash)
{
    CRYPT_HASH_BLOB blob = {HASH_BYTES, hash};

    return CertFindCertificateInStore(store, X509_ASN_ENCODING, 0, CERT_FIND_SHA1_HASH, &blob, NULL);
}

static PCCERT_CONTEXT read_certificate(struct steps *steps)
{
    wchar_t path[STEPS_PATH];
    PCCERT_CONTEXT certificate = NULL;
    BYTE *bytes = malloc(FILE_MOST);
    size_t length = 0;
    FILE *file;

    (void)_snwprintf(path, STEPS_PATH, L"%ls\\%ls\\%ls", steps->options.dir, JOURNAL_NEW, CERTIFICATE_FILE);
    path[STEPS_PATH - 1] = L'\0';
    file = _wfopen(path, L"rb");
    if (file) {
        length = bytes ? fread(bytes, 1, FILE_MOST, file) : 0;
        (void)fclose(file);
    }
    if (length > 0)
        certificate = CertCreateCertificateContext(X509_ASN_ENCODING, bytes, (DWORD)length);
    free(bytes);
    return certificate;
}

static enum steps_exit add_to(struct steps *steps, const wchar_t *name, PCCERT_CONTEXT certificate, BYTE *hash)
{
    HCERTSTORE store = open_store(name);
    PCCERT_CONTEXT found = store ? find(store, hash) : NULL;
    enum steps_exit exit = STEPS_DONE;

    /* One that was there before is not ours to remove later. */
    if (found) {
        CertFreeCertificateContext(found);
    } else {
        exit = journal_note(steps, L"certificate", name, steps->installed.certificate, NULL);
        if (exit == STEPS_DONE &&
            (!store || !CertAddCertificateContextToStore(store, certificate, CERT_STORE_ADD_NEW, NULL)))
            exit = steps_fail(steps, STEPS_FAILED, GetLastError(),
                              "the test certificate cannot be added to the machine's store '%ls'", name);
    }
    if (store)
        CertCloseStore(store, 0);
    return exit;
}

enum steps_exit certificate_add(struct steps *steps)
{
    PCCERT_CONTEXT certificate = read_certificate(steps);
    enum steps_exit exit = STEPS_DONE;
    BYTE hash[HASH_BYTES];
    DWORD size = sizeof(hash);

    if (!certificate)
        return steps_fail(steps, STEPS_USAGE, 0, "this setup holds no test certificate that /TESTCERT could add");
    if (!CertGetCertificateContextProperty(certificate, CERT_SHA1_HASH_PROP_ID, hash, &size))
        exit = steps_fail(steps, STEPS_FAILED, GetLastError(), "the test certificate cannot be read");
    for (size_t i = 0; exit == STEPS_DONE && i < HASH_BYTES; i++)
        (void)_snwprintf(steps->installed.certificate + 2 * i, 3, L"%02x", hash[i]);
    for (size_t i = 0; exit == STEPS_DONE && i < sizeof(stores) / sizeof(stores[0]); i++)
        exit = add_to(steps, stores[i], certificate, hash);
    CertFreeCertificateContext(certificate);
    return exit;
}

bool certificate_remove(struct steps *steps, const wchar_t *name, const wchar_t *text)
{
    BYTE hash[HASH_BYTES];
    HCERTSTORE store;
    PCCERT_CONTEXT found;
    bool well = true;

    (void)steps;
    if (wcslen(text) != (size_t)2 * HASH_BYTES)
        return false;
    for (size_t i = 0; i < HASH_BYTES; i++) {
        wchar_t byte[3] = {text[2 * i], text[2 * i + 1], L'\0'};

        hash[i] = (BYTE)wcstoul(byte, NULL, 16);
    }
    store = open_store(name);
    if (!store)
        return false;
    found = find(store, hash);
    if (found)
        well = CertDeleteCertificateFromStore(found);
    /* Closing should write it. Wine's crypt32 still counts a reference to a store that something was deleted from, and so never
     * comes to the end of closing it. */
    if (found)
        (void)CertControlStore(store, 0, CERT_STORE_CTRL_COMMIT, NULL);
    if (!CertCloseStore(store, 0) || !well)
        return false;
    /* Looked at again: a store can say yes and have written nothing. */
    store = open_store(name);
    found = store ? find(store, hash) : NULL;
    well = store && !found;
    if (found)
        CertFreeCertificateContext(found);
    if (store)
        CertCloseStore(store, 0);
    return well;
}

void certificate_remove_all(struct steps *steps, const wchar_t *hash)
{
    for (size_t i = 0; hash[0] && i < sizeof(stores) / sizeof(stores[0]); i++) {
        if (!certificate_remove(steps, stores[i], hash))
            steps_say(steps, "the test certificate could not be taken out of the machine's store '%ls'", stores[i]);
    }
}
