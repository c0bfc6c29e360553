//! `amp send`: a message, with files, through the provider that reaches its recipient, or to an agent of this home.

use std::io::Read;
use std::path::Path;

use amp_client::attachments::UploadFile;
use amp_client::{Draft, Outgoing, Sent};
use serde_json::{Value, json};

use super::arguments::{Common, Send as Arguments};
use super::failure::{Exit, Failure};
use super::opening;
use super::screen::{Answer, Page, Screen, Style};
use super::{texts, view};

pub(super) async fn run(
    common: &Common,
    arguments: Arguments,
    input: &mut (dyn Read + Send),
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let client = opening::client(common).await?;
    let to = view::recipient(&arguments.to, &client.address())?;
    let is_local = client.registrations().is_empty() && to.is_local();
    if is_local && opening::home(common)?.agent_at(&to)?.is_none() {
        return Err(Failure::not_found(
            "no agent of this home has this address, and there is no provider to ask",
        ));
    }
    if arguments.subject.trim().is_empty() {
        return Err(Failure::new(Exit::Usage, "the subject is empty"));
    }
    let text = texts::text(&arguments.text, input)?;
    let mut draft = Draft::new(to)
        .subject(&arguments.subject)
        .text(&text)
        .message_type(arguments.kind.clone())
        .priority(arguments.priority);
    if let Some(context) = &arguments.context {
        draft = draft.context_json(context).map_err(|error| Failure::from(error).with_exit(Exit::Usage))?;
    }
    let mut outgoing = arguments.sealing.of(Outgoing::from(draft));
    for path in &arguments.attach {
        outgoing = outgoing.attach(file(path, arguments.content_type.as_deref())?);
    }
    let outgoing = if arguments.receipt { outgoing.with_receipt() } else { outgoing };
    show(&client.send(outgoing).await.map_err(|error| arguments_of(error.into()))?, screen)
}

/// A message of one's own that cannot be signed is no doubt about anybody's signature: what was given does not do.
pub(super) fn arguments_of(failure: Failure) -> Failure {
    match failure.exit() {
        Exit::NotVerified => failure.with_exit(Exit::Usage),
        _ => failure,
    }
}

fn file(path: &Path, kind: Option<&str>) -> Result<UploadFile, Failure> {
    texts::is_there(path)?;
    Ok(UploadFile::open(path, kind.unwrap_or_else(|| content_type(path)))?)
}

/// A few types that are told by the name.
fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("txt" | "log") => "text/plain",
        Some("md") => "text/markdown",
        Some("csv") => "text/csv",
        Some("json") => "application/json",
        Some("pdf") => "application/pdf",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        _ => "application/octet-stream",
    }
}

/// Shows what became of a message.
pub(super) fn show(sent: &Sent, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    screen.show(&Done(sent))?;
    Ok(Exit::Done)
}

struct Done<'a>(&'a Sent);

impl Answer for Done<'_> {
    fn page(&self, page: &mut Page) {
        let Self(sent) = self;
        page.own("sent ");
        match sent.id() {
            Some(id) => page.styled(Style::Bold, id),
            None => page.own("(it has no id yet)"),
        };
        page.own(" to ").value(sent.message().to()).own("  ").value(sent.status().as_str());
        page.own(if sent.is_sealed() { "  sealed" } else { "" }).end();
        if sent.not_kept().is_some() {
            page.own("It could not be kept in the folder of sent messages.").end();
        }
    }

    fn json(&self) -> Value {
        let Self(sent) = self;
        let routed = sent.routed();
        json!({
            "id": sent.id().map(|id| id.as_str()),
            "from": sent.message().from().as_str(),
            "to": sent.message().to().as_str(),
            "status": sent.status().as_str(),
            "method": routed.method.as_ref().map(|method| method.as_str()),
            "kept": sent.not_kept().is_none(),
            "sealed": sent.is_sealed(),
        })
    }
}
