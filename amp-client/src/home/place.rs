//! Where the agents of a user lie: one at the root, or several below `agents/` (local mailbox).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use amp_core::Identity;
use amp_core::address::{AgentName, Scope};
use amp_core::identity::AgentId;

use super::agent::{AgentHome, NewAgent};
use super::directory::{Directory, is_entry_name};
use super::error::{refused, unreadable};
use super::index;
use crate::error::Error;

const AGENTS: &str = "agents";

/// The directory in which the agents of a user keep their keys, their registrations and their mail.
///
/// It belongs to the user alone, and is shared with the other AMP programs of that user.
///
/// ```
/// use amp_client::Home;
/// # let directory = std::env::temp_dir().join(format!("amp-home-doc-{}", std::process::id()));
///
/// let home = Home::open(&directory)?;
/// let alice = home.create_agent("alice", "acme")?;
/// assert_eq!(alice.address().as_str(), "alice@acme.aimaestro.local");
///
/// let again = home.agent("alice")?.ok_or("an agent")?;
/// assert_eq!(again.identity()?.verifying_key(), alice.identity()?.verifying_key());
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Home {
    path: PathBuf,
    /// Where `agents/` lies: the directory itself, or two above when it is an agent's own.
    family: PathBuf,
    /// A new agent lies in the directory itself as long as there is room.
    is_of_agent: bool,
    /// The agent that the environment names.
    selected: Option<String>,
}

