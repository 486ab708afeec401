/* SPDX-License-Identifier: MIT */
/*
 * VMDK, as "Virtual Disk Format" 5.0 (VMware, 2011) has it: a text, the descriptor, names the extents that make up the
 * disk; each is flat, or sparse with tables of grains. All numbers are little-endian, offsets are in sectors.
 *
 * Files: vmdk.c (opening), vmdk_descriptor.c, vmdk_extents.c and vmdk_parent.c (what the descriptor names),
 * vmdk_sparse.c (header of a sparse extent), vmdk_map.c (reading one), vmdk_write.c, vmdk_check.c, vmdk_create.c.
 *
 * Locks of a sparse extent: mapped.h. Words of tables are stored and loaded atomically, after the data they speak of.
 */
#ifndef PLATTER_ENGINE_FORMAT_VMDK_H
#define PLATTER_ENGINE_FORMAT_VMDK_H

#include "../bytes.h"
#include "../cache.h"
#include "findings.h"
#include "format.h"
#include "mapped.h"
#include "page_table.h"

#define VMDK_SECTOR 512u
#define VMDK_MAGIC 0x564D444Bu      /* KDMV: a hosted sparse extent */
#define VMDK_COWD_MAGIC 0x44574F43u /* COWD: a sparse extent of ESX */
#define VMDK_SE_MAGIC 0xCAFEBABEull /* 64 bits: an SEsparse extent, which is not read */
#define VMDK_NO_PARENT 0xFFFFFFFFu
#define VMDK_ZERO_GRAIN 1u /* an entry that says so, if the header has the flag */
#define VMDK_DESCRIPTOR_MOST (1u << 20)

enum vmdk_extent_kind { VMDK_FLAT, VMDK_SPARSE, VMDK_ESX_SPARSE, VMDK_ZERO, VMDK_OTHER };

struct vmdk_extent {
    enum vmdk_extent_kind kind;
    char type[24];    /* as written */
    bool read_only;   /* RDONLY */
    bool no_access;   /* NOACCESS */
    uint64_t sectors; /* of the disk */
    uint64_t start;   /* flat: sector in its file */
    const char *name; /* in the descriptor's text; NULL: it has none */
    size_t line;      /* byte in the descriptor, for messages */
};

struct vmdk_descriptor {
    char *text;      /* cut into pieces by the parser */
    uint64_t offset; /* where it lies in its file */
    uint32_t cid, parent_cid;
    uint64_t cid_at;                       /* byte of the file with the CID's first digit */
    size_t cid_digits;                     /* 0: there is no CID */
    const char *create_type, *parent_hint; /* "" and NULL when it does not say */
    struct vmdk_extent *extents;
    size_t extent_count;
};

/* What both kinds of sparse extents have in common. */
struct vmdk_header {
    bool esx;                                      /* COWD */
    uint32_t flags;                                /* enum vmdk_flag; 0 for COWD */
    uint64_t capacity;                             /* bytes */
    uint32_t grain;                                /* bytes */
    uint32_t table_words;                          /* in a grain table */
    uint64_t descriptor_offset, descriptor_length; /* bytes; 0: none */
    uint64_t directory, spare_directory;           /* bytes; spare: 0 when there is none */
    uint64_t directory_words;
    bool unclean;
};

enum vmdk_flag {
    VMDK_FLAG_LINE_ENDS = 1u << 0, /* bytes 73 to 76 tell whether they have been changed */
    VMDK_FLAG_SPARE = 1u << 1,
    VMDK_FLAG_ZERO_GRAINS = 1u << 2,
    VMDK_FLAG_COMPRESSED = 1u << 16,
    VMDK_FLAG_MARKERS = 1u << 17,
};

struct vmdk_dirty {
    struct platter_cache_entry *table; /* held */
    uint64_t directory_word;
};

struct vmdk_sparse {
    struct platter_mapped m;
    struct vmdk_header header;
    uint32_t grain_bits;
    struct platter_page_table directory, spare;
    struct platter_cache *tables; /* grain tables, by their byte in the file */
    struct platter_cache *grains; /* unpacked, by their byte in the file; NULL when nothing is compressed */

    /* Below: under `m.change`, and only when writable. */
    bool marked; /* the file says that it was not closed properly */
    struct vmdk_dirty *dirty;
    size_t dirty_count;
};

