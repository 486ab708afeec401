/* SPDX-License-Identifier: MIT */
/*
 * platter-eject.dll: tells Explorer on which drives "Eject with Platter" stands, those of Platter's.
 *
 * Explorer asks an in-process object for each drive whose menu it opens (IExplorerCommandState), since none of the
 * properties that a menu entry can be limited to (AppliesTo) tells whose a drive is. The object asks what the letter
 * stands for and touches neither the drive nor the driver, so it cannot hang and needs no rights.
 */
#ifndef PLATTER_GUI_EJECT_STATE_H
#define PLATTER_GUI_EJECT_STATE_H

#define EJECT_STATE_FILE L"platter-eject.dll"
#define EJECT_STATE_CLSID_TEXT L"{6C4F7A52-3B0E-4E8B-9D7C-52A1D90F4E31}"
#define EJECT_STATE_CLSID                                                                                              \
    {                                                                                                                  \
        0x6c4f7a52, 0x3b0e, 0x4e8b,                                                                                    \
        {                                                                                                              \
            0x9d, 0x7c, 0x52, 0xa1, 0xd9, 0x0f, 0x4e, 0x31                                                             \
        }                                                                                                              \
    }

#endif
