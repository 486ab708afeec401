; SPDX-License-Identifier: MIT
; What can be said on the command line; docs/install.md. /S, /NCRC and /D= are NSIS's own.

Var Components ; as steps/options.c spells them; "" when the command line does not say
Var LogFile
Var Wait       ; seconds
Var Force
Var TestCert
Var FailAt     ; for tests: docs/testing.md
Var DieAt

!macro OPTIONS un
; The parameters are words that begin with a slash; $0 is the first that is none of ours, "" when all are.
Function ${un}UnknownOption
  Push $1
  Push $2
  Push $3
  StrCpy $0 ""
  ${GetParameters} $1
  ${Do}
    ; The next word, up to a space outside of quotes.
    StrCpy $3 ""
    StrCpy $2 $1 1
    ${While} $2 == " "
      StrCpy $1 $1 "" 1
      StrCpy $2 $1 1
    ${EndWhile}
    ${If} $1 == ""
      ${ExitDo}
    ${EndIf}
    Push ""
    ${Do}
      StrCpy $2 $1 1
      ${If} $2 == ""
        ${ExitDo}
      ${EndIf}
      StrCpy $1 $1 "" 1
      ${If} $2 == '"'
        Pop $0
        ${If} $0 == '"'
          Push ""
        ${Else}
          Push '"'
        ${EndIf}
        StrCpy $0 ""
      ${ElseIf} $2 == " "
        Pop $0
        ${If} $0 == ""
          Push ""
          ${ExitDo}
        ${EndIf}
        Push $0
        StrCpy $0 ""
        StrCpy $3 "$3$2"
      ${Else}
        StrCpy $3 "$3$2"
      ${EndIf}
    ${Loop}
    Pop $0
    StrCpy $0 ""
    ; Up to its "=".
    StrCpy $2 $3 3
    ${If} $2 == "/D="
      ${ExitDo} ; the rest of the line is the folder
    ${EndIf}
    StrCpy $2 $3 2
    ${If} $2 == "_?"
      ${ExitDo}
    ${EndIf}
    ${If} $3 != "/S"
    ${AndIf} $3 != "/NCRC"
    ${AndIf} $3 != "/TESTCERT"
    ${AndIf} $3 != "/FORCE"
      StrCpy $2 $3 12
      ${If} $2 == "/COMPONENTS="
        ${Continue}
      ${EndIf}
      StrCpy $2 $3 8
      ${If} $2 == "/FAILAT="
        ${Continue}
      ${EndIf}
      StrCpy $2 $3 7
      ${If} $2 == "/DIEAT="
        ${Continue}
      ${EndIf}
      StrCpy $2 $3 6
      ${If} $2 == "/WAIT="
        ${Continue}
      ${EndIf}
      StrCpy $2 $3 5
      ${If} $2 == "/LOG="
        ${Continue}
      ${EndIf}
      StrCpy $0 $3
      ${ExitDo}
    ${EndIf}
  ${Loop}
  Pop $3
  Pop $2
  Pop $1
FunctionEnd

Function ${un}ReadOptions
  Push $0
  Push $1
  ${GetParameters} $0
  ClearErrors
  ${GetOptions} $0 "/COMPONENTS=" $Components
  ${If} ${Errors}
    StrCpy $Components "-"
  ${EndIf}
  ${GetOptions} $0 "/LOG=" $LogFile
  ${GetOptions} $0 "/FAILAT=" $FailAt
  ${GetOptions} $0 "/DIEAT=" $DieAt
  ClearErrors
  ${GetOptions} $0 "/WAIT=" $Wait
  ${If} ${Errors}
    StrCpy $Wait "60"
  ${EndIf}
  ClearErrors
  ${GetOptions} $0 "/FORCE" $1
  ${IfNot} ${Errors}
    StrCpy $Force "--force"
  ${EndIf}
  ClearErrors
  ${GetOptions} $0 "/TESTCERT" $1
  ${IfNot} ${Errors}
    StrCpy $TestCert "--test-certificate"
  ${EndIf}
  ClearErrors
  Pop $1
  Pop $0
FunctionEnd
!macroend
!insertmacro OPTIONS ""
!insertmacro OPTIONS "un."

; NSIS forgets a folder that it takes for none, and would install elsewhere than where it was told. $0: such a folder, or "".
Function LostFolder
  Push $1
  Push $2
  StrCpy $0 ""
  System::Call 'kernel32::GetCommandLineW() w .r1' ; $CMDLINE has it no more
  ClearErrors
  ${GetOptions} $1 "/D=" $2
  ${IfNot} ${Errors}
    StrCpy $1 $2 1 -1
    ${If} $1 == "\"
      StrCpy $2 $2 -1
    ${EndIf}
    ${If} $2 != $INSTDIR
      StrCpy $0 $2
    ${EndIf}
  ${EndIf}
  ClearErrors
  Pop $2
  Pop $1
FunctionEnd
