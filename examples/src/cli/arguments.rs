//! What each command takes.

use std::path::PathBuf;

use amp_client::envelope::{Dialect, MessageId, MessageType, Priority, QuarantineId};
use amp_client::wire::ApiUrl;
use amp_client::{Address, Outgoing, Profile, Provider};
use clap::{Args, Parser, Subcommand};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused or failed
  2  the arguments are not understood
  3  no such agent, address, file or message
  4  not verified
  5  the provider was not reached, or did not answer in time: trying again makes sense

A text given as `-` is read from standard input, and so is a file. Secrets are never arguments.
The home is --home, else $AMP_DIR, else ~/.agent-messaging. NO_COLOR switches colours off.";

const EVERYWHERE: &str = "Options of every command";

/// Messages between agents (AMP): from a home directory that is shared with the other AMP programs of this user.
#[derive(Parser)]
#[command(name = "amp", version, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What every command takes.
#[derive(Args)]
pub(super) struct Common {
    /// The home directory
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "DIRECTORY")]
    pub(super) home: Option<PathBuf>,
    /// Which agent of the home, by name or id
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "NAME")]
    pub(super) agent: Option<String>,
    /// Answers in JSON, a line each, in ASCII
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(super) json: bool,
    /// How long a call to a provider may take, in seconds
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "SECONDS", default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) timeout: u64,
    /// Calls a provider on this host without TLS, though it is not on this machine or a local network
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "HOST")]
    pub(super) allow_plain_http: Vec<String>,
}

/// The commands.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Makes an agent: its key, its files, its local address
    Init(Init),
    /// Registers the agent with a provider
    Register(Register),
    /// Forgets the registration with a provider, which keeps the address
    Forget(Forget),
    /// Sends a message
    Send(Send),
    /// Lists messages
    Inbox(Inbox),
    /// Shows a message, and marks it as read
    Read(Read),
    /// Answers a message
    Reply(Reply),
    /// Takes in what waits at the providers and in the shared mailbox
    Fetch,
    /// Shows messages as they come, until it is interrupted
    Watch(Watch),
    /// Removes messages
    Delete(Delete),
    /// Lists, approves or rejects messages that are held for review
    Held(Held),
    /// Tells what there is: addresses, registrations, unread messages
    Status,
    /// Tells who the agent is
    Identity,
    /// Prints the agent's card, or accepts another agent's
    Card(Card),
    /// Asks the provider who has an address, and remembers the key
    Resolve(Resolve),
    /// Verifies the signature of a message in a file
    Verify(Verify),
    /// Explains why a message in a file does not verify
    Explain(Explain),
    /// Lists or downloads the attachments of a message
    Attachments(Attachments),
    /// Replaces keys
    Keys(Keys),
}

#[derive(Args)]
pub(super) struct Init {
    /// The agent's name: letters, digits, - and _
    pub(super) name: String,
    /// Its organization, which stands in its local address
    #[arg(long, default_value = "default")]
    pub(super) tenant: String,
}

