//! Sealed files: what opens as whole is the exact bytes that were sealed, and nothing else is ever released.

use std::sync::LazyLock;

use amp_crypto::seal::{Closing, FileError, FileKey, FileOpener, FileSealer, padded_len, sealed_len};

use super::assert_fit_to_show;

const CHUNK: usize = 64 * 1024 + 16;

/// The first byte chooses: a sealed file of the input's own (0xff), content to seal in pieces (0xfe), or a sealed file
/// to edit. Then come a size in three bytes and the file; the content; or edits of four bytes.
pub fn sealed_stream(data: &[u8]) {
    let [choice, rest @ ..] = data else { return };
    match choice {
        0xff => foreign(rest),
        0xfe => sealed(rest),
        _ => edited(&FILES[usize::from(*choice) % FILES.len()], rest),
    }
}

/// A file, the same sealed, and the key.
struct File {
    key: FileKey,
    content: Vec<u8>,
    sealed: Vec<u8>,
}

/// Around the boundaries of chunks and of padding, each under a key of its own. The last two are the one before with
/// another key and another prefix alone.
static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let sizes = [0, 1, 9, 1_000, 65_535, 65_536, 65_537, 66_000, 131_072, 140_000, 200_000, 200_000, 200_000];
    let keys = (0..13).map(|n| match n {
        11 => ([11; 32], [10; 19]),
        12 => ([10; 32], [12; 19]),
        _ => ([n; 32], [n; 19]),
    });
    sizes
        .into_iter()
        .zip(keys)
        .map(|(size, (key, prefix))| File::of(size, FileKey::from_parts(&key, &prefix)))
        .collect()
});

fn key() -> FileKey {
    FileKey::from_parts(&[0x44; 32], &[0x55; 19])
}

impl File {
    fn of(size: usize, key: FileKey) -> Self {
        let content: Vec<u8> = (0..size).map(|at| (at % 251) as u8 ^ (at >> 16) as u8).collect();
        let sealed = seal(&key, &content, &[usize::MAX]);
        Self { key, content, sealed }
    }
}

/// Seals in pieces of these lengths, over and over.
fn seal(key: &FileKey, content: &[u8], pieces: &[usize]) -> Vec<u8> {
    let (size, mut out) = (content.len() as u64, Vec::new());
    let mut sealer = FileSealer::new(key, size).unwrap();
    for piece in cut(content, pieces) {
        sealer.update(piece, &mut out).unwrap();
        assert!(out.len() % CHUNK == 0 || out.len() as u64 == sealed_len(size).unwrap(), "whole chunks");
    }
    while {
        let before = out.len();
        let closing = sealer.close(&mut out).unwrap();
        assert!(out.len() - before <= CHUNK, "a call appends a chunk at most");
        closing == Closing::More
    } {}
    assert_eq!(sealer.close(&mut out), Ok(Closing::Done), "closed once more, nothing comes of it");
    assert_eq!(sealer.update(b"x", &mut out), Err(FileError::TooLong));
    assert_eq!(out.len() as u64, sealed_len(size).unwrap());
    out
}

/// The bytes in pieces of these lengths, over and over; none of them is empty.
fn cut<'a>(mut bytes: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut lengths = lengths.iter().copied().cycle();
    core::iter::from_fn(move || {
        let length = lengths.next().unwrap_or(usize::MAX).clamp(1, bytes.len().max(1));
        let (piece, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        Some(piece)
    })
}

/// Opens, while what was released before an error is looked at after every piece.
fn open(
    key: &FileKey,
    size: u64,
    sealed: &[u8],
    pieces: &[usize],
    mut look: impl FnMut(&[u8]),
) -> Result<Vec<u8>, FileError> {
    let mut out = Vec::new();
    let mut opener = FileOpener::new(key, size).inspect_err(|error| assert_fit_to_show(error))?;
    let mut failed = None;
    for piece in cut(sealed, pieces) {
        let before = out.len();
        match (opener.update(piece, &mut out), failed) {
            (Ok(()), None) => {}
            (Ok(()), Some(_)) => panic!("what failed goes on"),
            (Err(error), first) => {
                assert_fit_to_show(&error);
                assert!(first.is_none() || out.len() == before, "nothing is released after an error");
                failed = Some(error);
            }
        }
        assert!(out.len() as u64 <= size);
        look(&out);
    }
    opener.finish().inspect_err(|error| assert_fit_to_show(error))?;
    assert_eq!((failed, out.len() as u64), (None, size));
    Ok(out)
}

