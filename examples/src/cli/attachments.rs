//! `amp attachments`: the files of a message, listed or downloaded.

use std::path::{Path, PathBuf};

use amp_client::attachments::{DownloadTo, DownloadedFile};
use amp_client::receive::Reading;
use amp_client::store::Folder;
use serde_json::{Value, json};

use super::arguments::{Attachments, Common};
use super::failure::{Exit, Failure};
use super::files::{self, File};
use super::opening;
use super::screen::{Answer, Page, Screen, Style};
use super::view::{find, reading};

pub(super) async fn run(
    common: &Common,
    arguments: &Attachments,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let client = opening::client(common).await?;
    client.take_in_local().await?;
    let found = find(&client, Folder::Inbox, &arguments.which).await?;
    let Reading::Proven(received) = reading(&client, &found.key).await? else {
        return Err(Failure::new(Exit::NotVerified, "nothing vouches for the message, nor for its files"));
    };
    // The provider that carried the message has its files.
    let to = received.verified().to();
    let carrier = client.registrations().into_iter().find(|one| *one.address() == to);
    let client = carrier.map_or_else(|| Ok(client.clone()), |carrier| client.at_registration(&carrier))?;
    let files = files::of_received(&received);
    if !arguments.get_all && arguments.get.is_empty() {
        if files.is_empty() {
            screen.remark("The message has no files.")?;
        }
        for file in &files {
            screen.show(&Listed(file))?;
        }
        return Ok(Exit::Done);
    }
    let to = match &arguments.to {
        Some(to) => to.clone(),
        None => opening::agent(common)?.path().join("attachments"),
    };
    let wanted: Vec<&File> = files.iter().filter(|file| is_wanted(file, arguments)).collect();
    if wanted.is_empty() {
        return Err(Failure::not_found("the message has no such file"));
    }
    for file in wanted {
        let File::Described(attachment) = file else {
            return Err(Failure::new(Exit::Failed, "what the message says of the file cannot be read"));
        };
        let to = directory_of(&to, file)?;
        let downloaded = client.download(attachment, DownloadTo::directory(to)).await?;
        screen.show(&Done(&downloaded))?;
    }
    Ok(Exit::Done)
}

/// A file of each id has a directory of its own, as the deployed clients keep them. An id is letters, digits, `_` and `-`.
fn directory_of(to: &Path, file: &File) -> Result<PathBuf, Failure> {
    Ok(file.id().map_or_else(|| to.to_path_buf(), |id| to.join(id)))
}

fn is_wanted(file: &File, arguments: &Attachments) -> bool {
    arguments.get_all || arguments.get.iter().any(|wanted| file.id() == Some(wanted) || file.name() == wanted)
}

struct Listed<'a>(&'a File);

impl Answer for Listed<'_> {
    fn page(&self, page: &mut Page) {
        page.name(self.0.name()).own("  ").value(self.0.facts()).end();
    }

    fn json(&self) -> Value {
        self.0.json()
    }
}

struct Done<'a>(&'a DownloadedFile);

impl Answer for Done<'_> {
    fn page(&self, page: &mut Page) {
        page.own("downloaded ").value(self.0.path().display()).end();
        if let Some(warning) = self.0.warning() {
            page.own("    ").styled(Style::Bad, format!("{warning:?}")).end();
        }
    }

    fn json(&self) -> Value {
        json!({
            "path": self.0.path().to_string_lossy(),
            "warning": self.0.warning().map(|warning| format!("{warning:?}")),
        })
    }
}
