#!/bin/sh
# SPDX-License-Identifier: MIT
# Packs one driver package as the Partner Center takes it for attestation signing: a cabinet with the package in a folder of
# its own, signed when setup/sign.sh has been told with what (docs/signing.md). The same package gives the same bytes.
#
#   usage: setup/cabinet.sh PACKAGE FILE.cab     PACKAGE: a folder with platter.inf, platter.sys and platter.cat
set -eu
package=$1 cabinet=$2
sign=$(realpath "$(dirname "$0")/sign.sh")
mkdir -p "$(dirname "$cabinet")"
cabinet=$(realpath "$cabinet")
folder=$(mktemp -d "${TMPDIR:-/tmp}/platter-cabinet.XXXXXX")
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/Platter"
for file in platter.inf platter.sys platter.cat; do cp "$package/$file" "$folder/Platter/"; done
# A cabinet holds local times.
export TZ=UTC
touch -d "@${SOURCE_DATE_EPOCH:-315532800}" "$folder"/Platter/*
chmod 644 "$folder"/Platter/*
rm -f "$cabinet"
(cd "$folder" && gcab --create --zip "$cabinet" Platter/platter.inf Platter/platter.sys Platter/platter.cat)
[ -z "${SIGN_KEY:-}${SIGN_PKCS12:-}${SIGN_PKCS11_MODULE:-}" ] || "$sign" "$cabinet"