#[derive(Args)]
pub(super) struct Register {
    /// The base URL of the provider's API
    pub(super) api: ApiUrl,
    /// The name to register; the agent's own unless it is given
    #[arg(long)]
    pub(super) name: Option<String>,
    /// The tenant to register in
    #[arg(long)]
    pub(super) tenant: Option<String>,
    /// What people call the agent
    #[arg(long)]
    pub(super) alias: Option<String>,
    /// A file with the key of the agent's owner
    #[arg(long, value_name = "FILE")]
    pub(super) owner_key: Option<PathBuf>,
    /// A file with an invitation into a closed tenant
    #[arg(long, value_name = "FILE")]
    pub(super) invite: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Forget {
    /// The provider's domain, as `amp identity` shows it
    #[arg(value_parser = provider)]
    pub(super) provider: Provider,
}

#[derive(Args)]
pub(super) struct Send {
    /// The recipient; a name alone is one of the own tenant
    pub(super) to: String,
    /// The subject
    pub(super) subject: String,
    /// The text
    pub(super) text: String,
    /// What kind of message it is: request, response, notification, alert, task, status, handoff, ack, update, or a name of
    /// one's own
    #[arg(long = "type", value_name = "TYPE", default_value = "notification")]
    pub(super) kind: MessageType,
    /// How urgent it is: low, normal, high or urgent
    #[arg(long, default_value = "normal")]
    pub(super) priority: Priority,
    /// More for the recipient, as a JSON object
    #[arg(long, value_name = "JSON")]
    pub(super) context: Option<String>,
    /// A file to go with it; may be given again
    #[arg(long, value_name = "FILE")]
    pub(super) attach: Vec<PathBuf>,
    /// The content type of the files; guessed from their names unless it is given
    #[arg(long, value_name = "TYPE")]
    pub(super) content_type: Option<String>,
    /// Asks for word of the delivery
    #[arg(long)]
    pub(super) receipt: bool,
    #[command(flatten)]
    pub(super) sealing: Sealing,
}

/// Whether a message is sealed. Without either it is when the recipient is known to open sealed messages.
#[derive(Args)]
pub(super) struct Sealing {
    /// Seals the message and its files: nobody but the recipient can read them
    #[arg(long, conflicts_with = "plain")]
    pub(super) seal: bool,
    /// Sends it as it is, also to those with whom mail was sealed before
    #[arg(long)]
    pub(super) plain: bool,
}

impl Sealing {
    pub(super) fn of(&self, outgoing: Outgoing) -> Outgoing {
        match self {
            Self { seal: true, .. } => outgoing.sealed(),
            Self { plain: true, .. } => outgoing.plain(),
            _ => outgoing,
        }
    }
}

#[derive(Args)]
pub(super) struct Inbox {
    /// All messages, not the unread ones alone
    #[arg(long, conflicts_with = "read")]
    pub(super) all: bool,
    /// Only messages that were read
    #[arg(long)]
    pub(super) read: bool,
    /// The messages that were sent
    #[arg(long)]
    pub(super) sent: bool,
    /// Only from, or to, this address
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(super) with: Option<Address>,
    /// Only of this thread
    #[arg(long, value_name = "ID", value_parser = message_id)]
    pub(super) thread: Option<MessageId>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
    /// Tells the number of unread messages, and nothing else
    #[arg(long)]
    pub(super) count: bool,
}

/// Names a message.
#[derive(Args)]
pub(super) struct Which {
    /// The message's id
    #[arg(value_parser = message_id)]
    pub(super) id: MessageId,
    /// Whose message, if several have the id
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(super) with: Option<Address>,
}

#[derive(Args)]
pub(super) struct Read {
    #[command(flatten)]
    pub(super) which: Which,
    /// Leaves it unread
    #[arg(long)]
    pub(super) keep_unread: bool,
    /// Sends no receipt to its sender
    #[arg(long)]
    pub(super) no_receipt: bool,
    /// Shows the text as it was written, without the wrapper that protects a model
    #[arg(long)]
    pub(super) raw: bool,
    /// A message that was sent
    #[arg(long, conflicts_with_all = ["keep_unread", "no_receipt"])]
    pub(super) sent: bool,
}

#[derive(Args)]
pub(super) struct Reply {
    #[command(flatten)]
    pub(super) which: Which,
    /// The text
    pub(super) text: String,
    #[command(flatten)]
    pub(super) sealing: Sealing,
}

#[derive(Args)]
pub(super) struct Watch {
    /// Ends after so many messages
    #[arg(long, value_name = "NUMBER")]
    pub(super) count: Option<u64>,
    /// Ends after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub(super) seconds: Option<u64>,
}

#[derive(Args)]
pub(super) struct Delete {
    /// The messages' ids
    #[arg(required = true, value_parser = message_id)]
    pub(super) ids: Vec<MessageId>,
    /// Whose messages, if several have the id
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(super) with: Option<Address>,
    /// Messages that were sent
    #[arg(long)]
    pub(super) sent: bool,
}

#[derive(Args)]
pub(super) struct Held {
    /// Delivers this one
    #[arg(long, value_name = "ID", conflicts_with = "reject")]
    pub(super) approve: Option<QuarantineId>,
    /// Removes this one
    #[arg(long, value_name = "ID")]
    pub(super) reject: Option<QuarantineId>,
}

#[derive(Args)]
pub(super) struct Card {
    /// A file with the card of another agent: mail to it is sealed from now on, to the key that the card names
    #[arg(long, value_name = "FILE")]
    pub(super) accept: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Resolve {
    /// The address; a name alone is one of the own tenant
    pub(super) address: String,
    /// The fingerprint that was compared over another channel: the key is confirmed if it is that one
    #[arg(long, value_name = "FINGERPRINT")]
    pub(super) confirm: Option<amp_client::crypto::Fingerprint>,
}

#[derive(Args)]
pub(super) struct Verify {
    /// The file, `{"envelope":…,"payload":…}`
    pub(super) file: PathBuf,
    /// The sender's public key, a PEM file; else the one that is remembered, or that the provider names
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Explain {
    /// The file, `{"envelope":…,"payload":…}`
    pub(super) file: PathBuf,
    /// The sender's public key, a PEM file
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
    /// The message as it was before it travelled
    #[arg(long, value_name = "FILE")]
    pub(super) original: Option<PathBuf>,
    /// The canonical form under which it ought to verify; may be given again
    #[arg(long, value_name = "NAME")]
    pub(super) dialect: Vec<Dialect>,
}

#[derive(Args)]
pub(super) struct Attachments {
    #[command(flatten)]
    pub(super) which: Which,
    /// Downloads the attachment of this id or name; may be given again
    #[arg(long, value_name = "ATTACHMENT")]
    pub(super) get: Vec<String>,
    /// Downloads all of them
    #[arg(long, conflicts_with = "get")]
    pub(super) get_all: bool,
    /// Where to; `attachments/` in the agent's directory unless it is given
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) to: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    pub(super) command: KeysCommand,
}

#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// Replaces the signing key, at all providers
    Rotate,
    /// Replaces the API key of the first registration
    RotateApi,
}

/// Addresses as the deployed programs write them.
fn address(text: &str) -> Result<Address, amp_client::AddressError> {
    Address::parse_with(text, Profile::Deployed)
}

fn provider(text: &str) -> Result<Provider, amp_client::AddressError> {
    Provider::parse_with(text, Profile::Deployed)
}

fn message_id(text: &str) -> Result<MessageId, amp_client::envelope::IdError> {
    MessageId::parse_with(text, Profile::Deployed)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Arguments;

    #[test]
    fn every_command_and_every_option_stands_on_the_page() {
        let page = include_str!("../../../docs/cli.md");
        let program = Arguments::command();
        program.clone().debug_assert();
        for option in program.get_arguments().filter_map(|option| option.get_long()) {
            assert!(page.contains(&format!("--{option}")), "docs/cli.md lacks --{option}");
        }
        for command in program.get_subcommands() {
            let name = command.get_name();
            let names = |row: &str| -> Vec<String> {
                let cell = row.split('|').nth(1).unwrap_or_default();
                let codes = cell.split('`').skip(1).step_by(2);
                codes.filter_map(|code| code.split(' ').next()).map(Into::into).collect()
            };
            let row = page.lines().find(|row| names(row).iter().any(|named| named == name));
            let row = row.unwrap_or_else(|| panic!("docs/cli.md has no row for {name}"));
            for option in command.get_arguments().filter_map(|option| option.get_long()) {
                assert!(row.contains(&format!("--{option}")), "docs/cli.md lacks --{option} of {name}");
            }
        }
    }
}
