//! Sealed files: the same bytes however they are fed, whole or not at all, in constant memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

use aead_stream::{DecryptorBE32, EncryptorBE32};
use amp_crypto::seal::{
    CHUNK_BYTES, Closing, FileError, FileKey, FileOpener, FileSealer, MAX_FILE_SIZE, TAG_BYTES, padded_len,
    sealed_len,
};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use proptest::prelude::*;

const SEALED_CHUNK: usize = CHUNK_BYTES + TAG_BYTES;

fn key() -> FileKey {
    FileKey::from_parts(&[7; 32], &[8; 19])
}

fn size_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap()
}

fn content(size: usize) -> Vec<u8> {
    let period: Vec<u8> = (1..=251).collect();
    let mut content = period.repeat(size / 251 + 1);
    content.truncate(size);
    content
}

fn padded(content: &[u8]) -> Vec<u8> {
    let mut padded = content.to_vec();
    padded.resize(usize::try_from(padded_len(size_of(content))).unwrap(), 0);
    padded
}

/// Seals in pieces of the lengths given, then the rest at once.
fn seal_in(key: &FileKey, content: &[u8], pieces: &[usize]) -> Vec<u8> {
    let mut sealer = FileSealer::new(key, size_of(content)).unwrap();
    let (mut out, mut rest) = (Vec::new(), content);
    for piece in pieces {
        let (now, later) = rest.split_at((*piece).min(rest.len()));
        sealer.update(now, &mut out).unwrap();
        rest = later;
    }
    sealer.update(rest, &mut out).unwrap();
    while sealer.close(&mut out).unwrap() == Closing::More {}
    out
}

fn seal(content: &[u8]) -> Vec<u8> {
    seal_in(&key(), content, &[])
}

// rule: SEAL-19
#[test]
fn the_examples_of_the_format_are_what_is_written() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let text = "8e7039d1ca597651e2474c00c9246085c91aaa0e8699e2dfc2485240";
    let empty = "6631005f8816f191987a8fa4b495ea9a";
    assert_eq!(hex(&seal(b"Hello, world")), text);
    assert_eq!(hex(&seal(b"")), empty);
    let page = include_str!("../../docs/protocol/sealed.md");
    assert!(page.contains(text) && page.contains(empty));
}

/// What was released, and whether it is whole.
fn open_in(key: &FileKey, sealed: &[u8], size: u64, pieces: &[usize]) -> (Vec<u8>, Result<(), FileError>) {
    let mut opener = FileOpener::new(key, size).unwrap();
    let (mut out, mut rest) = (Vec::new(), sealed);
    for piece in pieces.iter().copied().chain([rest.len()]) {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        rest = later;
        if let Err(error) = opener.update(now, &mut out) {
            assert_eq!(opener.update(b"", &mut out), Err(FileError::NotOpened), "an error is for good");
            assert_eq!(opener.finish(), Err(FileError::NotOpened));
            return (out, Err(error));
        }
    }
    let whole = opener.finish();
    (out, whole)
}

fn open(sealed: &[u8], size: u64) -> (Vec<u8>, Result<(), FileError>) {
    open_in(&key(), sealed, size, &[])
}

/// It is refused, and what was released is a beginning of the content.
fn refused(sealed: &[u8], content: &[u8]) {
    let (released, whole) = open(sealed, size_of(content));
    assert!(whole.is_err());
    assert!(content.starts_with(&released) && released.len().is_multiple_of(CHUNK_BYTES));
}

/// Sizes about the borders of chunks and of padding.
const SIZES: [usize; 12] = [
    0,
    1,
    15,
    1000,
    CHUNK_BYTES - 1,
    CHUNK_BYTES,
    CHUNK_BYTES + 1,
    2 * CHUNK_BYTES - 1,
    2 * CHUNK_BYTES,
    2 * CHUNK_BYTES + 1,
    200_000,
    // The padding alone fills a chunk and more.
    64 * CHUNK_BYTES + 1,
];

// rule: SEAL-19
#[test]
fn a_file_opens_to_what_was_sealed() {
    for size in SIZES {
        let content = content(size);
        let sealed = seal(&content);
        assert_eq!(Ok(size_of(&sealed)), sealed_len(size_of(&content)));
        assert_eq!(open(&sealed, size_of(&content)), (content, Ok(())));
    }
}

