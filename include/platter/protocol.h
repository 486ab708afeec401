/* SPDX-License-Identifier: MIT */
/*
 * The boundary between platter.sys and the processes that use it, and the only header both sides share.
 *
 * Every structure has the same size and the same offsets on x86_64, i686 and natively on Linux; the static
 * assertions below say so, and tests/unit/test_protocol_layout.py compares the three ABIs. Fields are fixed-width and
 * little-endian. A reserved field is zero, and the driver refuses a request in which it is not, so that it can be
 * given a meaning later. Structures grow at the end only, under a new PLATTER_PROTOCOL_VERSION.
 *
 * How a mount goes, and what each control code may answer, is told in docs/protocol.md.
 */
#ifndef PLATTER_PROTOCOL_H
#define PLATTER_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

/* Raised when a structure or a rule below changes. HELLO refuses any other number, in words both sides print. */
#define PLATTER_PROTOCOL_VERSION 2u

/* First field of HELLO's input ("PLTR"), so that a stray ioctl of somebody else is told from an old provider. */
#define PLATTER_HELLO_MAGIC 0x52544c50u

/* Names. The control device is opened as \\.\Platter. */
#define PLATTER_CONTROL_DEVICE_NAME "\\Device\\PlatterControl"
#define PLATTER_CONTROL_LINK_NAME "\\DosDevices\\Platter"
#define PLATTER_CONTROL_WIN32_NAME "\\\\.\\Platter"
#define PLATTER_VOLUME_DEVICE_PREFIX "\\Device\\PlatterVolume"
#define PLATTER_BUS_HARDWARE_ID "Root\\PlatterBus"
#define PLATTER_VOLUME_DEVICE_ID "Platter\\Volume"
#define PLATTER_SERVICE_NAME "platter"

/* Limits that both sides count on. */
#define PLATTER_MAX_TRANSFER (1u << 20)      /* bytes of data in one request of TRANSACT; longer IRPs go in pieces */
#define PLATTER_MAX_BATCH 64u                /* answers, and requests, in one TRANSACT */
#define PLATTER_MAX_VOLUMES_PER_SESSION 128u /* volumes of one handle */
#define PLATTER_MAX_VOLUMES_PER_USER 512u    /* volumes of one user who is no administrator */
#define PLATTER_MAX_VOLUMES 1024u            /* volumes of the machine */
#define PLATTER_MIN_SECTOR_SIZE 512u         /* bytes */
#define PLATTER_MAX_SECTOR_SIZE 4096u        /* bytes */
#define PLATTER_MAX_VOLUME_BYTES (1ull << 62)
#define PLATTER_DEFAULT_DEADLINE_MS 30000u
#define PLATTER_MIN_DEADLINE_MS 100u
#define PLATTER_MAX_DEADLINE_MS 600000u
#define PLATTER_LABEL_CHARS 64u       /* UTF-16 units, NUL included */
#define PLATTER_IMAGE_NAME_CHARS 260u /* UTF-16 units, NUL included */
#define PLATTER_DEVICE_NAME_CHARS 64u /* UTF-16 units, NUL included */
#define PLATTER_SID_BYTES 68u         /* SECURITY_MAX_SID_SIZE */

/*
 * Control codes: CTL_CODE(PLATTER_DEVICE_TYPE, function, method, access), written out so that the header needs
 * nothing of Windows. METHOD_BUFFERED = 0, METHOD_OUT_DIRECT = 2; FILE_ANY_ACCESS = 0, FILE_READ_ACCESS |
 * FILE_WRITE_ACCESS = 3. Source: winioctl.h / "Defining I/O Control Codes" (WDK).
 */
#define PLATTER_DEVICE_TYPE 0x8350u
#define PLATTER_CTL_CODE(function, method, access)                                                                     \
    ((PLATTER_DEVICE_TYPE << 16) | ((access) << 14) | ((function) << 2) | (method))
