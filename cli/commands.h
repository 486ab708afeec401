/* SPDX-License-Identifier: MIT */
/* The commands; each has a file of its own, and the system's table names those that exist there. */
#ifndef PLATTER_CLI_COMMANDS_H
#define PLATTER_CLI_COMMANDS_H

#include "arguments.h"
#include "reply.h"

/* commands_posix.c, commands_win32.c. A command of the other system has no `run`, so that its name is at least known. */
extern const struct cli_command cli_commands[];

/* Everywhere. */
extern const struct cli_option cli_info_options[], cli_convert_options[], cli_create_options[], cli_verify_options[],
    cli_serve_options[];
extern const struct cli_option cli_overlay_options[];
cli_run_fn cli_info, cli_convert, cli_create, cli_verify, cli_serve, cli_overlay_commit, cli_overlay_discard;

/* Windows. */
extern const struct cli_option cli_mount_options[], cli_unmount_options[], cli_install_options[], cli_remove_options[],
    cli_names_options[];
extern const struct cli_option cli_forget_options[];
cli_run_fn cli_persist_list, cli_persist_forget;
cli_run_fn cli_service_install, cli_service_remove_service, cli_service_start, cli_service_stop, cli_service_status;
cli_run_fn cli_mount, cli_unmount, cli_list, cli_names, cli_driver_install, cli_driver_remove, cli_driver_status;

/* Rows of the tables that are the same on both systems. */
#define CLI_COMMAND_INFO                                                                                               \
    {                                                                                                                  \
        "info", "IMAGE", 1, 1, "tell what an image is and what is in it",                                              \
            "Shows the image's format, its sizes, and its partitions with the file systems in them. Only reads, and "  \
            "works on an image that is in use.",                                                                       \
            cli_info_options, "  platter info disk.vhd\n  platter info --json disk.img\n", cli_info                    \
    }
#define CLI_COMMAND_CONVERT                                                                                            \
    {                                                                                                                  \
        "convert", "IMAGE OUT", 2, 2, "copy the disk in an image to a new image",                                      \
            "Writes the whole disk, or one partition of it, to an image of the format that --format or OUT's "         \
            "extension names: sparse where the disk holds zeros. OUT gets its name when it is whole and on the "       \
            "medium; a copy that fails or is stopped leaves nothing.",                                                 \
            cli_convert_options,                                                                                       \
            "  platter convert backup.mrimgx disk.vhdx\n  platter convert disk.vmdk disk.vhd --subformat fixed\n"      \
            "  platter convert --partition 2 disk.vhd c.img\n",                                                        \
            cli_convert                                                                                                \
    }
#define CLI_COMMAND_CREATE                                                                                             \
    {                                                                                                                  \
        "create", "FILE", 1, 1, "make a new image, empty or from another",                                             \
            "Makes an image of --size bytes that reads as zeros, with --from one that holds what the disk in another " \
            "image holds, or with --backing a child that stands on another image and holds what is changed. The "      \
            "format is what --format or FILE's extension names. FILE gets its name when it is whole and on the "       \
            "medium.",                                                                                                 \
            cli_create_options,                                                                                        \
            "  platter create disk.vhdx --size 64G\n  platter create --format qcow2 --from backup.mrimgx disk.img\n"   \
            "  platter create child.qcow2 --backing disk.vhdx\n",                                                      \
            cli_create                                                                                                 \
    }
#define CLI_COMMAND_VERIFY                                                                                             \
    {                                                                                                                  \
        "verify", "IMAGE", 1, 1, "check an image from end to end",                                                     \
            "Checks the image's structure and reads everything in it, against the checksums of its data where the "    \
            "format has them. Each finding is one line. The exit status is 8 when data is lost or wrong.",             \
            cli_verify_options, "  platter verify backup.vhd\n", cli_verify                                            \
    }
#define CLI_COMMANDS_OVERLAY                                                                                           \
    {"overlay commit",                                                                                                 \
     "FILE",                                                                                                           \
     1,                                                                                                                \
     1,                                                                                                                \
     "write what an overlay holds into its image",                                                                     \
     "Writes all that the overlay FILE holds into the image it was made on, and removes the overlay once that is on "  \
     "the medium. If it is stopped on the way, it can be done again. Backups and compressed images are not written "   \
     "to: 'platter convert FILE NEW' makes one new image of both. Other overlays on the same image are of no use "     \
     "afterwards.",                                                                                                    \
     cli_overlay_options,                                                                                              \
     "  platter overlay commit changes.qcow2\n",                                                                       \
     cli_overlay_commit},                                                                                              \
    {                                                                                                                  \
        "overlay discard", "FILE", 1, 1, "remove an overlay with all that was written to it",                          \
            "Removes the overlay FILE, unless it is in use. The image it was made on stays as it is.",                 \
            cli_overlay_options, "  platter overlay discard changes.qcow2\n", cli_overlay_discard                      \
    }
#define CLI_COMMAND_SERVE(run)                                                                                         \
    {                                                                                                                  \
        "serve", "IMAGE --socket PATH|--port N", 1, 1, "offer the disk in an image to NBD clients",                    \
            "Serves the disk, or one partition of it, on a Unix socket that only you may open, or on a port of this "  \
            "machine's loopback addresses, until it is stopped with Ctrl-C or SIGTERM. The first line it prints is "   \
            "the address for clients.",                                                                                \
            cli_serve_options,                                                                                         \
            "  platter serve disk.vhd --socket /tmp/disk.sock\n"                                                       \
            "  nbdcopy 'nbd+unix:///?socket=/tmp/disk.sock' disk.img\n",                                               \
            run                                                                                                        \
    }

#endif
