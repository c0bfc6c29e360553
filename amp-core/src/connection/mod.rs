//! An agent's side of the conversation with its provider, without a socket: state machines that take input and time, and
//! give output and deadlines (delivery; provider API, WebSocket).
//!
//! * [`Session`] keeps a WebSocket: it signs in, stays alive, hands out what is pushed, and says when to connect again.
//! * [`PickUp`] asks the relay queue for what waits. Run it beside a session: a push may be lost, the queue loses nothing.
//! * [`Upload`] and [`Download`] move files, checked while they stream ([`ContentHasher`], [`FileCheck`]).
//! * [`KeyRotation`] and [`ApiKeyRotation`] replace keys such that an answer that was lost locks nobody out.
//!
//! A message comes out of a session or a pick-up as an [`Arrived`]. Its bytes go to a
//! [`Receiver`](crate::receive::Receiver); it is given back to be acknowledged when the host has stored what came of it,
//! and not before.

mod ack_lane;
mod api_key_rotation;
mod arrived;
mod backoff;
mod call;
mod clock;
mod closing;
mod content;
mod download;
mod download_content;
mod download_error;
mod download_head;
mod download_step;
mod file_check;
mod handed;
mod pickup;
mod pickup_answers;
mod pickup_event;
mod pickup_settings;
mod rotation;
mod session;
mod session_event;
mod text_scan;
mod upload;
mod upload_step;

pub use api_key_rotation::{ApiKeyGeneration, ApiKeyOutcome, ApiKeyRotation};
pub use arrived::Arrived;
pub use backoff::Backoff;
pub use call::{Call, Ticket};
pub use closing::EndReason;
pub use content::{ContentHasher, ContentSum};
pub use download::Download;
pub use download_error::DownloadError;
pub use download_head::Fetch;
pub use download_step::{BodyPlan, DownloadSettings, DownloadStep, DownloadWarning, Downloaded};
pub use file_check::{CheckedFile, FileCheck, FileRefusal};
pub use pickup::PickUp;
pub use pickup_event::{Oddity, PickUpEvent, UnreadableEntry};
pub use pickup_settings::PickUpSettings;
pub use rotation::{KeyInForce, KeyRotation, PreparedRotation, RotationOutcome};
pub use session::{EventsWait, FrameCounts, Session, SessionBuilder, Transmit};
pub use session_event::{Connected, Disconnected, Naming, SessionEvent};
pub use upload::Upload;
pub use upload_step::{FormCall, PutFile, UploadError, UploadSettings, UploadStep, Uploaded};