#define PLATTER_IOCTL_HELLO PLATTER_CTL_CODE(0x800u, 0u, 0u)         /* hello_in -> hello_out */
#define PLATTER_IOCTL_VOLUME_LIST PLATTER_CTL_CODE(0x801u, 0u, 0u)   /* volume_list_in -> volume_list_out */
#define PLATTER_IOCTL_VOLUME_CREATE PLATTER_CTL_CODE(0x802u, 0u, 3u) /* volume_create_in -> volume_create_out */
#define PLATTER_IOCTL_VOLUME_START PLATTER_CTL_CODE(0x803u, 0u, 3u)  /* volume_start_in -> volume_info */
#define PLATTER_IOCTL_VOLUME_REMOVE PLATTER_CTL_CODE(0x804u, 0u, 3u) /* volume_remove_in -> nothing */
#define PLATTER_IOCTL_TRANSACT PLATTER_CTL_CODE(0x805u, 2u, 3u)      /* transact_in + answers -> locked batch */

/* ---- HELLO: first on every handle; the others answer STATUS_REVISION_MISMATCH until it has succeeded ---------- */

struct platter_hello_in {
    uint32_t magic;            /* PLATTER_HELLO_MAGIC */
    uint32_t protocol_version; /* PLATTER_PROTOCOL_VERSION of the caller */
    uint32_t reserved[2];
};

/* Answered whether or not the versions match, so that the caller can say which two met. */
struct platter_hello_out {
    uint32_t protocol_version; /* of the driver */
    uint32_t accepted;         /* 1: this handle may go on; 0: the versions differ, everything else is refused */
    uint32_t driver_version;   /* major << 16 | minor << 8 | patch */
    uint32_t routes;           /* PLATTER_ROUTE_BIT() of the ways of announcing that this machine offers now */
    uint32_t max_transfer;     /* bytes, PLATTER_MAX_TRANSFER of the driver */
    uint32_t max_batch;        /* PLATTER_MAX_BATCH of the driver */
    uint32_t volumes;          /* volumes there are now, of all handles */
    uint32_t policy;           /* enum platter_policy: what the machine's administrator says of who asks */
};

/* Machine policy as it binds the caller of HELLO; docs/policy.md. VOLUME_CREATE reads it again. */
enum platter_policy {
    PLATTER_POLICY_NO_MOUNT = 1u << 0,            /* VOLUME_CREATE is refused */
    PLATTER_POLICY_READ_ONLY = 1u << 1,           /* VOLUME_CREATE without READ_ONLY is refused */
    PLATTER_POLICY_UNMOUNT_ON_SHUTDOWN = 1u << 2, /* providers unmount at log-off and shutdown; theirs to do */
};

/* Who gave the drive letter; see docs/architecture.md, "Three ways to a letter". */
enum platter_route {
    PLATTER_ROUTE_NONE = 0,     /* not announced, or announced with no letter */
    PLATTER_ROUTE_PNP = 1,      /* Mount Manager, told by the volume's device interface */
    PLATTER_ROUTE_EXPLICIT = 2, /* Mount Manager, told by an ioctl of ours */
    PLATTER_ROUTE_LINK = 3,     /* no Mount Manager answered: a link in the global directory, made by the driver */
};
#define PLATTER_ROUTE_BIT(route) (1u << (route))

/* ---- VOLUME_CREATE: a volume that belongs to this handle, not yet announced ----------------------------------- */

