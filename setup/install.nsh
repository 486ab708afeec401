; SPDX-License-Identifier: MIT
; Installing, bringing up to date, repairing: the same thing.

Section "Platter (required)" SectionCore
  SectionIn RO
  AddSize ${SIZE} ; the files are unpacked by a function, whose size NSIS does not count
  Call Install
SectionEnd
Section "Service" SectionService
SectionEnd
Section "'platter' in every command prompt" SectionPath
SectionEnd
Section "Explorer's menus and file types" SectionExplorer
SectionEnd
Section "Start menu" SectionMenu
SectionEnd

!insertmacro MUI_FUNCTION_DESCRIPTION_BEGIN
  !insertmacro MUI_DESCRIPTION_TEXT ${SectionCore} "The driver, the programs and the manual."
  !insertmacro MUI_DESCRIPTION_TEXT ${SectionService} "Mounts that outlive the session of who made them, and those that \
are there again when Windows starts."
  !insertmacro MUI_DESCRIPTION_TEXT ${SectionPath} "Adds the folder to PATH for all users."
  !insertmacro MUI_DESCRIPTION_TEXT ${SectionExplorer} "'Mount with Platter' for disk images, 'Eject with Platter' for its \
drives. File types that have a program keep it."
  !insertmacro MUI_DESCRIPTION_TEXT ${SectionMenu} "Shortcuts for all users."
!insertmacro MUI_FUNCTION_DESCRIPTION_END

!macro SELECT section name
  ${GetOptions} ",$1" ",${name}" $2
  ${If} ${Errors}
    !insertmacro UnselectSection ${section}
    ClearErrors
  ${EndIf}
!macroend

; The boxes as $1 says: names between commas.
Function SelectComponents
  !insertmacro SELECT ${SectionService} "service"
  !insertmacro SELECT ${SectionPath} "path"
  !insertmacro SELECT ${SectionExplorer} "explorer"
  !insertmacro SELECT ${SectionMenu} "startmenu"
FunctionEnd

!macro CHOSEN section name
  ${If} ${SectionIsSelected} ${section}
    StrCpy $Components "$Components,${name}"
  ${EndIf}
!macroend

Function ReadComponents
  StrCpy $Components ""
  !insertmacro CHOSEN ${SectionService} "service"
  !insertmacro CHOSEN ${SectionPath} "path"
  !insertmacro CHOSEN ${SectionExplorer} "explorer"
  !insertmacro CHOSEN ${SectionMenu} "startmenu"
FunctionEnd

Function .onInit
  Call Unpack
  Call ReadOptions
  Call UnknownOption
  ${If} $0 != ""
    StrCpy $Status ${USAGE}
    StrCpy $Message "There is no option $0; docs/install.md has those that there are"
    Call GiveUp
    Quit
  ${EndIf}
  Call LostFolder
  ${If} $0 != ""
    StrCpy $Status ${USAGE}
    StrCpy $Message "$0 is no folder of a fixed local drive"
    Call GiveUp
    Quit
  ${EndIf}
  StrCpy $0 "check"
  ${If} $Components != "-"
    StrCpy $0 'check "--components=$Components"'
  ${EndIf}
  Call RunSteps
  ReadRegStr $R0 HKLM "SOFTWARE\Platter" "Version"
  ReadRegStr $1 HKLM "SOFTWARE\Platter" "Components"
  ${Select} $Status
    ${Case} ${DONE}
      StrCpy $WelcomeText "Platter presents disk and backup images as drives.$\r$\n$\r$\nThis installs its driver and its \
programs for all users of this computer."
    ${Case} ${SAME}
      StrCpy $WelcomeText "Platter ${VERSION} is installed. This repairs it, or changes what of it is there.$\r$\n$\r$\n\
To remove it, use the list of programs in Windows' settings."
    ${Case} ${OLDER}
      StrCpy $WelcomeText "Platter $R0 is installed. This brings it up to ${VERSION}."
    ${Default}
      Call GiveUp
      Quit
  ${EndSelect}
  ; What the command line says, or what was chosen the last time, or everything.
  ${If} $Components != "-"
    StrCpy $1 $Components
    Call SelectComponents
  ${ElseIf} $Status != ${DONE}
    Call SelectComponents
  ${EndIf}
FunctionEnd

Function Install
  Call AskAboutMounts
  again:
  StrCpy $0 "recover"
  Call RunSteps
  ${If} $Status != ${DONE}
    Call GiveUp
    Abort
  ${EndIf}
  SetOutPath "$INSTDIR\~setup\new"
  !include "${STAGE}/payload.nsh"
  WriteUninstaller "$INSTDIR\~setup\new\uninstall.exe"
  SetOutPath $WINDIR ; no process may stand in a folder that is to go
  File "/oname=$PLUGINSDIR\files.txt" "${STAGE}/files.txt"
  Call ReadComponents
  StrCpy $0 'install "--components=$Components" "--files=$PLUGINSDIR\files.txt" $TestCert'
  Call RunSteps
  ${If} $Status == ${BUSY}
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$Message.$\r$\n$\r$\nClose what uses them and try again." /SD IDCANCEL \
      IDRETRY again
    SetErrorLevel ${BUSY}
    Abort
  ${EndIf}
  ${If} $Status == ${RESTART}
    SetRebootFlag true
    SetErrorLevel ${RESTART}
  ${ElseIf} $Status != ${DONE}
    Call GiveUp
    Abort
  ${Else}
    SetErrorLevel ${DONE}
  ${EndIf}
FunctionEnd