/* The disk: its extents one behind the other. */
struct vmdk {
    struct platter_block base;
    struct platter_block *joined, *parent;
    struct platter_block **sparse; /* those extents that are, borrowed from `joined` */
    size_t sparse_count;
    struct platter_block *file; /* with the descriptor */
    uint64_t cid_at;
    size_t cid_digits;
    int stamped; /* atomic: the CID tells that this session has written */
    struct platter_mutex change;
};

/* vmdk_descriptor.c */
/* Reads and parses `length` bytes at `offset`. To be freed also after a failure. */
enum platter_result platter_vmdk_descriptor_read(struct platter_block *file, uint64_t offset, uint64_t length,
                                                 struct vmdk_descriptor *descriptor, struct platter_error *err);
void platter_vmdk_descriptor_free(struct vmdk_descriptor *descriptor);
/* Finds the descriptor of an image: the file itself, or what its sparse header says. *header: when it has one. */
enum platter_result platter_vmdk_descriptor_find(struct platter_block *file, struct vmdk_descriptor *descriptor,
                                                 struct vmdk_header *header, bool *embedded, struct platter_error *err);
/* True when the file begins like a descriptor. */
bool platter_vmdk_is_descriptor(struct platter_block *file);

/* vmdk_extents.c */
/* Opens what the descriptor names and joins it in v->joined; v->parent is open already. */
enum platter_result platter_vmdk_extents_open(struct vmdk *v, struct platter_block *file,
                                              const struct platter_open_request *request,
                                              const struct vmdk_descriptor *descriptor,
                                              const struct vmdk_header *embedded, struct platter_opened *opened,
                                              struct platter_error *err);

/* vmdk_parent.c */
enum platter_result platter_vmdk_parent_open(struct vmdk *v, const struct platter_open_request *request,
                                             const struct vmdk_descriptor *descriptor, struct platter_error *err);

/* vmdk_sparse.c */
enum platter_result platter_vmdk_header_read(struct platter_block *file, struct vmdk_header *header,
                                             struct platter_error *err);
/* `size`: bytes of the disk that it is for. */
enum platter_result platter_vmdk_sparse_open(struct platter_block *file, const struct vmdk_header *header,
                                             struct platter_block *parent, uint64_t start, uint64_t size, bool writable,
                                             struct platter_block **block, struct platter_error *err);
extern const struct platter_block_ops platter_vmdk_sparse_ops;
/* Why an extent cannot be written in place; NULL: it can. */
const char *platter_vmdk_why_read_only(const struct vmdk_header *header);

/* vmdk_map.c */
extern const struct platter_mapped_ops platter_vmdk_mapped_ops;
/* The directory's word: the first sector of a grain table; 0: there is none. */
enum platter_result platter_vmdk_directory_word(struct platter_page_table *directory, uint64_t index, uint32_t *sector,
                                                struct platter_error *err);
/* Holds the grain table at that sector, which has to be in the file. */
enum platter_result platter_vmdk_table(struct vmdk_sparse *s, uint64_t index, uint32_t sector,
                                       struct platter_cache_entry **table, struct platter_error *err);

/* vmdk_write.c */
enum platter_result platter_vmdk_write_prepare(struct vmdk_sparse *s, struct platter_error *err);
/* Writes back what is held, and says that the extent was closed properly. */
void platter_vmdk_write_end(struct vmdk_sparse *s);
/* See struct platter_mapped_ops. */
enum platter_result platter_vmdk_write_new(struct platter_mapped *m, const uint8_t *buffer, uint64_t offset,
                                           const struct platter_run *run, uint64_t *done, struct platter_error *err);
enum platter_result platter_vmdk_flush(struct platter_block *base, struct platter_error *err);

/* vmdk_create.c */
extern const struct platter_maker platter_vmdk_maker;

/* vmdk_check.c */
/* Fatal: tables and grains where none can be or over each other; else copies of tables that differ. */
enum platter_result platter_vmdk_scan(struct vmdk_sparse *s, struct platter_findings *findings,
                                      struct platter_error *err);
enum platter_result platter_vmdk_verify(struct platter_block *disk, platter_finding_fn *finding, void *context,
                                        const struct platter_progress *progress, struct platter_verify_report *report,
                                        struct platter_error *err);

#endif
