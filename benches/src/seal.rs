//! Sealing a message to somebody's key and opening it again: one seal and one open each time.

use std::hint::black_box;

use amp_crypto::Identity;
use amp_crypto::seal::{self, Binding, DecryptionKey, EncryptionKey, FileKey, FileOpener, FileSealer, Suite};
use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::corpus::{self, FROM, SEED, Scores, TO};
use crate::measure::Subject;
#[cfg(feature = "sealing-peers")]
use crate::seal_peers as peers;

/// A build has one backend: the feature chooses, and names what was measured.
pub const BENCH: &str = if cfg!(feature = "aws-lc") { "seal-aws-lc" } else { "seal" };

/// Seal and open at 300 bytes may take so many nanoseconds together.
pub const MOST_NS: f64 = 65_000.0;

/// Names of the sizes, and bytes. The last is more than a message may hold: there, ours is a sealed file.
pub const SIZES: [(&str, usize); 5] =
    [("300", 300), ("4k", 4096), ("64k", 64 << 10), ("160k", 160 << 10), (FILE, 400 << 10)];
const FILE: &str = "400k";

/// Plaintexts, each with a recipient of its own.
pub struct Plaintexts {
    is_file: bool,
    binding: Binding,
    pub texts: Vec<Vec<u8>>,
    pub secrets: Vec<[u8; 32]>,
    recipients: Vec<(EncryptionKey, DecryptionKey)>,
}

impl Plaintexts {
    pub fn new(size: &str, bytes: usize, messages: usize) -> Self {
        let sender = Identity::from_seed(&SEED);
        let secrets: Vec<[u8; 32]> = (0..messages).map(|n| random(n as u64)).collect();
        let recipient = |secret| {
            let key = DecryptionKey::from_bytes(secret);
            (key.encryption_key(), key)
        };
        Self {
            is_file: size == FILE,
            binding: Binding::new(FROM, TO, sender.verifying_key()).expect("a binding"),
            texts: (0..messages as u64)
                .map(|n| corpus::payload(bytes, n, Scores::Fractions).into_bytes())
                .collect(),
            recipients: secrets.iter().map(recipient).collect(),
            secrets,
        }
    }
}

/// 32 bytes that have no pattern.
fn random(n: u64) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(n.to_be_bytes()).into()
}

/// What is drawn for every message, by everybody.
fn drawn() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("randomness");
    bytes
}

/// The limit first, then ours, then the peers where they were built.
pub fn subjects(plaintexts: &Plaintexts) -> Vec<Subject<'_>> {
    let mut all = vec![limit(plaintexts)];
    if plaintexts.is_file {
        all.push(Subject::new("amp-file", |n| file(&plaintexts.texts[n])));
    } else {
        all.push(whole("amp", plaintexts, Suite::XChaCha20Poly1305));
        all.push(whole("amp-stock-suite", plaintexts, Suite::ChaCha20Poly1305));
        all.push(Subject::new("amp-seal", |n| {
            black_box(sealed(plaintexts, n, Suite::default()));
        }));
        let sealed: Vec<seal::Sealed> =
            (0..plaintexts.texts.len()).map(|n| sealed(plaintexts, n, Suite::default())).collect();
        all.push(Subject::new("amp-open", move |n| open(plaintexts, n, &sealed[n])));
    }
    #[cfg(feature = "sealing-peers")]
    all.extend(peers::subjects(plaintexts));
    all
}

/// What sealing and opening cannot do without: a public key, two agreements, two runs of the cipher over a copy.
fn limit(plaintexts: &Plaintexts) -> Subject<'_> {
    Subject::new("limit", |n| {
        let secret = StaticSecret::from(plaintexts.secrets[n]);
        let other = PublicKey::from(*plaintexts.recipients[n].0.as_bytes());
        let ephemeral = PublicKey::from(&secret);
        let key = secret.diffie_hellman(&other).to_bytes();
        let cipher = XChaCha20Poly1305::new(&key.into());
        let nonce = [0; 24].into();
        let mut buffer = plaintexts.texts[n].clone();
        let tag = cipher.encrypt_inout_detached(&nonce, b"", buffer.as_mut_slice().into()).expect("short");
        black_box(secret.diffie_hellman(black_box(&ephemeral)));
        let mut opened = buffer.clone();
        cipher
            .decrypt_inout_detached(&nonce, b"", opened.as_mut_slice().into(), &tag)
            .expect("what was sealed");
        black_box(opened);
    })
}

fn whole<'a>(name: &'static str, plaintexts: &'a Plaintexts, suite: Suite) -> Subject<'a> {
    Subject::new(name, move |n| open(plaintexts, n, &sealed(plaintexts, n, suite)))
}

fn sealed(plaintexts: &Plaintexts, n: usize, suite: Suite) -> seal::Sealed {
    let recipient = &plaintexts.recipients[n].0;
    seal::seal(suite, recipient, &plaintexts.binding, &plaintexts.texts[n], &drawn()).expect("sealed")
}

fn open(plaintexts: &Plaintexts, n: usize, sealed: &seal::Sealed) {
    let opened = seal::open(&sealed.ciphertext(), &plaintexts.recipients[n].1, &plaintexts.binding);
    let opened = opened.expect("what was sealed");
    assert_eq!(opened.plaintext().len(), plaintexts.texts[n].len());
    black_box(opened);
}

/// A file's key travels in a sealed message; this is what the file itself costs.
fn file(content: &[u8]) {
    let size = content.len() as u64;
    let key = FileKey::generate();
    let mut out = Vec::with_capacity(seal::sealed_len(size).expect("a length") as usize);
    let mut sealer = FileSealer::new(&key, size).expect("a size");
    sealer.update(content, &mut out).expect("as long as stated");
    while sealer.close(&mut out).expect("as long as stated") == seal::Closing::More {}
    let mut opened = Vec::with_capacity(content.len());
    let mut opener = FileOpener::new(&key, size).expect("a size");
    opener.update(&out, &mut opened).expect("what was sealed");
    opener.finish().expect("whole");
    assert_eq!(opened.len(), content.len());
    black_box(opened);
}
