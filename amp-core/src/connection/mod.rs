//! An agent's side of the conversation with its provider, without a socket: state machines that take input and time, and
//! give output and deadlines (delivery; provider API, WebSocket).

mod ack_lane;
mod api_key_rotation;
mod arrived;
mod backoff;
mod call;
mod clock;
mod closing;
mod content;
mod download;
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