/// `aead-stream`'s STREAM with the cipher that it is given, over the padded content.
// rule: SEAL-19
#[test]
fn a_sealed_file_is_that_of_another_stream_implementation() {
    let cipher = || XChaCha20Poly1305::new(&[7; 32].into());
    let prefix = [8; 19].into();
    for size in SIZES {
        let content = content(size);
        let padded = padded(&content);
        let mut chunks: Vec<&[u8]> = padded.chunks(CHUNK_BYTES).collect();
        let last = chunks.pop().unwrap_or_default();
        let (mut theirs, mut encryptor) = (Vec::new(), EncryptorBE32::from_aead(cipher(), &prefix));
        for chunk in chunks {
            theirs.extend(encryptor.encrypt_next(chunk).unwrap());
        }
        theirs.extend(encryptor.encrypt_last(last).unwrap());
        assert_eq!(seal(&content), theirs, "{size}");

        let mut sealed: Vec<&[u8]> = theirs.chunks(SEALED_CHUNK).collect();
        let last = sealed.pop().unwrap();
        let (mut opened, mut decryptor) = (Vec::new(), DecryptorBE32::from_aead(cipher(), &prefix));
        for chunk in sealed {
            opened.extend(decryptor.decrypt_next(chunk).unwrap());
        }
        opened.extend(decryptor.decrypt_last(last).unwrap());
        assert_eq!(opened, padded, "{size}");
    }
}

// rule: SEAL-20
#[test]
fn a_file_cut_anywhere_is_never_whole() {
    for size in [0, 1, 1000, CHUNK_BYTES, CHUNK_BYTES + 1, 200_000] {
        let content = content(size);
        let sealed = seal(&content);
        let borders = (0..sealed.len()).step_by(SEALED_CHUNK);
        let about = borders.flat_map(|border| [border.saturating_sub(1), border, border + 1, border + 17]);
        for cut in about.chain([sealed.len() - 1, sealed.len() - 16, sealed.len().saturating_sub(17)]) {
            let cut = cut.min(sealed.len() - 1);
            let (released, whole) = open(&sealed[..cut], size_of(&content));
            assert_eq!(whole, Err(FileError::Incomplete), "{size} cut at {cut}");
            assert!(content.starts_with(&released));
            // Only chunks that are there whole.
            assert_eq!(released.len(), (cut / SEALED_CHUNK * CHUNK_BYTES).min(size), "{size} cut at {cut}");
        }
    }
}

/// A cut at the border of a chunk, with the size changed to match: the last chunk's flag gives it away.
// rule: SEAL-19
#[test]
fn a_shorter_size_does_not_make_a_cut_file_whole() {
    let content = content(3 * CHUNK_BYTES);
    let sealed = seal(&content);
    for chunks in 1..3 {
        let size = u64::try_from(chunks * CHUNK_BYTES).unwrap();
        let (released, whole) = open(&sealed[..chunks * SEALED_CHUNK], size);
        assert_eq!(whole, Err(FileError::NotOpened));
        assert_eq!(released.len(), (chunks - 1) * CHUNK_BYTES);
    }
    assert_eq!(open(b"", 0).1, Err(FileError::Incomplete));
}

// rule: SEAL-19
#[test]
fn reordered_repeated_and_left_out_chunks_do_not_open() {
    let content = content(4 * CHUNK_BYTES);
    let sealed = seal(&content);
    let chunks: Vec<&[u8]> = sealed.chunks(SEALED_CHUNK).collect();
    for order in [
        [1, 0, 2, 3].as_slice(),
        &[0, 2, 1, 3],
        &[0, 1, 3, 2],
        &[3, 2, 1, 0],
        &[0, 0, 1, 2],
        &[0, 1, 1, 2],
        &[0, 1, 2, 2],
        &[0, 0, 1, 2, 3],
        &[0, 1, 2, 3, 3],
        &[0, 1, 2, 3, 0],
        &[1, 2, 3],
        &[0, 2, 3],
        &[0, 1, 3],
        &[3],
    ] {
        let moved: Vec<u8> = order.iter().flat_map(|at| chunks[*at]).copied().collect();
        let (released, whole) = open(&moved, size_of(&content));
        assert_eq!(whole, Err(FileError::NotOpened), "{order:?}");
        assert!(content.starts_with(&released), "{order:?}");
    }
}

