; SPDX-License-Identifier: MIT
; Taking everything away again.

Function un.onInit
  Call un.Unpack
  Call un.ReadOptions
  Call un.UnknownOption
  ${If} $0 != ""
    StrCpy $Status ${USAGE}
    StrCpy $Message "There is no option $0; docs/install.md has those that there are"
    Call un.GiveUp
    Quit
  ${EndIf}
FunctionEnd

Section Uninstall
  SetOutPath $WINDIR ; no process may stand in a folder that is to go
  Call un.AskAboutMounts
  again:
  StrCpy $0 "uninstall"
  Call un.RunSteps
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
    Call un.GiveUp
    Abort
  ${Else}
    SetErrorLevel ${DONE}
  ${EndIf}
SectionEnd
