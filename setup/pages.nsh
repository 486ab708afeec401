; SPDX-License-Identifier: MIT
; What is shown.
!include MUI2.nsh

!define MUI_ICON "${RESOURCES}/platter.ico"
!define MUI_UNICON "${RESOURCES}/platter.ico"
!define MUI_ABORTWARNING
!define MUI_FINISHPAGE_NOAUTOCLOSE
!define MUI_UNFINISHPAGE_NOAUTOCLOSE
!define MUI_COMPONENTSPAGE_SMALLDESC

Var WelcomeText

!define MUI_WELCOMEPAGE_TITLE "${NAME} ${VERSION}"
!define MUI_WELCOMEPAGE_TEXT "$WelcomeText"
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_LICENSE "${STAGE}/license.txt"
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!define MUI_FINISHPAGE_TITLE "${NAME} is installed"
!define MUI_FINISHPAGE_TEXT "Right-click a disk image and choose 'Mount with Platter', or say 'platter mount IMAGE' at a \
command prompt that you open from now on."
!insertmacro MUI_PAGE_FINISH

!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!define MUI_FINISHPAGE_TITLE "${NAME} is removed"
!define MUI_FINISHPAGE_TEXT "What setup did is written down in the folder Logs\Platter of Windows, which stays."
!insertmacro MUI_UNPAGE_FINISH

!insertmacro MUI_LANGUAGE "English"