// rule: SEAL-19
#[test]
fn nothing_may_follow_the_last_chunk() {
    for size in [0, 1000, CHUNK_BYTES, CHUNK_BYTES + 1] {
        let content = content(size);
        let sealed = seal(&content);
        for tail in [&[0][..], &[0; 16], &[0; SEALED_CHUNK], &seal(&[])] {
            let extended = [&sealed, tail].concat();
            let (released, whole) = open(&extended, size_of(&content));
            assert_eq!(whole, Err(FileError::NotOpened));
            assert_eq!(released, content);
        }
    }
}

// rule: SEAL-19
#[test]
fn a_chunk_of_another_file_or_key_does_not_open() {
    let content = content(3 * CHUNK_BYTES);
    let sealed = seal(&content);
    for other in [FileKey::from_parts(&[6; 32], &[8; 19]), FileKey::from_parts(&[7; 32], &[9; 19])] {
        let foreign = seal_in(&other, &content, &[]);
        for at in 0..3 {
            let mut spliced = sealed.clone();
            let range = at * SEALED_CHUNK..(at + 1) * SEALED_CHUNK;
            spliced[range.clone()].copy_from_slice(&foreign[range]);
            let (released, whole) = open(&spliced, size_of(&content));
            assert_eq!((released.len(), whole), (at * CHUNK_BYTES, Err(FileError::NotOpened)));
        }
        assert_eq!(open_in(&other, &sealed, size_of(&content), &[]).1, Err(FileError::NotOpened));
    }
}

/// The size is part of the sealed payload. In the wrong bucket nothing opens; in the right one the padding shows it.
// rule: SEAL-20
#[test]
fn a_size_that_cuts_content_off_is_refused() {
    let content = content(1000);
    let sealed = seal(&content);
    for wrong in [0, 1, 100, 961, 999, 1025, 70_000] {
        let (released, whole) = open(&sealed, wrong);
        assert!(whole.is_err(), "{wrong}");
        assert!(released.is_empty());
    }
    // Zeros are content as well: within the bucket the file's digest must tell.
    let longer = open(&sealed, 1024);
    assert_eq!(longer.1, Ok(()));
    assert_eq!(longer.0, padded(&content));
}

// rule: SEAL-20
#[test]
fn padding_that_is_not_zero_is_refused() {
    // Sealed as 1024 bytes of content, read as 1000 and padding.
    let mut long = content(1000);
    long.resize(1024, 0);
    long[1023] = 1;
    let (released, whole) = open(&seal(&long), 1000);
    assert_eq!((released.len(), whole), (0, Err(FileError::NotOpened)));
    // In a chunk of padding alone.
    let size = 64 * CHUNK_BYTES + 1;
    let mut long = padded(&content(size));
    *long.last_mut().unwrap() = 1;
    let sealed = seal(&long);
    let (released, whole) = open(&sealed, u64::try_from(size).unwrap());
    assert_eq!((released.len(), whole), (size, Err(FileError::NotOpened)));
}

#[test]
fn a_sealer_takes_neither_more_nor_less_than_was_stated() {
    let mut out = Vec::new();
    let mut sealer = FileSealer::new(&key(), 17).unwrap();
    assert_eq!(sealer.update(&[1; 18], &mut out), Err(FileError::TooLong));
    sealer.update(&[1; 4], &mut out).unwrap();
    assert_eq!(sealer.close(&mut out), Err(FileError::TooShort));
    assert_eq!(sealer.update(&[1; 14], &mut out), Err(FileError::TooLong));
    sealer.update(&[1; 13], &mut out).unwrap();
    assert!(out.is_empty());
    assert_eq!(sealer.close(&mut out), Ok(Closing::Done));
    assert_eq!(out, seal(&[1; 17]));
    assert_eq!(sealer.close(&mut out), Ok(Closing::Done));
    assert_eq!(out.len(), 18 + 16);
    assert_eq!(sealer.update(&[1], &mut out), Err(FileError::TooLong));
}

