#!/bin/sh
# SPDX-License-Identifier: MIT
# Signs files in place with osslsigncode: programs, drivers (with page hashes), catalogues, cabinets, the installer.
#
#   usage: setup/sign.sh FILE ...
#
# With what, is told by the environment (docs/signing.md):
#   SIGN_KEY and SIGN_CERT        files, PEM or DER
#   SIGN_PKCS12                   a file with both
#   SIGN_PKCS11_MODULE            a token's library, with SIGN_KEY (pkcs11: URI) and SIGN_CERT (file) or SIGN_PKCS11_CERT (URI);
#                                 SIGN_PKCS11_ENGINE, OpenSSL's pkcs11.so where that is not where OpenSSL looks
#   SIGN_PASS_FILE                a file with the password of the key, the PKCS #12 file or the token
#   SIGN_CHAIN                    further certificates, up to the root
#   SIGN_TIMESTAMP                an RFC 3161 server. Nothing else here uses the network, and without it the same file,
#                                 key and SOURCE_DATE_EPOCH give the same bytes
set -eu

with=${SIGN_PKCS12:+pkcs12}
with=${with:-${SIGN_PKCS11_MODULE:+pkcs11}}
with=${with:-${SIGN_KEY:+files}}

# run FILE OPTION...: signs it under another name first, so that a failure leaves it as it was.
run() {
    file=$1
    shift
    rm -f "$file.signed"
    if ! osslsigncode sign "$@" -h sha256 -in "$file" -out "$file.signed" >"$file.log" 2>&1; then
        sed 's/^/sign: /' "$file.log" >&2
        rm -f "$file.signed" "$file.log"
        echo "sign: $file was not signed" >&2
        exit 1
    fi
    rm -f "$file.log"
    chmod --reference="$file" "$file.signed"
    mv -f "$file.signed" "$file"
}

sign() {
    file=$1
    case $with in
    pkcs12) set -- -pkcs12 "$SIGN_PKCS12" ;;
    pkcs11)
        set -- -pkcs11module "$SIGN_PKCS11_MODULE" -key "${SIGN_KEY:?names the key in the token}"
        # Not by -pkcs11engine: from its path osslsigncode makes the engine's name, each version another, and 2.5 a wrong one.
        [ -z "${SIGN_PKCS11_ENGINE:-}" ] || export OPENSSL_ENGINES="${SIGN_PKCS11_ENGINE%/*}"
        if [ -n "${SIGN_PKCS11_CERT:-}" ]; then
            set -- "$@" -pkcs11cert "$SIGN_PKCS11_CERT"
        else
            set -- "$@" -certs "${SIGN_CERT:?or SIGN_PKCS11_CERT names the certificate}"
        fi
        ;;
    files) set -- -key "$SIGN_KEY" -certs "${SIGN_CERT:?is the file with the certificate}" ;;
    *) echo "sign: SIGN_KEY and SIGN_CERT, SIGN_PKCS12 or SIGN_PKCS11_MODULE tell what to sign with" >&2; exit 2 ;;
    esac
    [ -z "${SIGN_PASS_FILE:-}" ] || set -- "$@" -readpass "$SIGN_PASS_FILE"
    [ -z "${SIGN_CHAIN:-}" ] || set -- "$@" -ac "$SIGN_CHAIN"
    if [ -n "${SIGN_TIMESTAMP:-}" ]; then
        set -- "$@" -ts "$SIGN_TIMESTAMP"
    else
        # The signer's own claim of the time; fixed, or no two signatures would be the same.
        set -- "$@" -time "${SOURCE_DATE_EPOCH:-315532800}"
    fi
    case $file in
    # Code integrity can check each page of a driver that is read again later; other files are only hashed whole.
    *.sys) set -- "$@" -ph ;;
    *.exe | *.dll) set -- "$@" -n Platter ;;
    esac
    run "$file" "$@"
}

for each in "$@"; do sign "$each"; done
