#!/bin/bash
# SPDX-License-Identifier: MIT
# The catalogue that setup/catalog.py makes vouches for the driver and the INF that are shipped, signed by osslsigncode and
# read by it and by another library; and for no other files. What signs does what it says, and nothing by halves.
set -u
. tests/lib.sh
need osslsigncode openssl
/usr/bin/python3 -c 'import asn1crypto' 2>/dev/null || { echo "1..0 # skip python3-asn1crypto is not installed"; exit 0; }

export SOURCE_DATE_EPOCH=1700000000
check "a test certificate is made" setup/test-certificate.sh "$work/signing"
check "its name says what it is" sh -c 'openssl x509 -in "$1" -noout -subject | grep -q "Platter TEST certificate - do not trust"' - "$work/signing/test.pem"
stamp=$(stat -c %Y "$work/signing/test.pem")
check "it is made once" sh -c 'setup/test-certificate.sh "$1" && [ "$(stat -c %Y "$1/test.pem")" = "$2" ]' - "$work/signing" "$stamp"
check "its DER form is the same certificate" sh -c 'openssl x509 -in "$1/test.pem" -outform DER | cmp - "$1/test.cer"' - "$work/signing"
check "its key is nobody else's to read" [ "$(stat -c %a "$work/signing/test.key")" = 600 ]
export SIGN_KEY=$work/signing/test.key SIGN_CERT=$work/signing/test.pem

verify() { osslsigncode verify -CAfile "$SIGN_CERT" "$@"; }
read_catalog() { tests/build/read_catalog.py "$@"; }
# said PATTERN COMMAND...: the command succeeds and its output has a line like that.
said() {
    said_pattern=$1
    shift
    "$@" >"$work/said" 2>&1 && grep -Eq -- "$said_pattern" "$work/said" || { cat "$work/said"; return 1; }
}

for arch in win64 win32; do
    p=$work/$arch
    mkdir "$p"
    cp "build/$arch/platter.sys" "build/$arch/platter.inf" "$p/"
    for version in 2 1; do
        check "$arch: a catalogue, version $version" setup/catalog.py --version $version --out "$p/platter.cat" "$p/platter.inf"
        cp "$p/platter.cat" "$p/unsigned"
        check "$arch, version $version: another library reads it, and its digests are right" read_catalog "$p/platter.cat" "$p"
        check "$arch, version $version: the same package gives the same bytes" \
            sh -c 'setup/catalog.py --version "$1" --out "$2/again" "$2/platter.inf" && cmp "$2/again" "$2/platter.cat"' - $version "$p"
        check "$arch, version $version: it is signed" setup/sign.sh "$p/platter.cat"
        check "$arch, version $version: and vouches for the driver" said "Signature verification: ok" verify -catalog "$p/platter.cat" "$p/platter.sys"
        check "$arch, version $version: the signed one reads the same" read_catalog "$p/platter.cat" "$p"
        cp "$p/platter.cat" "$p/first"
        cp "$p/unsigned" "$p/platter.cat"
        check "$arch, version $version: signed again, it is the same" sh -c 'sleep 1; setup/sign.sh "$1/platter.cat" && cmp "$1/platter.cat" "$1/first"' - "$p"
    done
    # Version 1 is what lies there now; the driver may be signed before or after the catalogue is made.
    cp "$p/platter.sys" "$p/plain.sys"
    check "$arch: the driver is signed" setup/sign.sh "$p/platter.sys"
    check "$arch: with page hashes" said "Page hash algorithm *: SHA256" verify -in "$p/platter.sys"
    check "$arch: its signature is good" said "Signature verification: ok" verify -in "$p/platter.sys"
    digest=$(python3 scripts/pe.py "$p/plain.sys")
    check "$arch: osslsigncode hashes it as we do" said "Calculated message digest *: ${digest^^}" verify -in "$p/platter.sys"
    check "$arch: the driver's own signature changes nothing for the catalogue" said "Signature verification: ok" verify -catalog "$p/platter.cat" "$p/platter.sys"
    check "$arch: the INF's digest is checked as well" read_catalog "$p/platter.cat" "$p"

    # One byte of the code, of the headers, of the INF.
    python3 - "$p/plain.sys" "$p/tampered.sys" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[0x1234] ^= 1
open(sys.argv[2], "wb").write(data)
PY
    check "$arch: a driver with one bit changed is refused" sh -c '! osslsigncode verify -CAfile "$1" -catalog "$2/platter.cat" "$2/tampered.sys"' - "$SIGN_CERT" "$p"
    mkdir "$p/bad"
    cp "$p/tampered.sys" "$p/bad/platter.sys"
    sed 's/Platter bus/Platter Bus/' "$p/platter.inf" >"$p/bad/platter.inf"
    refuses "$arch: and so is an INF with one bit changed" 1 'platter.inf is not the file' read_catalog "$p/platter.cat" "$p/bad"
    refuses "$arch: and that driver, by the other reader" 1 'platter.sys is not the file' read_catalog "$p/platter.cat" "$p/bad"
    # A bit of a digest within the signed list.
    python3 - "$p/first" "$p/forged.cat" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[data.index("platter.sys".encode("utf-16-le")) - 60] ^= 1