#[test]
fn a_file_beyond_the_chunk_counter_is_refused() {
    assert!(FileSealer::new(&key(), MAX_FILE_SIZE).is_ok());
    assert_eq!(FileSealer::new(&key(), MAX_FILE_SIZE + 1).unwrap_err(), FileError::TooLarge);
    assert_eq!(FileOpener::new(&key(), MAX_FILE_SIZE + 1).unwrap_err(), FileError::TooLarge);
}

// rule: SEAL-19
#[test]
fn memory_does_not_grow_with_the_file() {
    /// Bytes that are held at most at once, over `chunks` chunks sealed and opened in pieces of 16 KiB.
    fn peak(chunks: usize) -> u64 {
        let (piece, key) = (content(16 * 1024), key());
        let size = u64::try_from(chunks * CHUNK_BYTES).unwrap();
        let measured = allocation_counter::measure(|| {
            let mut sealer = FileSealer::new(&key, size).unwrap();
            let mut opener = FileOpener::new(&key, size).unwrap();
            let (mut sealed, mut opened) = (Vec::new(), Vec::new());
            let mut seen = 0;
            for _ in 0..4 * chunks {
                sealer.update(&piece, &mut sealed).unwrap();
                opener.update(&sealed, &mut opened).unwrap();
                seen += opened.len();
                sealed.clear();
                opened.clear();
            }
            while sealer.close(&mut sealed).unwrap() == Closing::More {
                assert!(sealed.len() <= SEALED_CHUNK);
                opener.update(&sealed, &mut opened).unwrap();
                sealed.clear();
            }
            opener.update(&sealed, &mut opened).unwrap();
            assert_eq!(seen + opened.len(), chunks * CHUNK_BYTES);
            opener.finish().unwrap();
        });
        measured.bytes_max
    }
    let few = peak(2);
    assert_eq!(peak(67), few);
    assert!(few <= 5 * u64::try_from(SEALED_CHUNK).unwrap(), "{few}");
}

fn pieces() -> impl Strategy<Value = Vec<usize>> {
    let length = prop_oneof![
        0..40_usize,
        0..3 * CHUNK_BYTES,
        Just(CHUNK_BYTES),
        Just(SEALED_CHUNK),
        CHUNK_BYTES - 20..CHUNK_BYTES + 20,
    ];
    prop::collection::vec(length, 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    // rule: SEAL-19
    #[test]
    fn pieces_of_any_length_give_the_same_bytes(
        size in prop_oneof![0..300_usize, 0..5 * CHUNK_BYTES],
        (sealing, opening) in (pieces(), pieces()),
    ) {
        let content = content(size);
        let sealed = seal(&content);
        prop_assert!(seal_in(&key(), &content, &sealing) == sealed);
        let (opened, whole) = open_in(&key(), &sealed, size_of(&content), &opening);
        prop_assert_eq!(whole, Ok(()));
        prop_assert!(opened == content);
    }

    // rule: SEAL-19
    #[test]
    fn a_flipped_bit_anywhere_is_found_and_nothing_after_it_released(
        size in prop_oneof![0..300_usize, 0..3 * CHUNK_BYTES],
        at: prop::sample::Index,
        bit in 0_u32..8,
    ) {
        let content = content(size);
        let mut sealed = seal(&content);
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        let (released, whole) = open(&sealed, size_of(&content));
        prop_assert_eq!(whole, Err(FileError::NotOpened));
        prop_assert_eq!(released.len(), (at / SEALED_CHUNK * CHUNK_BYTES).min(size));
        prop_assert!(content.starts_with(&released));
    }

    // rule: SEAL-20
    #[test]
    fn a_cut_anywhere_is_never_whole(size in 0..3 * CHUNK_BYTES, at: prop::sample::Index, tail in 0..40_usize) {
        let content = content(size);
        let sealed = seal(&content);
        let cut = at.index(sealed.len());
        prop_assert_eq!(open(&sealed[..cut], size_of(&content)).1, Err(FileError::Incomplete));
        // Something else in its place.
        let mut other = sealed[..cut].to_vec();
        other.resize(cut + tail, 0x5a);
        if !sealed.starts_with(&other) {
            refused(&other, &content);
        }
    }

    // rule: SEAL-9
    #[test]
    fn files_in_one_bucket_have_one_length(size in 0_u64..MAX_FILE_SIZE) {
        prop_assert_eq!(sealed_len(size), sealed_len(padded_len(size)));
    }
}
