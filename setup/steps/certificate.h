/* SPDX-License-Identifier: MIT */
/* The certificate of a build for tests, which Windows trusts only when /TESTCERT asks for it. */
#ifndef PLATTER_SETUP_CERTIFICATE_H
#define PLATTER_SETUP_CERTIFICATE_H

#include "steps.h"

#define CERTIFICATE_FILE L"driver\\platter-test.cer"

/* Adds it to the machine's trusted roots and publishers; steps->installed.certificate names it then. */
enum steps_exit certificate_add(struct steps *steps);
/* One of them, by its SHA-1 in hexadecimal; it is gone afterwards, or this is false. */
bool certificate_remove(struct steps *steps, const wchar_t *store, const wchar_t *hash);
/* From both stores, what an installation has added. */
void certificate_remove_all(struct steps *steps, const wchar_t *hash);

#endif
