/* SPDX-License-Identifier: MIT */
/* Source of every rule here: "PE Format" (Microsoft Learn). */
#include "load.h"
#include "exports.h"
#include <ntimage.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

/* Only winnt.h has them, which does not go with the DDK's headers. */
#define REL_BASED_ABSOLUTE 0
#define REL_BASED_DIR64 10

static UCHAR *Image;
static SIZE_T ImageBytes;
static const char *ImagePath;

/* What Offset bytes into the image lies, which must have room for Bytes. */
static void *At(SIZE_T offset, SIZE_T bytes, const char *what)
{
    if (offset > ImageBytes || bytes > ImageBytes - offset)
        SimBug("%s: %s at %zxh lies outside the image", ImagePath, what, (size_t)offset);
    return Image + offset;
}

static const UCHAR *MapFile(SIZE_T *bytes)
{
    int file = open(ImagePath, O_RDONLY | O_CLOEXEC);
    struct stat facts;
    void *data;

    if (file < 0 || fstat(file, &facts) || facts.st_size < (off_t)sizeof(IMAGE_DOS_HEADER))
        SimBug("%s cannot be opened or is empty: %s", ImagePath, strerror(errno));
    *bytes = (SIZE_T)facts.st_size;
    data = mmap(NULL, *bytes, PROT_READ, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED)
        SimBug("%s cannot be read: %s", ImagePath, strerror(errno));
    close(file);
    return data;
}

static const IMAGE_NT_HEADERS64 *Headers(const UCHAR *file, SIZE_T bytes)
{
    const IMAGE_DOS_HEADER *dos = (const void *)file;
    SIZE_T at = (SIZE_T)dos->e_lfanew;
    const IMAGE_NT_HEADERS64 *nt = (const void *)(file + at);

    if (dos->e_magic != IMAGE_DOS_SIGNATURE || at > bytes || sizeof(*nt) > bytes - at ||
        nt->Signature != IMAGE_NT_SIGNATURE || nt->FileHeader.Machine != IMAGE_FILE_MACHINE_AMD64 ||
        nt->OptionalHeader.Magic != IMAGE_NT_OPTIONAL_HDR64_MAGIC)
        SimBug("%s is no x86_64 PE image", ImagePath);
    if (nt->OptionalHeader.SizeOfHeaders > bytes ||
        at + FIELD_OFFSET(IMAGE_NT_HEADERS64, OptionalHeader) + nt->FileHeader.SizeOfOptionalHeader +
                nt->FileHeader.NumberOfSections * sizeof(IMAGE_SECTION_HEADER) >
            nt->OptionalHeader.SizeOfHeaders)
        SimBug("%s: the headers do not fit", ImagePath);
    return nt;
}

static void CopySections(const UCHAR *file, SIZE_T bytes, const IMAGE_NT_HEADERS64 *nt)
{
    const IMAGE_SECTION_HEADER *section = IMAGE_FIRST_SECTION(nt);

    memcpy(At(0, nt->OptionalHeader.SizeOfHeaders, "the headers"), file, nt->OptionalHeader.SizeOfHeaders);
    for (USHORT i = 0; i < nt->FileHeader.NumberOfSections; i++, section++) {
        SIZE_T raw = section->SizeOfRawData;
        if (raw > section->Misc.VirtualSize)
            raw = section->Misc.VirtualSize;
        if (section->PointerToRawData > bytes || raw > bytes - section->PointerToRawData)
            SimBug("%s: section %.8s lies behind the end of the file", ImagePath, section->Name);
        memcpy(At(section->VirtualAddress, section->Misc.VirtualSize, "a section"), file + section->PointerToRawData,
               raw);
    }
}