enum platter_volume_flag {
    PLATTER_VOLUME_READ_ONLY = 1u << 0,  /* writes fail with STATUS_MEDIA_WRITE_PROTECTED */
    PLATTER_VOLUME_TRIM = 1u << 1,       /* the provider takes PLATTER_OP_DISCARD */
    PLATTER_VOLUME_CDROM = 1u << 2,      /* FILE_DEVICE_CD_ROM, 2048-byte sectors, read-only */
    PLATTER_VOLUME_NO_LETTER = 1u << 3,  /* announce without a drive letter */
    PLATTER_VOLUME_STABLE_ID = 1u << 4,  /* unique_id stays the same from mount to mount: the letter is remembered */
    PLATTER_VOLUME_WHOLE_DISK = 1u << 5, /* the volume is the whole image (no partition table) */
    PLATTER_VOLUME_PRIVATE = 1u << 6,    /* only its owner, administrators and SYSTEM may open it or anything on it */
    PLATTER_VOLUME_HOSTED = 1u << 7,     /* its provider says that it is a worker of the Platter service; for people */
};
#define PLATTER_VOLUME_FLAGS_KNOWN 0xffu

enum platter_partition_style {
    PLATTER_STYLE_NONE = 0, /* no partition table: the image is one volume */
    PLATTER_STYLE_MBR = 1,
    PLATTER_STYLE_GPT = 2,
};

struct platter_volume_create_in {
    uint64_t length_bytes;         /* size of the volume; a multiple of sector_size, not 0 */
    uint64_t partition_offset;     /* bytes from the start of the imaged disk; 0 without a partition table */
    uint32_t sector_size;          /* bytes: 512, 1024, 2048 or 4096 */
    uint32_t physical_sector_size; /* bytes: a power of two, at least sector_size; said to file systems for alignment */
    uint32_t flags;                /* enum platter_volume_flag */
    uint32_t deadline_ms;          /* of each platter_request, waiting for a worker included; 0: the default */
    uint32_t letter;               /* asked drive letter, 'A' to 'Z'; 0: let the system choose */
    uint32_t partition_style;      /* enum platter_partition_style */
    uint32_t partition_number;     /* 1-based as Windows counts; 0 without a partition table */
    uint32_t mbr_type;             /* partition type byte; 0 unless the style is MBR */
    uint32_t mbr_boot_indicator;   /* 0 or 1 */
    uint32_t mbr_signature;        /* disk signature; 0 unless the style is MBR */
    uint8_t gpt_type[16];          /* partition type GUID as stored in the entry (mixed endian); 0 unless GPT */
    uint8_t gpt_partition_id[16];  /* unique partition GUID, as stored; 0 unless GPT */
    uint8_t gpt_disk_id[16];       /* disk GUID, as stored; 0 unless GPT */
    uint64_t gpt_attributes;       /* attribute bits of the entry */
    uint8_t unique_id[16]; /* told to the Mount Manager, behind a prefix; not all zero; a fresh one unless STABLE_ID */
    uint16_t label[PLATTER_LABEL_CHARS];           /* for people: device description; NUL-terminated */
    uint16_t image_name[PLATTER_IMAGE_NAME_CHARS]; /* for people: the image's path; NUL-terminated, cut if longer */
    uint16_t gpt_name[36];                         /* partition name of the entry; not terminated when full */
};

struct platter_volume_create_out {
    uint64_t volume_id;                              /* never 0, never used twice while the driver is loaded */
    uint16_t device_name[PLATTER_DEVICE_NAME_CHARS]; /* \Device\PlatterVolume{n} or ...{n}-{m}, NUL-terminated */
};

/* ---- VOLUME_START: probe read through this handle's TRANSACT, then announce; pends until it is done ------------- */

struct platter_volume_start_in {
    uint64_t volume_id;
    uint32_t flags; /* 0 */
    uint32_t reserved;
};

enum platter_volume_state {
    PLATTER_STATE_CREATED = 0,  /* not announced */
    PLATTER_STATE_PROBING = 1,  /* the probe read is under way */
    PLATTER_STATE_STARTING = 2, /* probe passed, being announced */
    PLATTER_STATE_RUNNING = 3,
    PLATTER_STATE_REMOVING = 4, /* takes no new requests */
};

