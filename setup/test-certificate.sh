#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes, once, a certificate for tests: build/signing/test.key, test.pem and test.cer (DER, for Windows' stores). Its name
# says that it is not to be trusted; its key lies in a build folder and is nobody's secret.
#
#   usage: setup/test-certificate.sh [FOLDER]
set -eu
folder=${1:-build/signing}
mkdir -p "$folder"
# A new one when there is none, or when it ends within a month.
if openssl x509 -in "$folder/test.pem" -noout -checkend 2592000 >/dev/null 2>&1 && [ -s "$folder/test.key" ]; then exit 0; fi
umask 077
openssl req -x509 -newkey rsa:3072 -sha256 -nodes -days 730 -keyout "$folder/test.key" -out "$folder/test.pem" \
    -subj "/CN=Platter TEST certificate - do not trust" -addext basicConstraints=critical,CA:false \
    -addext keyUsage=critical,digitalSignature -addext extendedKeyUsage=codeSigning 2>"$folder/openssl.log" ||
    { cat "$folder/openssl.log" >&2; exit 1; }
openssl x509 -in "$folder/test.pem" -outform DER -out "$folder/test.cer"
rm -f "$folder/openssl.log"
