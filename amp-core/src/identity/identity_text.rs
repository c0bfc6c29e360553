//! `IDENTITY.md`: who the agent is, for people and for agents that lost their context (identity, records).

use alloc::format;
use alloc::string::String;

use amp_envelope::Timestamp;

use super::identity_record::IdentityRecord;
use super::registration::RegistrationRecord;

/// Writes `IDENTITY.md` from the records: the addresses, where the files lie, the first commands. It holds no secret.
///
/// An agent reads this text as its own. So nothing stands in it but values of a grammar (addresses, providers,
/// fingerprints, times) and `root`, the mailbox's directory, escaped.
///
/// ```
/// use amp_core::Identity;
/// use amp_core::identity::{IdentityRecord, identity_text};
///
/// let now = "2026-01-31T10:00:00Z".parse()?;
/// let alice = Identity::from_seed(&[7; 32]);
/// let own = IdentityRecord::new(&"alice@acme.aimaestro.local".parse()?, alice.verifying_key(), now);
/// let text = identity_text(&own, &[], "~/.agent-messaging", now);
/// assert!(text.starts_with("# Agent Messaging Protocol (AMP) identity\n"));
/// assert!(text.contains("| `aimaestro.local` | `alice@acme.aimaestro.local` | primary |"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn identity_text(
    own: &IdentityRecord,
    registrations: &[RegistrationRecord],
    root: &str,
    now: Timestamp,
) -> String {
    let address = own.address();
    let root = escaped(root);
    let root = root.trim_end_matches('/');
    let mut addresses = format!("| `{}` | `{address}` | primary |\n", address.provider());
    for registration in registrations {
        addresses.push_str(&format!(
            "| `{}` | `{}` | external |\n",
            registration.provider().as_str(),
            registration.address()
        ));
    }
    format!(
        "# Agent Messaging Protocol (AMP) identity\n\
        \n\
        This agent exchanges messages with other agents over AMP.\n\
        \n\
        ## Core identity\n\
        \n\
        | Field | Value |\n\
        |---|---|\n\
        | Name | `{name}` |\n\
        | Tenant | `{tenant}` |\n\
        | Fingerprint | `{fingerprint}` |\n\
        | Last updated | `{now}` |\n\
        \n\
        ## My addresses\n\
        \n\
        One key, {count}: write from the address at the recipient's provider, else from the primary one.\n\
        \n\
        | Provider | Address | Kind |\n\
        |---|---|---|\n\
        {addresses}\
        \n\
        ## Files\n\
        \n\
        | File | Path |\n\
        |---|---|\n\
        | This file | `{root}/IDENTITY.md` |\n\
        | Configuration | `{root}/config.json` |\n\
        | Private key, never to be shown | `{root}/keys/private.pem` |\n\
        | Public key | `{root}/keys/public.pem` |\n\
        | Registrations, with API keys | `{root}/registrations/` |\n\
        | Received | `{root}/messages/inbox/` |\n\
        | Sent | `{root}/messages/sent/` |\n\
        \n\
        ## First commands\n\
        \n\
        ```sh\n\
        amp-identity                        # who am I\n\
        amp-inbox                           # what has come\n\
        amp-send <to> \"Subject\" \"Message\"   # write\n\
        amp-status                          # everything at once\n\
        ```\n",
        name = address.name(),
        tenant = address.tenant(),
        fingerprint = own.fingerprint(),
        count = if registrations.is_empty() { "one address" } else { "several addresses" },
    )
}

/// A path inside a code span of a table: what could end either, or act on a terminal, is shown as its code point.
fn escaped(path: &str) -> String {
    let mut shown = String::new();
    for character in path.chars().take(200) {
        match character {
            '`' | '|' | '<' | '>' | '\\' => shown.push_str(&format!("U+{:04X}", u32::from(character))),
            ' '..='~' => shown.push(character),
            _ => shown.push_str(&format!("U+{:04X}", u32::from(character))),
        }
    }
    shown
}