struct platter_volume_info {
    uint64_t volume_id;
    uint64_t length_bytes;
    uint64_t partition_offset;
    uint64_t read_bytes; /* answered since the mount */
    uint64_t written_bytes;
    uint64_t read_requests;
    uint64_t write_requests;
    uint64_t failed_requests; /* answered with an error, timed out, or dropped */
    uint64_t late_answers;    /* answers whose request was gone: cancelled, timed out or never asked */
    uint64_t mounted_at;      /* 100 ns units since 1601-01-01 UTC (KeQuerySystemTime) */
    uint32_t sector_size;
    uint32_t flags;  /* enum platter_volume_flag */
    uint32_t state;  /* enum platter_volume_state */
    uint32_t route;  /* enum platter_route */
    uint32_t letter; /* drive letter it has now; 0: none */
    uint32_t partition_number;
    uint32_t owner_process_id; /* of the provider */
    uint32_t open_handles;     /* on the volume device itself; files open through a file system are not seen here */
    uint32_t in_flight;        /* requests waiting or with the provider */
    uint32_t may_remove;       /* 1: the caller may unmount it */
    uint8_t unique_id[16];
    uint16_t device_name[PLATTER_DEVICE_NAME_CHARS];
    uint16_t label[PLATTER_LABEL_CHARS];
    uint16_t image_name[PLATTER_IMAGE_NAME_CHARS]; /* empty unless the caller may remove the volume */
    uint32_t holder_process_id; /* one that has the volume's sectors open, past its file system; 0: none is known */
    uint32_t reserved;
    uint64_t idle_ms;          /* since a request was last answered, or since the mount; 0 while one is in flight */
    uint32_t owner_sid_length; /* bytes; 0 unless the caller may remove the volume */
    uint8_t owner_sid[PLATTER_SID_BYTES]; /* who mounted it, as a SID lies in memory */
};

/* ---- VOLUME_LIST: volumes by ascending id, as many as fit ------------------------------------------------------ */

struct platter_volume_list_in {
    uint64_t after_id; /* list ids above this one; 0: from the first */
};

struct platter_volume_list_out {
    uint32_t count; /* volumes in this answer */
    uint32_t more;  /* 1: ask again with the last id as after_id */
    /* struct platter_volume_info volumes[count] follows */
};

/* ---- VOLUME_REMOVE: by the owner's SID, an administrator or SYSTEM; pends until the drive is gone --------------- */

enum platter_remove_flag {
    PLATTER_REMOVE_FORCE = 1u << 0, /* also with open handles; without it they make STATUS_DEVICE_BUSY */
};

struct platter_volume_remove_in {
    uint64_t volume_id;
    uint32_t flags; /* enum platter_remove_flag */
    uint32_t reserved;
};

/* ---- TRANSACT: complete m requests and fetch n in one call ------------------------------------------------------ */
/*
 * Input buffer (buffered): platter_transact_in, then answer_count times platter_answer.
 * Output buffer (direct, locked by the I/O manager, at least PLATTER_TRANSACT_MIN_BATCH bytes): on the way in it holds
 * the bytes that reads return, at each answer's data_offset; on the way out platter_transact_out, then request_count
 * times platter_request, then the bytes to be written, at each request's data_offset. The driver takes the answers
 * first and overwrites the buffer afterwards; the provider may use the whole of it. With fetch_max 0 nothing behind
 * the headers is changed, so that a provider can answer some requests of a batch and go on with the others. Once the
 * last volume of the handle has gone, TRANSACT does not wait.
 *
 * For a read the driver hands out no more bytes than fit into the buffer it was fetched with behind the headers
 * (PLATTER_TRANSACT_DATA_OFFSET), so that the answer fits into the same buffer; longer IRPs are cut into pieces. The
 * deadline counts for each piece, from when the IRP arrived or the piece before was answered: a long IRP that gets on
 * does not fail for its length.
 */
