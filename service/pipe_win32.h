/* SPDX-License-Identifier: MIT */
#ifndef PLATTER_SERVICE_PIPE_H
#define PLATTER_SERVICE_PIPE_H

#define SERVICE_PIPE L"\\\\.\\pipe\\Platter.Service"

#endif
