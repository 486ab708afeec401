/* SPDX-License-Identifier: MIT */
#include "main.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