enum platter_op {
    PLATTER_OP_READ = 1,    /* answer: exactly `length` bytes at data_offset */
    PLATTER_OP_WRITE = 2,   /* `length` bytes lie at data_offset */
    PLATTER_OP_FLUSH = 3,   /* everything written before is on stable storage when answered */
    PLATTER_OP_DISCARD = 4, /* offset and length need not be kept; read back as anything until written */
};

enum platter_request_flag {
    PLATTER_REQUEST_PROBE = 1u << 0, /* the driver's own probe read before the volume is announced */
    PLATTER_REQUEST_FUA = 1u << 1,   /* write through to stable storage before answering (SL_WRITE_THROUGH) */
};

/* Outcome of one request. The driver turns it into an NTSTATUS of its own; an unknown value is an I/O error. */
enum platter_status {
    PLATTER_STATUS_OK = 0,
    PLATTER_STATUS_IO_ERROR = 1,      /* STATUS_IO_DEVICE_ERROR */
    PLATTER_STATUS_DAMAGED = 2,       /* STATUS_CRC_ERROR: the image says these bytes are not what they were */
    PLATTER_STATUS_NO_SPACE = 3,      /* STATUS_DISK_FULL: the image file cannot grow */
    PLATTER_STATUS_READ_ONLY = 4,     /* STATUS_MEDIA_WRITE_PROTECTED */
    PLATTER_STATUS_OUT_OF_RANGE = 5,  /* STATUS_NONEXISTENT_SECTOR */
    PLATTER_STATUS_NO_MEMORY = 6,     /* STATUS_INSUFFICIENT_RESOURCES */
    PLATTER_STATUS_NOT_SUPPORTED = 7, /* STATUS_INVALID_DEVICE_REQUEST */
    PLATTER_STATUS_MEDIA_GONE = 8,    /* STATUS_DEVICE_NOT_CONNECTED: the image's own medium went away */
};

enum platter_transact_flag {
    PLATTER_TRANSACT_NO_WAIT = 1u << 0, /* fetch what is there and return at once, even with nothing */
};

struct platter_transact_in {
    uint32_t answer_count; /* 0 to PLATTER_MAX_BATCH */
    uint32_t fetch_max;    /* requests wanted, 0 to PLATTER_MAX_BATCH; 0: only answer, never pends */
    uint32_t flags;        /* enum platter_transact_flag */
    uint32_t reserved;
};

struct platter_answer {
    uint64_t request_id;  /* of the request answered */
    uint32_t status;      /* enum platter_status */
    uint32_t length;      /* bytes done: the request's length when the status is OK, otherwise ignored */
    uint32_t data_offset; /* reads that are OK: where the bytes lie in the output buffer */
    uint32_t reserved;
};

struct platter_transact_out {
    uint32_t request_count; /* requests that follow; 0 is a wake-up: look at live_volumes */
    uint32_t live_volumes;  /* volumes of this handle that are not removed */
    uint32_t answers_taken; /* of the answers in the input */
    uint32_t answers_late;  /* named no request in flight: cancelled, timed out or never asked */
};

struct platter_request {
    uint64_t request_id; /* unique among the requests in flight; never 0 */
    uint64_t volume_id;
    uint64_t offset;        /* bytes from the start of the volume */
    uint32_t length;        /* bytes, at most PLATTER_MAX_TRANSFER; 0 for FLUSH and DISCARD */
    uint32_t op;            /* enum platter_op */
    uint32_t flags;         /* enum platter_request_flag */
    uint32_t data_offset;   /* writes: where the bytes lie in the output buffer; reads: where the answer may put them */
    uint64_t discard_bytes; /* DISCARD: bytes to discard (length is 0); otherwise 0 */
};

