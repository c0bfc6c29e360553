//! The endpoints of the provider's API: path, method, who may call, which limit counts (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;

use amp_envelope::limits::{ATTACHMENT_MAX_BYTES, HTTP_BODY_MAX_BYTES};

use super::method::Method;
use super::path;

/// What may stand around a file in a form, in bytes.
const FORM_MAX_BYTES: usize = 64 * 1024;
#[expect(clippy::cast_possible_truncation, reason = "25 MiB fit a usize of 32 bits")]
const FILE_MAX_BYTES: usize = ATTACHMENT_MAX_BYTES as usize;
use crate::guards::RateClass;

/// Who may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Authorization {
    /// Anybody: no API key is sent.
    None,
    /// Anybody; an owner's key changes the outcome.
    Optional,
    /// An agent, with its API key.
    Agent,
    /// The owner of agents, with theirs.
    Owner,
    /// A person who administers the provider.
    Admin,
}

macro_rules! endpoints {
    ($( $(#[$meta:meta])* $name:ident: $method:ident $path:literal $(or $other_method:ident $other_path:literal)?, $who:ident, $class:ident; )*) => {
        /// An endpoint of the provider's API.
        ///
        /// ```
        /// use amp_core::wire::{Authorization, Endpoint, Method};
        ///
        /// assert_eq!(Endpoint::Resolve.method(), Method::Get);
        /// assert_eq!(Endpoint::Resolve.path(), "/agents/resolve/{address}");
        /// assert_eq!(Endpoint::Resolve.authorization(), Authorization::Agent);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Endpoint {
            $(
                $(#[$meta])*
                #[doc = concat!("`", stringify!($method), " ", $path, "`")]
                $name,
            )*
        }

        impl Endpoint {
            /// All of them. Where two paths match, the one that comes first here is meant.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The method.
            #[must_use]
            pub const fn method(self) -> Method {
                match self { $( Self::$name => Method::$method, )* }
            }

            /// The path below the API's base URL, with placeholders in braces.
            #[must_use]
            pub const fn path(self) -> &'static str {
                match self { $( Self::$name => $path, )* }
            }

            /// Who may call it.
            #[must_use]
            pub const fn authorization(self) -> Authorization {
                match self { $( Self::$name => Authorization::$who, )* }
            }

            /// Which limit a call counts against.
            #[must_use]
            pub const fn rate_class(self) -> RateClass {
                match self { $( Self::$name => RateClass::$class, )* }
            }

            /// The method and path that a deployed provider knows besides.
            #[must_use]
            pub const fn deployed(self) -> Option<(Method, &'static str)> {
                match self { $( Self::$name => other!($($other_method $other_path)?), )* }
            }
        }
    };
}

macro_rules! other {
    () => {
        None
    };
    ($method:ident $path:literal) => {
        Some((Method::$method, $path))
    };
}

endpoints! {
    /// How the provider is:
    GetHealth: Get "/health", None, Other;
    /// What the provider offers:
    GetInfo: Get "/info", None, Other;
    /// Where the provider's API is, at the root of the host:
    GetWellKnown: Get "/.well-known/agent-messaging.json", None, Other;
    /// A new agent:
    Register: Post "/register", Optional, Register;
    /// The caller's registration:
    GetMe: Get "/agents/me", Agent, Other;
    /// Changes to it:
    UpdateMe: Patch "/agents/me", Agent, Other;
    /// The end of it:
    Deregister: Delete "/agents/me", Agent, Other;
    /// The caller's card, as the provider asserts it:
    GetCard: Get "/agents/me/card", Agent, Other;
    /// The agents of a tenant:
    ListAgents: Get "/agents", Agent, Other;
    /// Who has an address:
    Resolve: Get "/agents/resolve/{address}", Agent, Other;
    /// The agents of an owner:
    ListOwned: Get "/agents/owned", Owner, Other;
    /// The end of an owned agent's registration:
    DeleteOwned: Delete "/agents/owned/{id}", Owner, Other;
    /// A message to send:
    Route: Post "/route", Agent, Route;
    /// How many messages wait:
    CountPending: Get "/messages/pending/count", Agent, Pending;
    /// The messages that wait:
    GetPending: Get "/messages/pending", Agent, Pending;
    /// Several messages are stored:
    AcknowledgeBatch: Post "/messages/pending/ack" or Post "/messages/pending", Agent, Pending;
    /// A message is stored:
    Acknowledge: Delete "/messages/pending/{id}" or Delete "/messages/pending", Agent, Pending;
    /// A message was read:
    MarkRead: Post "/messages/{id}/read", Agent, Other;
    /// A file in one go:
    DirectUpload: Post "/attachments/upload/direct", Agent, Upload;
    /// A file to upload:
    StartUpload: Post "/attachments/upload", Agent, Upload;
    /// A file was uploaded:
    ConfirmUpload: Post "/attachments/{id}/confirm", Agent, Confirm;
    /// A file's state:
    GetAttachment: Get "/attachments/{id}", Agent, AttachmentStatus;
    /// Where a file is:
    DownloadAttachment: Get "/attachments/{id}/download", Agent, AttachmentStatus;
    /// A new API key:
    RotateApiKey: Post "/auth/rotate-key", Agent, Other;
    /// A new signing key:
    RotateKeys: Post "/auth/rotate-keys", Agent, Other;
    /// The end of an API key:
    RevokeApiKey: Delete "/auth/revoke-key", Agent, Other;
    /// An owner's key:
    GetUserKey: Get "/auth/user-key", Owner, Other;
    /// The messages that wait for a person:
    ListQuarantine: Get "/quarantine", Admin, Quarantine;
    /// One of them:
    GetQuarantine: Get "/quarantine/{id}", Admin, Quarantine;
    /// It may be delivered:
    ApproveQuarantine: Post "/quarantine/{id}/approve", Admin, Quarantine;
    /// It may not:
    RejectQuarantine: Post "/quarantine/{id}/reject", Admin, Quarantine;
    /// An agent may no longer send:
    Suspend: Post "/agents/{id}/suspend", Admin, Suspend;
    /// It may again:
    Unsuspend: Post "/agents/{id}/unsuspend", Admin, Suspend;
    /// An agent's risk:
    GetRisk: Get "/agents/{id}/risk", Admin, Risk;
    /// A message from another provider:
    Deliver: Post "/federation/deliver", None, FederationProvider;
}

impl Endpoint {
    /// The endpoint of a method and a path (percent-encoded, below the API's base URL).
    #[must_use]
    pub fn find(method: Method, path: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|endpoint| endpoint.values_of(method, path).is_some())
    }

    /// The largest body of a request, in bytes: 1 MiB; where a file is uploaded directly, 25 MiB and 64 KiB around it.
    #[must_use]
    pub const fn body_max_bytes(self) -> usize {
        match self {
            Self::DirectUpload => FILE_MAX_BYTES.saturating_add(FORM_MAX_BYTES),
            _ => HTTP_BODY_MAX_BYTES,
        }
    }

    /// What stands at the placeholders of the path, if it is this endpoint's.
    pub(crate) fn values_of(self, method: Method, path: &str) -> Option<Vec<String>> {
        let spellings = [Some((self.method(), self.path())), self.deployed()];
        let of_method = spellings.into_iter().flatten().filter(|(spelled, _)| *spelled == method);
        of_method.map(|(_, template)| template).find_map(|template| path::matched(template, path))
    }
}
