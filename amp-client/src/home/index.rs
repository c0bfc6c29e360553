//! Which directory is whose: `agents/.index.json`, from name to directory (local mailbox).

use alloc::string::String;

use amp_core::address::AgentName;
use amp_core::envelope::{JsonValue, write_json};

use super::directory::{Directory, Readers, is_entry_name};
use super::error::{refused, unreadable};
use crate::error::Error;

const INDEX: &str = ".index.json";
/// As some programs name it.
const INDEX_VISIBLE: &str = "index.json";
/// Enough for 5,000 agents.
const INDEX_MAX_BYTES: usize = 512 * 1024;

/// The directory that the index names for an agent, if it names one that can be one.
pub(super) fn look_up(agents: &Directory, name: &AgentName) -> Result<Option<String>, Error> {
    for file in [INDEX, INDEX_VISIBLE] {
        let Some(text) = agents.read(file, INDEX_MAX_BYTES, Readers::Anybody)? else { continue };
        let index = read(text.expose())?;
        let directory = index.get(name.as_str()).and_then(|value| value.as_str());
        if let Some(directory) = directory.filter(|directory| is_entry_name(directory)) {
            return Ok(Some(directory.into_owned()));
        }
    }
    Ok(None)
}

/// Notes an agent's directory. What else stands in the index stays.
pub(super) fn note(agents: &Directory, name: &AgentName, directory: &str) -> Result<(), Error> {
    let before = agents.read(INDEX, INDEX_MAX_BYTES, Readers::Anybody)?;
    let before = before.as_ref().map_or("{}", |text| text.expose());
    let mut written = String::from("{");
    for (other, value) in read(before)?.members().filter(|(other, _)| other != name.as_str()) {
        push(&mut written, &other, value.raw())?;
    }
    push(&mut written, name.as_str(), &quoted(directory)?)?;
    written.push_str("\n}\n");
    if written.len() > INDEX_MAX_BYTES {
        return Err(refused("the home has no room for another agent"));
    }
    agents.write(INDEX, &written, Readers::Anybody)
}

fn read(text: &str) -> Result<JsonValue<'_>, Error> {
    JsonValue::read_object(text.as_bytes()).map_err(|error| unreadable("reading the index of agents", error))
}

fn push(written: &mut String, name: &str, value: &str) -> Result<(), Error> {
    written.push_str(if written.len() > 1 { ",\n  " } else { "\n  " });
    written.push_str(&quoted(name)?);
    written.push_str(": ");
    written.push_str(value);
    Ok(())
}

fn quoted(text: &str) -> Result<String, Error> {
    write_json(text).map_err(|error| unreadable("writing the index of agents", error))
}