/* Data starts here in a batch buffer, whatever the counts: behind the headers of a full batch. */
#define PLATTER_TRANSACT_DATA_OFFSET 4096u
/* Smallest batch buffer: headers and one largest sector. A buffer this small works, in small pieces. */
#define PLATTER_TRANSACT_MIN_BATCH (PLATTER_TRANSACT_DATA_OFFSET + PLATTER_MAX_SECTOR_SIZE)
/* Largest batch buffer the driver maps. */
#define PLATTER_TRANSACT_MAX_BATCH (PLATTER_TRANSACT_DATA_OFFSET + 16u * PLATTER_MAX_TRANSFER)

/* ---- Layout, the same on every ABI ------------------------------------------------------------------------------ */

#define PLATTER_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)
#define PLATTER_ASSERT_AT(type, field, bytes) _Static_assert(offsetof(struct type, field) == (bytes), #type "." #field)

PLATTER_ASSERT_SIZE(platter_hello_in, 16);
PLATTER_ASSERT_AT(platter_hello_in, protocol_version, 4);
PLATTER_ASSERT_SIZE(platter_hello_out, 32);
PLATTER_ASSERT_AT(platter_hello_out, accepted, 4);
PLATTER_ASSERT_AT(platter_hello_out, driver_version, 8);
PLATTER_ASSERT_AT(platter_hello_out, routes, 12);
PLATTER_ASSERT_AT(platter_hello_out, max_transfer, 16);
PLATTER_ASSERT_AT(platter_hello_out, max_batch, 20);
PLATTER_ASSERT_AT(platter_hello_out, volumes, 24);
PLATTER_ASSERT_AT(platter_hello_out, policy, 28);

PLATTER_ASSERT_SIZE(platter_volume_create_in, 848);
PLATTER_ASSERT_AT(platter_volume_create_in, partition_offset, 8);
PLATTER_ASSERT_AT(platter_volume_create_in, sector_size, 16);
PLATTER_ASSERT_AT(platter_volume_create_in, physical_sector_size, 20);
PLATTER_ASSERT_AT(platter_volume_create_in, flags, 24);
PLATTER_ASSERT_AT(platter_volume_create_in, deadline_ms, 28);
PLATTER_ASSERT_AT(platter_volume_create_in, letter, 32);
PLATTER_ASSERT_AT(platter_volume_create_in, partition_style, 36);
PLATTER_ASSERT_AT(platter_volume_create_in, partition_number, 40);
PLATTER_ASSERT_AT(platter_volume_create_in, mbr_type, 44);
PLATTER_ASSERT_AT(platter_volume_create_in, mbr_boot_indicator, 48);
PLATTER_ASSERT_AT(platter_volume_create_in, mbr_signature, 52);
PLATTER_ASSERT_AT(platter_volume_create_in, gpt_type, 56);
PLATTER_ASSERT_AT(platter_volume_create_in, gpt_partition_id, 72);
PLATTER_ASSERT_AT(platter_volume_create_in, gpt_disk_id, 88);
PLATTER_ASSERT_AT(platter_volume_create_in, gpt_attributes, 104);
PLATTER_ASSERT_AT(platter_volume_create_in, unique_id, 112);
PLATTER_ASSERT_AT(platter_volume_create_in, label, 128);
PLATTER_ASSERT_AT(platter_volume_create_in, image_name, 256);
PLATTER_ASSERT_AT(platter_volume_create_in, gpt_name, 776);
PLATTER_ASSERT_SIZE(platter_volume_create_out, 136);
PLATTER_ASSERT_AT(platter_volume_create_out, device_name, 8);

PLATTER_ASSERT_SIZE(platter_volume_start_in, 16);
PLATTER_ASSERT_AT(platter_volume_start_in, flags, 8);

