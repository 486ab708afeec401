/* SPDX-License-Identifier: MIT */
#include "commands.h"

static const struct cli_option no_options[] = {{NULL, NULL, NULL}};

const struct cli_command cli_commands[] = {
    {"mount", "IMAGE", 1, 1, "make drives of the partitions in an image",
     "Makes a drive of each partition that holds a file system, or of those that --partition names, and leaves a "
     "background process of yours that serves them until they are unmounted. The drives are there for every user and "
     "session. The image is opened with your rights, and nobody else can write to it meanwhile. No elevation is "
     "needed.",
     cli_mount_options,
     "  platter mount disk.vhd\n  platter mount disk.img --partition 2 --letter X --read-only\n"
     "  platter mount disk.img --partition 1,3 --letter X,Y\n",
     cli_mount},
    {"unmount", "X:|DIR|ID|--all", 0, 1, "take drives away",
     "Flushes the file system, takes the drive away and waits until its image is closed. A drive is named by its "
     "letter, its folder or the number that 'platter list' shows. One that is in use stays, and who uses it is told, "
     "unless "
     "--force is given.",
     cli_unmount_options, "  platter unmount X:\n  platter unmount --all\n", cli_unmount},
    {"list", "", 0, 0, "show the drives that there are",
     "Shows the drives of all users, and of those that you may unmount the images they come from.", no_options,
     "  platter list\n  platter list --json\n", cli_list},
    {"names", "[X:]", 0, 1, "show what drive letters mean, and to whom",
     "Shows the system's names of drives: the directory that is for everybody, and that of each logon session, whose "
     "names go first for who is in that session (an elevated and a normal program of one user are in two). Tells which "
     "letters hide others and which drives are Platter's. Needs no rights, and says what it was not allowed to see.",
     cli_names_options, "  platter names\n  platter names X:\n  platter names --all --json\n", cli_names},
    CLI_COMMAND_INFO,
    CLI_COMMAND_CONVERT,
    CLI_COMMAND_CREATE,
    CLI_COMMAND_VERIFY,
    CLI_COMMANDS_OVERLAY,
    {"serve", "", 0, CLI_MAX_OPERANDS, "", "the NBD server is part of Platter for Linux", NULL, NULL, NULL},
    {"driver install", "", 0, 0, "install the driver, or bring it up to date",
     "Installs platter.sys through its INF and starts it; only administrators may. Doing it again brings the driver up "
     "to date, once no drive is mounted.",
     cli_install_options, "  platter driver install\n", cli_driver_install},
    {"driver remove", "", 0, 0, "stop the driver and remove it",
     "Removes the bus device, the service, the driver's files and its INF; only administrators may. While drives are "
     "mounted it refuses, unless --force is given.",
     cli_remove_options, "  platter driver remove\n", cli_driver_remove},
    {"driver status", "", 0, 0, "tell whether the driver is there and works",
     "Shows whether the driver is installed and answers, its version and file, and how drives get their letters here. "
     "The exit status is 17 when it cannot be used.",
     no_options, "  platter driver status --json\n", cli_driver_status},
    {"persist list", "", 0, 0, "show the mounts that the service keeps",
     "Shows your persistent mounts, to an administrator those of all users: whether their drives are there, whether "
     "they "
     "come back, and why one is lost or waits.",
     no_options, "  platter persist list\n  platter persist list --json\n", cli_persist_list},
    {"persist forget", "ID|IMAGE|--all", 0, 1, "let persistent mounts not come back",
     "Takes mounts out of what the service brings back. Drives that are there stay until they are unmounted; what is "
     "lost or waits is gone from the list.",
     cli_forget_options, "  platter persist forget disk.vhd\n  platter persist forget --all\n", cli_persist_forget},
    {"service install", "", 0, 0, "install and start the Platter service",
     "Makes the service platterd, which runs as SYSTEM from platterd.exe beside platter.exe and starts with Windows, "
     "and "
     "starts it; only administrators may. Doing it again brings an older one up to date.",
     no_options, "  platter service install\n", cli_service_install},
    {"service remove", "", 0, 0, "stop the Platter service and remove it",
     "Takes its drives away and removes it; only administrators may. What it kept stays in the registry, and comes "
     "back "
     "when it is installed again.",
     no_options, "  platter service remove\n", cli_service_remove_service},
    {"service start", "", 0, 0, "start the Platter service", "Starts it, and with it the drives that it keeps.",
     no_options, "  platter service start\n", cli_service_start},
    {"service stop", "", 0, 0, "stop the Platter service",
     "Takes its drives away in order and stops it. They come back when it starts.", no_options,
     "  platter service stop\n", cli_service_stop},
    {"service status", "", 0, 0, "tell whether the Platter service runs",
     "Shows whether the service runs, its version, its process, how many mounts it keeps and how far workers are "
     "confined.",
     no_options, "  platter service status --json\n", cli_service_status},
    {NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL}};
