; SPDX-License-Identifier: MIT
; Exit statuses: steps/steps.h has them with their meanings, docs/install.md for administrators.
!define DONE 0
!define CANCELLED 1
!define FAILED 2
!define BUSY 5
!define USAGE 9
!define INTERRUPTED 10
!define WOULD_ASK 20
!define SAME 21
!define OLDER 22
!define RESTART 3010
