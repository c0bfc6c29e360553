//! Size limits of a message, as every reader and writer of the protocol counts them.
//!
//! A limit is the largest value that is still accepted. Each is checked while reading, before memory is spent.

/// Longest subject, in characters (Unicode scalar values). The shortest has one.
pub const SUBJECT_MAX_CHARS: usize = 256;

/// Largest `payload.message`, in bytes of UTF-8 after JSON escapes are undone (64 KiB).
pub const MESSAGE_MAX_BYTES: usize = 64 * 1024;

/// Largest `payload.context`, in bytes of its JSON text (256 KiB).
pub const CONTEXT_MAX_BYTES: usize = 256 * 1024;

/// Largest message, envelope and payload together, in bytes of its JSON text (512 KiB).
pub const MESSAGE_JSON_MAX_BYTES: usize = 512 * 1024;

/// Largest body of an HTTP request or answer that carries messages, in bytes (1 MiB).
pub const HTTP_BODY_MAX_BYTES: usize = 1024 * 1024;

/// Most provider attachments of one message. Attachments by reference (`afp`) are not counted.
pub const ATTACHMENTS_MAX: usize = 10;

/// Largest provider attachment, in bytes (25 MiB).
pub const ATTACHMENT_MAX_BYTES: u64 = 25 * 1024 * 1024;

/// Largest sum of the sizes of a message's provider attachments, in bytes (100 MiB).
pub const ATTACHMENTS_TOTAL_MAX_BYTES: u64 = 100 * 1024 * 1024;

/// Largest payload that is sealed, in bytes of its JSON text before padding (160 KiB).
pub const SEALED_PAYLOAD_MAX_BYTES: usize = 160 * 1024;

/// Deepest nesting of objects and arrays. Envelope and payload are level 1: the object around them is not counted.
pub const DEPTH_MAX: usize = 128;

/// Most keys of one JSON object.
pub const KEYS_PER_OBJECT_MAX: usize = 10_000;

/// Longest number literal, in bytes. No double needs more than 1,077 to be written out exactly, so a longer literal
/// only costs its reader time.
pub const NUMBER_LITERAL_MAX_BYTES: usize = 1_100;

/// Longest identifier of any kind, in bytes (ASCII, so also in characters).
pub const ID_MAX_BYTES: usize = 128;

/// Longest safe file name, in bytes.
pub const FILENAME_MAX_BYTES: usize = 255;

/// Longest message type that is written, in bytes. Reading keeps any length that the message's own limits allow.
pub const MESSAGE_TYPE_MAX_BYTES: usize = 128;