open(sys.argv[2], "wb").write(data)
PY
    check "$arch: a catalogue changed after it was signed is refused" sh -c '! osslsigncode verify -CAfile "$1" -catalog "$2/forged.cat" "$2/platter.sys"' - "$SIGN_CERT" "$p"
done

ids() { setup/catalog.py --out "$work/ids.cat" "$work/win64/platter.inf" && read_catalog "$work/ids.cat" "$work/win64"; }
check "the catalogue names each hardware id of the INF" said '"HWID2": "platter.*volume"' ids
check "and the systems it is good for" said '"OS": "8X64,_v63_X64,_v100_X64"' ids

check "another certificate" setup/test-certificate.sh "$work/other"
check "whoever trusts another certificate trusts this no more" sh -c '! osslsigncode verify -CAfile "$1" -catalog "$2/platter.cat" "$2/platter.sys"' - "$work/other/test.pem" "$work/win64"

# What goes wrong is said, and leaves things as they were.
cp "$work/win64/plain.sys" "$work/keep.sys"
refuses "a key that is not there" 1 "was not signed" env SIGN_KEY="$work/none" setup/sign.sh "$work/keep.sys"
check "leaves the file as it was" cmp "$work/keep.sys" "$work/win64/plain.sys"
check "and nothing beside it" [ ! -e "$work/keep.sys.signed" ]
refuses "nothing to sign with" 2 "SIGN_KEY and SIGN_CERT" env -u SIGN_KEY setup/sign.sh "$work/keep.sys"
refuses "a key without its certificate" 2 "SIGN_CERT" env -u SIGN_CERT setup/sign.sh "$work/keep.sys"
check "PKCS #12 does as well" sh -c '
    openssl pkcs12 -export -inkey "$SIGN_KEY" -in "$SIGN_CERT" -passout pass:secret -out "$1/both.p12" && printf secret >"$1/pass" &&
    cp "$1/win64/plain.sys" "$1/p12.sys" && SIGN_PKCS12="$1/both.p12" SIGN_PASS_FILE="$1/pass" setup/sign.sh "$1/p12.sys" &&
    cmp "$1/p12.sys" "$1/win64/platter.sys"' - "$work"
# An HSM in software, as PKCS #11 has it; the token's password comes from a file.
module=/usr/lib/softhsm/libsofthsm2.so engine=$(find /usr/lib -name pkcs11.so -path '*engines-3*' 2>/dev/null | head -n 1)
if command -v softhsm2-util >/dev/null && [ -e "$module" ] && [ -n "$engine" ]; then
    export SOFTHSM2_CONF=$work/hsm.conf
    mkdir "$work/tokens"
    printf 'directories.tokendir = %s\nobjectstore.backend = file\n' "$work/tokens" >"$SOFTHSM2_CONF"
    check "a token holds the key" sh -c '
        softhsm2-util --init-token --free --label t --pin secret --so-pin secret &&
        openssl pkcs8 -topk8 -nocrypt -in "$SIGN_KEY" -out "$1/key8" &&
        softhsm2-util --import "$1/key8" --token t --label sign --id 01 --pin secret' - "$work"
    cp "$work/win64/plain.sys" "$work/token.sys"
    mkdir "$work/engines" && cp "$engine" "$work/engines/"
    check "a token signs" env SIGN_PKCS11_MODULE="$module" SIGN_PKCS11_ENGINE="$work/engines/pkcs11.so" SIGN_PASS_FILE="$work/pass" \
        SIGN_KEY='pkcs11:token=t;object=sign' setup/sign.sh "$work/token.sys"
    check "as the key in a file does" cmp "$work/token.sys" "$work/win64/platter.sys"
else
    skip "a token signs" "softhsm2 or libengine-pkcs11-openssl is not installed"
fi
mkdir "$work/lone"
cp "$work/win64/platter.inf" "$work/lone/"
refuses "a package without its driver" 1 "No such file.*platter.sys" setup/catalog.py --out "$work/lone/x.cat" "$work/lone/platter.inf"
check "gives no catalogue" [ ! -e "$work/lone/x.cat" ]
head -c 900 "$work/win64/plain.sys" >"$work/lone/platter.sys"
refuses "a driver cut short" 1 "^catalog: " setup/catalog.py --out "$work/lone/x.cat" "$work/lone/platter.inf"
cp "$work/win64/platter.sys" "$work/lone/platter.sys"
printf 'behind' >>"$work/lone/platter.sys"
refuses "a driver with something behind its signature" 1 "behind the signature" setup/catalog.py --out "$work/lone/x.cat" "$work/lone/platter.inf"
finish
