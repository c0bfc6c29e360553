//! Sealed mail: payloads that only their recipient can read (sealed messages).
//!
//! A sealed message is an ordinary message whose payload holds another payload, encrypted: the signature covers the
//! outer one, so everything that verifies messages verifies these too. Here are the writing (`Draft::seal_to`), the
//! view of the outer payload, the keys that open, and the opening, whose result keeps the outer proof with it. The
//! cryptography is `amp_crypto::seal`.

mod draft;
mod error;
mod file;
mod inner;
mod keys;
mod opening;
mod outer;

pub use error::{OpeningError, Unopened};
pub use file::SealedFile;
pub use keys::OpeningKeys;
pub use opening::OpenedMessage;
pub use outer::SealedPayload;

pub(crate) use draft::{Attached, Sealing};
pub(crate) use opening::copy_of;
