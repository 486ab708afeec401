/* SPDX-License-Identifier: MIT */
/* The driver and the service, which `platter driver` and `platter service` install and remove; setup only calls them. */
#ifndef PLATTER_SETUP_DRIVER_H
#define PLATTER_SETUP_DRIVER_H

#include "steps.h"

/* `dir`: whose platter.exe, and whose driver folder. Drives that are still there go by force with the removal. */
enum steps_exit driver_install(struct steps *steps, const wchar_t *dir);
enum steps_exit driver_remove(struct steps *steps, const wchar_t *dir);
/* Whether one is installed, as `dir` sees it. */
bool driver_installed(struct steps *steps, const wchar_t *dir);

/* Also starts it. */
enum steps_exit service_install(struct steps *steps, const wchar_t *dir);
enum steps_exit service_stop(struct steps *steps, const wchar_t *dir);
enum steps_exit service_remove(struct steps *steps, const wchar_t *dir);
bool service_installed(void);
/* Whether what lies in `dir` has one. */
bool service_there(const wchar_t *dir);

#endif