PLATTER_ASSERT_SIZE(platter_volume_info, 1000);
PLATTER_ASSERT_AT(platter_volume_info, length_bytes, 8);
PLATTER_ASSERT_AT(platter_volume_info, partition_offset, 16);
PLATTER_ASSERT_AT(platter_volume_info, read_bytes, 24);
PLATTER_ASSERT_AT(platter_volume_info, written_bytes, 32);
PLATTER_ASSERT_AT(platter_volume_info, read_requests, 40);
PLATTER_ASSERT_AT(platter_volume_info, write_requests, 48);
PLATTER_ASSERT_AT(platter_volume_info, failed_requests, 56);
PLATTER_ASSERT_AT(platter_volume_info, late_answers, 64);
PLATTER_ASSERT_AT(platter_volume_info, mounted_at, 72);
PLATTER_ASSERT_AT(platter_volume_info, sector_size, 80);
PLATTER_ASSERT_AT(platter_volume_info, flags, 84);
PLATTER_ASSERT_AT(platter_volume_info, state, 88);
PLATTER_ASSERT_AT(platter_volume_info, route, 92);
PLATTER_ASSERT_AT(platter_volume_info, letter, 96);
PLATTER_ASSERT_AT(platter_volume_info, partition_number, 100);
PLATTER_ASSERT_AT(platter_volume_info, owner_process_id, 104);
PLATTER_ASSERT_AT(platter_volume_info, open_handles, 108);
PLATTER_ASSERT_AT(platter_volume_info, in_flight, 112);
PLATTER_ASSERT_AT(platter_volume_info, may_remove, 116);
PLATTER_ASSERT_AT(platter_volume_info, unique_id, 120);
PLATTER_ASSERT_AT(platter_volume_info, device_name, 136);
PLATTER_ASSERT_AT(platter_volume_info, label, 264);
PLATTER_ASSERT_AT(platter_volume_info, image_name, 392);
PLATTER_ASSERT_AT(platter_volume_info, holder_process_id, 912);
PLATTER_ASSERT_AT(platter_volume_info, idle_ms, 920);
PLATTER_ASSERT_AT(platter_volume_info, owner_sid_length, 928);
PLATTER_ASSERT_AT(platter_volume_info, owner_sid, 932);

PLATTER_ASSERT_SIZE(platter_volume_list_in, 8);
PLATTER_ASSERT_SIZE(platter_volume_list_out, 8);
PLATTER_ASSERT_AT(platter_volume_list_out, more, 4);

PLATTER_ASSERT_SIZE(platter_volume_remove_in, 16);
PLATTER_ASSERT_AT(platter_volume_remove_in, flags, 8);

PLATTER_ASSERT_SIZE(platter_transact_in, 16);
PLATTER_ASSERT_AT(platter_transact_in, fetch_max, 4);
PLATTER_ASSERT_AT(platter_transact_in, flags, 8);
PLATTER_ASSERT_SIZE(platter_answer, 24);
PLATTER_ASSERT_AT(platter_answer, status, 8);
PLATTER_ASSERT_AT(platter_answer, length, 12);
PLATTER_ASSERT_AT(platter_answer, data_offset, 16);
PLATTER_ASSERT_SIZE(platter_transact_out, 16);
PLATTER_ASSERT_AT(platter_transact_out, live_volumes, 4);
PLATTER_ASSERT_AT(platter_transact_out, answers_taken, 8);
PLATTER_ASSERT_AT(platter_transact_out, answers_late, 12);
PLATTER_ASSERT_SIZE(platter_request, 48);
PLATTER_ASSERT_AT(platter_request, volume_id, 8);
PLATTER_ASSERT_AT(platter_request, offset, 16);
PLATTER_ASSERT_AT(platter_request, length, 24);
PLATTER_ASSERT_AT(platter_request, op, 28);
PLATTER_ASSERT_AT(platter_request, flags, 32);
PLATTER_ASSERT_AT(platter_request, data_offset, 36);
PLATTER_ASSERT_AT(platter_request, discard_bytes, 40);

_Static_assert(sizeof(struct platter_transact_out) + PLATTER_MAX_BATCH * sizeof(struct platter_request) <=
                   PLATTER_TRANSACT_DATA_OFFSET,
               "the headers of a full batch fit in front of its data");

#endif /* PLATTER_PROTOCOL_H */
