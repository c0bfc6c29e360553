//! Seals a large file and opens it again through a pipe, piece by piece: `file_stream [gibibytes]`, 10 unless said.
//!
//! Prints how fast each side was, by the time that its thread was busy in the seal, and the most memory that the process had.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use amp_crypto::seal::{CHUNK_BYTES, Closing, FileKey, FileOpener, FileSealer, TAG_BYTES, sealed_len};
use rustix::time::{ClockId, clock_gettime};

const PIECE: usize = 64 * 1024;

fn busy() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).expect("below a second"))
}

/// The piece with this number: no two are the same.
fn fill(piece: &mut [u8], number: u64) {
    for (at, word) in piece.chunks_exact_mut(8).enumerate() {
        let word: &mut [u8; 8] = word.try_into().expect("8 bytes");
        *word = (number << 16 | at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
    }
}

fn seal(key: &FileKey, size: u64, mut to: std::io::PipeWriter) -> Duration {
    let (mut piece, mut sealed) = (vec![0; PIECE], Vec::with_capacity(CHUNK_BYTES + TAG_BYTES));
    let mut sealer = FileSealer::new(key, size).expect("a size that can be sealed");
    let mut spent = Duration::ZERO;
    for number in 0..size / PIECE as u64 {
        fill(&mut piece, number);
        let from = busy();
        sealer.update(&piece, &mut sealed).expect("within the size");
        spent += busy() - from;
        to.write_all(&sealed).expect("the pipe");
        sealed.clear();
    }
    loop {
        let from = busy();
        let closing = sealer.close(&mut sealed).expect("all of it was given");
        spent += busy() - from;
        to.write_all(&sealed).expect("the pipe");
        sealed.clear();
        if closing == Closing::Done {
            return spent;
        }
    }
}

fn open(key: &FileKey, size: u64, mut from: std::io::PipeReader) -> Duration {
    let (mut piece, mut expected) = (vec![0; PIECE], vec![0; PIECE]);
    let mut opened = Vec::with_capacity(2 * (CHUNK_BYTES + TAG_BYTES));
    let mut opener = FileOpener::new(key, size).expect("a size that can be sealed");
    let (mut spent, mut arrived, mut number) = (Duration::ZERO, 0, 0);
    loop {
        let read = from.read(&mut piece).expect("the pipe");
        if read == 0 {
            break;
        }
        arrived += read as u64;
        let begun = busy();
        opener.update(&piece[..read], &mut opened).expect("genuine");
        spent += busy() - begun;
        for whole in opened.chunks_exact(PIECE) {
            fill(&mut expected, number);
            assert!(whole == expected, "piece {number} is another one");
            number += 1;
        }
        // Pieces and chunks are of one size.
        assert!(opened.len().is_multiple_of(PIECE));
        opened.clear();
    }
    opener.finish().expect("whole");
    assert_eq!((number * PIECE as u64, Ok(arrived)), (size, sealed_len(size)));
    spent
}

fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".into(), |most| most.trim().into())
}

fn main() {
    let gibibytes: f64 = std::env::args().nth(1).map_or(10.0, |count| count.parse().expect("a number"));
    let size = (gibibytes * f64::from(1 << 30)) as u64 / PIECE as u64 * PIECE as u64;
    let key = FileKey::from_parts(&[7; 32], &[8; 19]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let (sealing, opening) = std::thread::scope(|scope| {
        let sealing = scope.spawn(|| seal(&key, size, writer));
        let opening = open(&key, size, reader);
        (sealing.join().expect("sealed"), opening)
    });
    let speed = |spent: Duration| size as f64 / spent.as_secs_f64() / 1e9;
    println!("{size} bytes, {} more sealed", sealed_len(size).map_or(0, |sealed| sealed - size));
    println!(
        "seal {:.2} GB/s, open {:.2} GB/s, at most {} in memory",
        speed(sealing),
        speed(opening),
        peak()
    );
}