impl Home {
    /// Opens a home, and makes it where there is none. Agents that are made in it lie below `agents/`.
    ///
    /// # Errors
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) when it cannot be opened or made, belongs to another user, or may be
    /// written by others.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::opened(path.as_ref(), false, None)
    }

    /// Opens the home that one agent has for itself, and makes it where there is none. The first agent that is made in it
    /// lies at its root, as the deployed clients expect of `$AMP_DIR`.
    ///
    /// When the directory lies in another home's `agents/`, the agents beside it are found too.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn of_agent(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::opened(path.as_ref(), true, None)
    }

    /// Opens the user's home: `$AMP_DIR`, which is one agent's own as for the deployed clients, else
    /// `~/.agent-messaging`. `$CLAUDE_AGENT_ID`, else `$CLAUDE_AGENT_NAME`, by which those clients choose among several
    /// agents, choose the [`default_agent`](Self::default_agent).
    ///
    /// This function alone reads the environment.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`ErrorKind::Setup`](crate::ErrorKind::Setup) when there is neither `$AMP_DIR` nor `$HOME`.
    pub fn open_default() -> Result<Self, Error> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(directory) = variable("AMP_DIR") {
            return Self::opened(Path::new(&directory), true, None);
        }
        let selected = variable("CLAUDE_AGENT_ID").or_else(|| variable("CLAUDE_AGENT_NAME"));
        let user =
            variable("HOME").ok_or_else(|| refused("neither $AMP_DIR nor $HOME says where the home is"))?;
        let selected = selected.map(|name| name.to_string_lossy().into_owned());
        Self::opened(&Path::new(&user).join(".agent-messaging"), false, selected)
    }

    fn opened(path: &Path, is_of_agent: bool, selected: Option<String>) -> Result<Self, Error> {
        let _ = Directory::at_or_new(path)?;
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let is_among_agents = path.parent().and_then(Path::file_name) == Some(OsStr::new(AGENTS));
        let above = path.ancestors().nth(2).filter(|_| is_of_agent && is_among_agents);
        let family = above.map_or_else(|| path.clone(), Path::to_path_buf);
        Ok(Self { path, family, is_of_agent, selected })
    }

    /// The directory that was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The agents of this home that can be read, the one at the root first, else by the names of their directories.
    ///
    /// # Errors
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) when the home cannot be listed. An agent that cannot be read is left out,
    /// and reported as an event.
    pub fn agents(&self) -> Result<Vec<AgentHome>, Error> {
        let (found, unreadable) = self.read_agents()?;
        for error in unreadable {
            tracing::warn!(%error, "an agent of the home cannot be read");
        }
        Ok(found)
    }

    fn read_agents(&self) -> Result<(Vec<AgentHome>, Vec<Error>), Error> {
        let mut found: Vec<AgentHome> = self.at_root()?.into_iter().collect();
        let mut unreadable = Vec::new();
        let Some(agents) = self.agents_directory()? else { return Ok((found, unreadable)) };
        for name in agents.names()?.into_iter().filter(|name| is_entry_name(name)) {
            // Links lead to directories that are in the list themselves.
            if agents.link(&name).is_some() {
                continue;
            }
            match self.below(&agents, &name) {
                Ok(Some(agent)) if found.iter().all(|one| one.path() != agent.path()) => found.push(agent),
                Ok(_) => {}
                Err(error) => unreadable.push(error),
            }
        }
        Ok((found, unreadable))
    }

    /// The agent of a name or an id, if there is one: at the root, by the index, or by the name of its directory.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`](crate::ErrorKind::Setup) for a text that is no name; [`ErrorKind::Store`](crate::ErrorKind::Store)
    /// when the home or the agent cannot be read.
    pub fn agent(&self, name: &str) -> Result<Option<AgentHome>, Error> {
        let wanted = name_of(name)?;
        let is_wanted = |agent: &AgentHome| {
            let has_id = agent.record().id().is_some_and(|id| id.as_str() == wanted.as_str());
            has_id || agent.address().name() == wanted.as_str()
        };
        if let Some(agent) = self.at_root()?.filter(is_wanted) {
            return Ok(Some(agent));
        }
        let Some(agents) = self.agents_directory()? else { return Ok(None) };
        let noted = index::look_up(&agents, &wanted)?;
        let by_link = || agents.link(wanted.as_str());
        let directory = noted.or_else(by_link).unwrap_or_else(|| wanted.as_str().into());
        match self.below(&agents, &directory)? {
            Some(agent) => Ok(Some(agent)),
            // The index may name a directory that another program has only begun.
            None => Ok(self.agents()?.into_iter().find(is_wanted)),
        }
    }

    /// The agent that the environment names, else the one at the root, else the only one there is.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`](crate::ErrorKind::Setup) when there are several; else as [`agent`](Self::agent), also when one that
    /// cannot be read may be the one that is meant.
    pub fn default_agent(&self) -> Result<Option<AgentHome>, Error> {
        if let Some(name) = &self.selected {
            return self.agent(name);
        }
        if let Some(agent) = self.at_root()? {
            return Ok(Some(agent));
        }
        let (agents, mut unreadable) = self.read_agents()?;
        let mut agents = agents.into_iter();
        match (agents.next(), agents.next(), unreadable.pop()) {
            // It may be the one that is meant.
            (_, None, Some(error)) => Err(error),
            (only, None, None) => Ok(only),
            (_, Some(_), _) => Err(refused("the home has several agents, say which one")),
        }
    }

    /// Makes an agent with a new key. Its local address is `name@scope.aimaestro.local`, as the deployed clients have it;
    /// they call the scope of an agent without an organization `default`.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`](crate::ErrorKind::Setup) when there is one of this name, or for what is no name or scope;
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) when the files cannot be written.
    pub fn create_agent(&self, name: &str, scope: &str) -> Result<AgentHome, Error> {
        let identity = Identity::try_generate().map_err(|_| refused("the system gives no random numbers"))?;
        self.create_agent_with(name, scope, &identity)
    }

    /// Makes an agent with a key that there is already.
    ///
    /// # Errors
    /// As [`create_agent`](Self::create_agent).
    pub fn create_agent_with(&self, name: &str, scope: &str, key: &Identity) -> Result<AgentHome, Error> {
        let name = name_of(name)?;
        let scope = Scope::parse(scope).map_err(|error| unreadable("reading the scope", error))?;
        let id = self.new_id(&name)?;
        let new = NewAgent { name: &name, scope: &scope, id: &id, key };

        let family = Directory::at_or_new(&self.family)?;
        let _lock = family.lock()?;
        if self.agent(name.as_str())?.is_some() {
            return Err(refused("the home has an agent of this name"));
        }
        if self.is_of_agent && self.at_root()?.is_none() {
            let root = Directory::at_or_new(&self.path)?;
            let agent = AgentHome::create(root, self.path.clone(), &new)?;
            if let (Some(agents), Some(directory)) = (family.below(AGENTS)?, self.name_among_agents()) {
                index::note(&agents, &name, directory)?;
            }
            return Ok(agent);
        }
        let agents = family.below_or_new(AGENTS)?;
        let directory = agents.below_or_new(id.as_str())?;
        let agent = AgentHome::create(directory, self.path_below(id.as_str()), &new)?;
        index::note(&agents, &name, id.as_str())?;
        Ok(agent)
    }

    /// The id by which the environment, the directory's name or the index knows the agent already; else a new one.
    fn new_id(&self, name: &AgentName) -> Result<AgentId, Error> {
        let named = if self.is_of_agent { self.name_among_agents() } else { self.selected.as_deref() };
        let noted = match self.agents_directory()? {
            Some(agents) if named.is_none() => index::look_up(&agents, name)?,
            _ => None,
        };
        if let Some(id) = named.or(noted.as_deref()).and_then(|name| name.parse::<AgentId>().ok())
            && self.agent(id.as_str())?.is_none()
        {
            return Ok(id);
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| refused("the system gives no random numbers"))?;
        Ok(AgentId::from_random_bytes(random))
    }

    /// The directory's name, where it is one of several agents'.
    fn name_among_agents(&self) -> Option<&str> {
        let name = self.path.file_name()?.to_str()?;
        (self.family != self.path && is_entry_name(name)).then_some(name)
    }

    fn at_root(&self) -> Result<Option<AgentHome>, Error> {
        let Some(root) = Directory::at(&self.path)? else { return Ok(None) };
        AgentHome::load(Arc::new(root), self.path.clone())
    }

    fn agents_directory(&self) -> Result<Option<Directory>, Error> {
        let Some(family) = Directory::at(&self.family)? else { return Ok(None) };
        family.below(AGENTS)
    }

    fn below(&self, agents: &Directory, name: &str) -> Result<Option<AgentHome>, Error> {
        let Some(directory) = agents.below(name)? else { return Ok(None) };
        AgentHome::load(Arc::new(directory), self.path_below(name))
    }

    fn path_below(&self, name: &str) -> PathBuf {
        self.family.join(AGENTS).join(name)
    }
}

fn name_of(text: &str) -> Result<AgentName, Error> {
    let name = AgentName::parse(&text.to_ascii_lowercase());
    name.map_err(|error| refused("an agent's name is letters, digits, - and _").because(error))
}