static void Relocate(const IMAGE_NT_HEADERS64 *nt)
{
    IMAGE_DATA_DIRECTORY table = nt->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_BASERELOC];
    ULONG64 delta = (ULONG64)Image - nt->OptionalHeader.ImageBase;

    for (ULONG at = 0; at < table.Size;) {
        const IMAGE_BASE_RELOCATION *block = At(table.VirtualAddress + at, sizeof(*block), "a relocation");
        const USHORT *entry = (const USHORT *)(block + 1);
        if (block->SizeOfBlock < sizeof(*block) || block->SizeOfBlock > table.Size - at)
            SimBug("%s: a block of relocations of %u bytes", ImagePath, block->SizeOfBlock);
        for (ULONG i = 0; i < (block->SizeOfBlock - sizeof(*block)) / sizeof(*entry); i++) {
            if (entry[i] >> 12 == REL_BASED_DIR64)
                *(ULONG64 *)At(block->VirtualAddress + (entry[i] & 0xfffu), 8, "a relocated address") += delta;
            else if (entry[i] >> 12 != REL_BASED_ABSOLUTE)
                SimBug("%s: relocation type %u", ImagePath, entry[i] >> 12);
        }
        at += block->SizeOfBlock;
    }
}

static ULONG64 Find(const char *module, const char *name)
{
    for (const PE_EXPORT *export = PeExports; export->Name; export ++)
        if (!strcmp(export->Name, name))
            return (ULONG64) export->Routine;
    SimBug("%s imports %s of %s, which is not in driver/imports.txt and so not in the simulator", ImagePath, name,
           module);
}

static void Bind(const IMAGE_NT_HEADERS64 *nt)
{
    ULONG at = nt->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT].VirtualAddress;

    for (;; at += sizeof(IMAGE_IMPORT_DESCRIPTOR)) {
        const IMAGE_IMPORT_DESCRIPTOR *from = At(at, sizeof(*from), "the import table");
        ULONG64 *thunk;
        if (!from->Name)
            return;
        for (thunk = At(from->FirstThunk, 8, "an import"); *thunk; thunk++) {
            if (*thunk & IMAGE_ORDINAL_FLAG64)
                SimBug("%s imports by number", ImagePath);
            *thunk = Find(At(from->Name, 1, "a module's name"),
                          (const char *)At(*thunk + FIELD_OFFSET(IMAGE_IMPORT_BY_NAME, Name), 1, "a name"));
        }
    }
}

static void Protect(const IMAGE_NT_HEADERS64 *nt)
{
    const IMAGE_SECTION_HEADER *section = IMAGE_FIRST_SECTION(nt);

    for (USHORT i = 0; i < nt->FileHeader.NumberOfSections; i++, section++) {
        int access = PROT_READ | (section->Characteristics & IMAGE_SCN_MEM_WRITE ? PROT_WRITE : 0) |
                     (section->Characteristics & IMAGE_SCN_MEM_EXECUTE ? PROT_EXEC : 0);
        if (mprotect(Image + section->VirtualAddress, section->Misc.VirtualSize, access))
            SimBug("%s: section %.8s cannot be protected: %s", ImagePath, section->Name, strerror(errno));
    }
    if (mprotect(Image, PAGE_SIZE, PROT_READ))
        SimBug("%s: the headers cannot be protected: %s", ImagePath, strerror(errno));
}

PDRIVER_INITIALIZE PeLoad(const char *Path)
{
    const IMAGE_NT_HEADERS64 *nt;
    const UCHAR *file;
    SIZE_T bytes;
    ULONG entry;

    if (Image)
        munmap(Image, ImageBytes);
    ImagePath = Path;
    file = MapFile(&bytes);
    nt = Headers(file, bytes);
    ImageBytes = nt->OptionalHeader.SizeOfImage;
    Image = mmap(NULL, ImageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (Image == MAP_FAILED)
        SimBug("%s: no room for %zu bytes", Path, (size_t)ImageBytes);
    CopySections(file, bytes, nt);
    Relocate(nt);
    Bind(nt);
    Protect(nt);
    entry = nt->OptionalHeader.AddressOfEntryPoint;
    munmap((void *)(ULONG_PTR)file, bytes);
    return (PDRIVER_INITIALIZE)At(entry, 1, "the entry point");
}
