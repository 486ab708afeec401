; SPDX-License-Identifier: MIT
; Running platter-steps.exe, which lies in $PLUGINSDIR meanwhile.

Var Status  ; its exit status
Var Message ; what it said of it

!macro RUN un
Function ${un}Unpack
  InitPluginsDir
  File "/oname=$PLUGINSDIR\platter-steps.exe" "${STAGE}/tools/platter-steps.exe"
FunctionEnd

; $0: the command and what only it takes. Its lines go to the details that setup shows.
Function ${un}RunSteps
  Push $1
  StrCpy $1 '"$PLUGINSDIR\platter-steps.exe" $0 "--dir=$INSTDIR" "--log=$LogFile"'
  StrCpy $1 '$1 "--message=$PLUGINSDIR\message.txt" --version=${VERSION} --wait=$Wait $Force'
  StrCpy $1 '$1 "--fail-at=$FailAt" "--die-at=$DieAt"'
  !if ${SIGNATURE} == release
    StrCpy $1 '$1 --release'
  !endif
  Delete "$PLUGINSDIR\message.txt"
  nsExec::ExecToLog $1
  Pop $Status
  ; What ended without a word was ended by somebody: what it did is undone by the next run.
  ${If} $Status == "error"
    StrCpy $Status ${FAILED}
  ${EndIf}
  StrCpy $Message ""
  ClearErrors
  FileOpen $1 "$PLUGINSDIR\message.txt" r
  ${If} ${Errors}
    StrCpy $Status ${INTERRUPTED}
    StrCpy $Message "Setup was interrupted. Run it again: it first puts right what is half done."
  ${Else}
    FileReadUTF16LE $1 $Message
    FileClose $1
  ${EndIf}
  ClearErrors
  Pop $1
FunctionEnd

; Ends with $Status, having told why; silently the log tells.
Function ${un}GiveUp
  SetErrorLevel $Status
  ${If} $Message != ""
    MessageBox MB_OK|MB_ICONSTOP "$Message." /SD IDOK
  ${EndIf}
FunctionEnd

; Drives that are mounted: the user is asked, who may say no. Silently what is in use is waited for.
Function ${un}AskAboutMounts
  ${IfNot} ${Silent}
    Push $0
    StrCpy $0 "mounts"
    Call ${un}RunSteps
    Pop $0
    ${If} $Status == ${WOULD_ASK}
      MessageBox MB_YESNO|MB_ICONQUESTION "$Message.$\r$\n$\r$\nThey have to be unmounted. Do that now?" IDYES +3
      SetErrorLevel ${CANCELLED}
      Quit
      ; Who is in front of the screen can close what holds them, and need not wait.
      StrCpy $Wait "0"
    ${EndIf}
  ${EndIf}
FunctionEnd
!macroend
!insertmacro RUN ""
!insertmacro RUN "un."
