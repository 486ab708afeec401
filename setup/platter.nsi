; SPDX-License-Identifier: MIT
; platter-setup: asks, shows, unpacks; platter-steps.exe (steps/) does what is done to the machine. Built by build.sh, which
; defines VERSION, FILE_VERSION, ARCH (win64, win32), STAGE (folder: what is packed), OUT (the file to make),
; SIZE (KiB of that), SIGNATURE (release, test), SOURCE (this folder), RESOURCES, and SIGN (a command, or nothing).

!if ${ARCH} == win64
  Target amd64-unicode
  !define PROGRAMS $PROGRAMFILES64
!else
  Target x86-unicode
  !define PROGRAMS $PROGRAMFILES32
!endif
Unicode true

!define NAME "Platter"

Name "${NAME}"
Caption "${NAME} ${VERSION}"
OutFile "${OUT}"
InstallDir "${PROGRAMS}\${NAME}"
InstallDirRegKey HKLM "SOFTWARE\Platter" "InstallDir"
RequestExecutionLevel admin
ManifestDPIAware true
ManifestSupportedOS all
ManifestLongPathAware true
BrandingText "${NAME} ${VERSION}"
ShowInstDetails show
ShowUninstDetails show
AllowSkipFiles off
CRCCheck force
; The same files give the same bytes, whenever they were built.
SetDateSave off
!ifdef QUICK ; for tests
  SetCompressor zlib
!else
  SetCompressor /SOLID lzma
!endif

VIProductVersion "${FILE_VERSION}"
VIFileVersion "${FILE_VERSION}"
VIAddVersionKey /LANG=0 "CompanyName" "Platter project"
VIAddVersionKey /LANG=0 "FileDescription" "${NAME} setup"
VIAddVersionKey /LANG=0 "FileVersion" "${FILE_VERSION}"
VIAddVersionKey /LANG=0 "InternalName" "platter-setup"
VIAddVersionKey /LANG=0 "LegalCopyright" "MIT licence"
VIAddVersionKey /LANG=0 "OriginalFilename" "platter-setup.exe"
VIAddVersionKey /LANG=0 "ProductName" "${NAME}"
VIAddVersionKey /LANG=0 "ProductVersion" "${VERSION}"

; uninstall.exe is made when makensis runs, so it can be signed then only.
!if "${SIGN}" != ""
  !uninstfinalize '${SIGN} "%1"' = 0
  !finalize '${SIGN} "%1"' = 0
!endif

!include LogicLib.nsh
!include Sections.nsh
!include FileFunc.nsh
!include "${SOURCE}/status.nsh"
!include "${SOURCE}/options.nsh"
!include "${SOURCE}/run.nsh"
!include "${SOURCE}/pages.nsh"
!include "${SOURCE}/install.nsh"
!include "${SOURCE}/uninstall.nsh"
