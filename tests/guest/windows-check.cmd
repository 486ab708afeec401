@echo off
rem SPDX-License-Identifier: MIT
rem Platter on Windows 10 or 11 with Driver Verifier; docs/testing.md says how and on what machine. In an elevated prompt:
rem
rem     windows-check prepare            test signing on, certificate made, driver signed, verifier on; restart afterwards
rem     windows-check run IMAGE [X]      install, mount IMAGE as X: (P: otherwise), letters, eject, kill, 20 cycles, remove
rem     windows-check finish             verifier and test signing off; restart afterwards
rem
rem Beside this file: platter.exe, platter.sys, platter.inf and points.exe (build\win64 and build\win64\guest). IMAGE must
rem be one that may be written to, whose first partition has a file system and some room: use a copy. `prepare` needs
rem inf2cat and signtool (Windows Driver Kit) in the PATH. Results: the folder check-results beside this file.
setlocal
cd /d "%~dp0"
set results=%~dp0check-results
set failed=0
set passed=0
if /i "%~1"=="prepare" goto prepare
if /i "%~1"=="run" goto run
if /i "%~1"=="finish" goto finish
echo usage: windows-check prepare ^| run IMAGE [LETTER] ^| finish
exit /b 2

:prepare
net session >nul 2>&1
if errorlevel 1 (echo Open the prompt with "Run as administrator".& exit /b 1)
powershell -NoProfile -Command "$c = New-SelfSignedCertificate -Type CodeSigningCert -Subject 'CN=Platter test' -CertStoreLocation Cert:\LocalMachine\My; Export-Certificate -Cert $c -FilePath platter-test.cer | Out-Null"
if errorlevel 1 (echo The test certificate could not be made.& exit /b 1)
certutil -f -addstore Root platter-test.cer || exit /b 1
certutil -f -addstore TrustedPublisher platter-test.cer || exit /b 1
signtool sign /sm /s My /n "Platter test" /fd sha256 platter.sys || exit /b 1
inf2cat /driver:. /os:10_x64 || exit /b 1
signtool sign /sm /s My /n "Platter test" /fd sha256 platter.cat || exit /b 1
bcdedit /set testsigning on || exit /b 1
rem Special pool, IRQL checks, pool tracking, I/O checks, deadlock detection, DMA, security, DDI compliance.
verifier /standard /driver platter.sys
echo Restart Windows, then: windows-check run IMAGE
exit /b 0

:finish
verifier /reset
bcdedit /set testsigning off
echo Restart Windows.
exit /b 0

:run
if "%~2"=="" (echo usage: windows-check run IMAGE [LETTER]& exit /b 2)
if not exist "%~2" (echo There is no file %~2& exit /b 2)
set image=%~f2
set letter=%~3
if "%letter%"=="" set letter=P
for %%f in (platter.exe platter.sys platter.inf points.exe) do call :need %%f
if not %failed%==0 exit /b 2
if exist "%results%" rmdir /s /q "%results%"
mkdir "%results%"
ver >"%results%\machine.txt"
verifier /query >"%results%\verifier-before.txt" 2>&1
points all >"%results%\points-before.txt" 2>&1
reg query HKLM\SYSTEM\MountedDevices >"%results%\registry-before.txt" 2>&1

call :step install 0 platter driver install
call :step status 0 platter driver status
call :step mount 0 platter mount "%image%" --letter %letter%
call :step letters 0 points show %letter%:
call :step mountvol - mountvol
call :step devices 0 points devices
call :step copy-in 0 cmd /c copy /y platter.exe %letter%:\platter-check.bin
call :step compare 0 cmd /c fc /b platter.exe %letter%:\platter-check.bin
call :step chkdsk - chkdsk %letter%:
call :step taken 5 platter mount "%image%" --letter %letter%
start /b points hold %letter%:\platter-check.bin 20 >nul
call :step hold-wait 0 points sleep 3
call :step busy 5 platter unmount %letter%:
call :step hold-end 0 points sleep 20
call :step unmount 0 platter unmount %letter%:
call :step gone 0 points gone %letter%: 20
call :step remount 0 platter mount "%image%" --letter %letter%
call :step compare-again 0 cmd /c fc /b platter.exe %letter%:\platter-check.bin
call :step eject 0 points eject %letter%:
call :step eject-gone 0 points gone %letter%: 20
call :step eject-remount 0 platter mount "%image%" --letter %letter%
call :step request-eject 0 points request-eject %letter%:
call :step request-gone 0 points gone %letter%: 20
call :step kill-mount 0 platter mount "%image%" --letter %letter%
call :step kill 0 points kill platter.exe
call :step kill-gone 0 points gone %letter%: 20
for /l %%n in (1,1,20) do call :cycle %%n
call :step points-after - points all
fc "%results%\points-before.txt" "%results%\points-after.txt" >nul
call :judge points-left-behind 0 %errorlevel%
call :step remove 0 platter driver remove
call :step removed 17 platter driver status
reg query HKLM\SYSTEM\MountedDevices >"%results%\registry-after.txt" 2>&1
fc "%results%\registry-before.txt" "%results%\registry-after.txt" >nul
call :judge registry-left-behind 0 %errorlevel%
verifier /query >"%results%\verifier-after.txt" 2>&1
wevtutil qe System /c:200 /rd:true /f:text "/q:*[System[Provider[@Name='Microsoft-Windows-WER-SystemErrorReporting']]]" >"%results%\bugchecks.txt" 2>&1
echo.
echo %passed% passed, %failed% failed. Look at %results%: verifier-after.txt counts what Driver Verifier did,
echo bugchecks.txt must hold no event of today, minidumps are in %SystemRoot%\Minidump.
if %failed%==0 exit /b 0
exit /b 1

:need
if exist %1 exit /b 0
echo %1 is not beside this file.
set failed=1
exit /b 0

:cycle
call :step cycle-%1-mount 0 platter mount "%image%" --letter %letter%
call :step cycle-%1-unmount 0 platter unmount %letter%:
exit /b 0

rem step NAME STATUS COMMAND...: runs it; its output is kept; STATUS "-": whatever it ends with.
:step
set name=%1
set want=%2
set command=
shift
shift
:words
if "%~1"=="" goto go
set command=%command% %1
shift
goto words
:go
%command% >"%results%\%name%.txt" 2>&1
call :judge %name% %want% %errorlevel%
exit /b 0

:judge
if "%2"=="-" goto good
if "%2"=="%3" goto good
echo not ok  %1: ended with %3, not %2
set /a failed+=1
exit /b 0
:good
echo ok      %1
set /a passed+=1
exit /b 0
