//! Who has an address, who else is in a tenant, and whose agents are whose (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::{String, ToString};

use super::agent::AgentRecord;
use super::decision::Plan;
use super::engine::Provider;
use super::moment::Moment;
use super::number::AgentNumber;
use super::reply::Reply;
use crate::wire::{
    AgentList, Answer as _, ApiError, ApiErrorCode, DeleteOwned, ListAgents, ListedAgent, OwnedAgent,
    OwnedAgents, Resolve, Resolved,
};

/// Most agents of a page.
const PAGE_MAX: u64 = 100;
/// How many are given when nothing is asked for.
const PAGE: u64 = 50;
/// Most agents that one request looks at.
const LOOKED_AT_MAX: usize = 10_000;

impl Provider {
    pub(super) fn resolve(&self, request: &Resolve) -> Result<Reply, ApiError> {
        let address = request.address.clone().with_known_providers(&self.settings.known);
        let agent = self.state.agents.at(&address);
        let record = &agent.ok_or_else(|| not_found("nobody is registered at this address"))?.record;
        let mut resolved = Resolved::new(record.address.clone(), &record.key);
        resolved.alias.clone_from(&record.alias);
        resolved.online = Some(self.is_online(record.number));
        resolved.capabilities = Some(record.capabilities.clone()).filter(|names| !names.is_empty());
        Ok(Reply::Now(resolved.to_parts()))
    }

    /// The agents of the caller's own tenant: nobody reads another's.
    pub(super) fn list_agents(&self, request: &ListAgents, caller: AgentNumber) -> Result<Reply, ApiError> {
        let own = self.agent(caller)?.record.tenant();
        if request.tenant.as_deref().is_some_and(|tenant| !tenant.eq_ignore_ascii_case(own)) {
            let rule = "a tenant's agents are listed for its own agents";
            return Err(ApiError::new(ApiErrorCode::TenantAccessDenied, rule).with_field("tenant"));
        }
        let from = match &request.cursor {
            None => 0,
            Some(cursor) => cursor_at(cursor)?,
        };
        let wanted = usize::try_from(request.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX)).unwrap_or(1);
        let search = request.search.as_ref().map(|text| text.to_lowercase());
        let mut list = AgentList::default();
        let mut next = None;
        for (at, agent) in self.state.agents.of_tenant(own, AgentNumber(from)).enumerate() {
            let record = &agent.record;
            if at >= LOOKED_AT_MAX || list.agents.len() >= wanted {
                next = Some(record.number);
                break;
            }
            if search.as_ref().is_none_or(|text| is_found(record, text)) {
                let mut listed = ListedAgent::new(record.address.clone());
                listed.alias.clone_from(&record.alias);
                listed.online = Some(self.is_online(record.number));
                list.agents.push(listed);
            }
        }
        if request.search.is_none() {
            list.total = u64::try_from(self.state.agents.in_tenant(own)).ok();
        }
        list.has_more = Some(next.is_some());
        list.cursor = next.map(|number| number.get().to_string());
        Ok(Reply::Now(list.to_parts()))
    }

    pub(super) fn list_owned(&self, owner: &str) -> Reply {
        let mut owned = OwnedAgents::default();
        for agent in self.state.agents.of_owner(owner).take(LOOKED_AT_MAX) {
            let record = &agent.record;
            let Ok(id) = record.agent_id.parse() else { continue };
            let mut agent = OwnedAgent::new(id, record.address.clone());
            agent.alias.clone_from(&record.alias);
            agent.registered_at = Some(record.registered_at);
            owned.agents.push(agent);
        }
        owned.total = u64::try_from(owned.agents.len()).ok();
        Reply::Now(owned.to_parts())
    }

    pub(super) fn delete_owned(
        &self,
        request: &DeleteOwned,
        owner: &str,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let agent = self.state.agents.with_id(request.id.as_str());
        let own = agent.filter(|agent| agent.record.owner.as_deref() == Some(owner));
        let number = own.ok_or_else(|| not_found("the owner has no agent with this id"))?.record.number;
        self.deregister(number, moment, plan)
    }

    fn is_online(&self, agent: AgentNumber) -> bool {
        self.live.sockets_of(agent).next().is_some()
    }
}

fn not_found(rule: &str) -> ApiError {
    ApiError::new(ApiErrorCode::NotFound, rule)
}

fn cursor_at(cursor: &str) -> Result<u64, ApiError> {
    let expired =
        || ApiError::new(ApiErrorCode::CursorExpired, "the cursor is not known").with_field("cursor");
    cursor.parse().map_err(|_| expired())
}

fn is_found(record: &AgentRecord, text: &str) -> bool {
    let alias = record.alias.as_deref().map(str::to_lowercase);
    record.address.name().contains(text) || alias.is_some_and(|alias: String| alias.contains(text))
}
