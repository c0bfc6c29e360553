//! The key that messages to an agent are sealed to, as its card states it (cards, sealed messages).

pub use amp_crypto::seal::{EncryptionKey, EncryptionKeyError};