/// Whatever the bytes are: what opens as whole is what sealing its content gives.
fn foreign(data: &[u8]) {
    let Some(([a, b, c], sealed)) = data.split_first_chunk::<3>() else { return };
    let size = u32::from_be_bytes([0, *a, *b, *c]);
    let padded = padded_len(u64::from(size));
    assert!(padded >= u64::from(size) && padded_len(padded) == padded);
    if let Ok(content) = open(&key(), u64::from(size), sealed, &[usize::MAX], |_| {}) {
        assert!(seal(&key(), &content, &[usize::MAX]) == sealed);
    }
}

/// Pieces do not matter, nor does what is not content.
fn sealed(data: &[u8]) {
    let [first, second, content @ ..] = data else { return };
    let pieces = [usize::from(*first) * 7, usize::from(*second) * 311];
    let bytes = seal(&key(), content, &pieces);
    assert!(bytes == seal(&key(), content, &[usize::MAX]));
    assert!(
        open(&key(), content.len() as u64, &bytes, &pieces, |_| {}).is_ok_and(|opened| opened == content)
    );
    // The size is part of what is agreed on: content that looks like padding is none.
    for size in [content.len().saturating_sub(1), content.len() + 1] {
        if let Ok(opened) = open(&key(), size as u64, &bytes, &pieces, |_| {}) {
            let longer = [content, b"\0"].concat();
            assert!(size == content.len() || longer.starts_with(&opened), "{size}");
            assert!(seal(&key(), &opened, &[usize::MAX]) == bytes);
        }
    }
    let mut sealer = FileSealer::new(&key(), content.len() as u64 + 1).unwrap();
    let mut out = Vec::new();
    sealer.update(content, &mut out).unwrap();
    assert_eq!(sealer.close(&mut out), Err(FileError::TooShort));
}

/// A file that was cut, joined, changed: whole only if it is what it was.
fn edited(file: &File, edits: &[u8]) {
    let mut bytes = file.sealed.clone();
    let mut pieces = vec![usize::MAX];
    for edit in edits.chunks_exact(4).take(64) {
        let [what, a, b, c] = [edit[0], edit[1], edit[2], edit[3]];
        let chunks = bytes.len().div_ceil(CHUNK).max(1);
        let (one, other) = (usize::from(a) % chunks, usize::from(b) % chunks);
        let at = (usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)) % bytes.len().max(1);
        match what % 8 {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << (c % 8),
            1 => bytes = order(&bytes, |chunks| chunks.swap(one, other)),
            2 => bytes = order(&bytes, |chunks| chunks.insert(other, chunks[one])),
            3 => {
                bytes = order(&bytes, |chunks| {
                    chunks.remove(one);
                })
            }
            4 => bytes.truncate(at),
            5 => bytes.extend_from_slice(&[a, b, c]),
            6 => {
                let donor = &FILES[usize::from(a) % FILES.len()].sealed;
                let mut all: Vec<&[u8]> = bytes.chunks(CHUNK).collect();
                let spliced = donor.chunks(CHUNK).nth(usize::from(b) % donor.len().div_ceil(CHUNK));
                let place = usize::from(c) % (all.len() + 1);
                all.splice(place..all.len().min(place + 1), spliced);
                bytes = all.concat();
            }
            _ => pieces.push(usize::from(a) * usize::from(b).max(1) + usize::from(c)),
        }
        if bytes.is_empty() || bytes.len() > 8 * CHUNK {
            break;
        }
    }
    let size = file.content.len() as u64;
    // Every piece costs: the shortest are for the shortest files.
    let least = bytes.len() / 512;
    pieces.iter_mut().for_each(|piece| *piece = (*piece).max(least));
    let opened =
        open(&file.key, size, &bytes, &pieces, |released| assert!(file.content.starts_with(released)));
    assert_eq!(opened.is_ok(), bytes == file.sealed);
    if let Ok(opened) = opened {
        assert!(opened == file.content);
    }
}

/// The same bytes with their chunks rearranged.
fn order(bytes: &[u8], change: impl FnOnce(&mut Vec<&[u8]>)) -> Vec<u8> {
    let mut chunks: Vec<&[u8]> = bytes.chunks(CHUNK).collect();
    if !chunks.is_empty() {
        change(&mut chunks);
    }
    chunks.concat()
}
