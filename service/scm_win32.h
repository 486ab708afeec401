/* SPDX-License-Identifier: MIT */
/* Being a service: what the service manager says, and what it is told. */
#ifndef PLATTER_SERVICE_SCM_H
#define PLATTER_SERVICE_SCM_H

#include <stdbool.h>

/* Runs as the service until it is stopped. False: the service manager has not started this process. */
bool service_run(void);

#endif
