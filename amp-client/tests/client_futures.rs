//! Every future of the client can be spawned, and every handle shared.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

use amp_client::envelope::MessageId;
use amp_client::identity::ApiKey;
use amp_client::receive::Received;
use amp_client::store::MessageKey;
use amp_client::wire::{ApiUrl, GetInfo, Register, UpdateMe};
use amp_client::{
    Address, Admin, Client, ClientBuilder, Draft, Error, Identity, Outgoing, Peer, Registration, Sent,
    SentMessage, SignedMessage, TraceContext, VerifyingKey,
};

fn is_send<T: Send>(_: T) {}
const fn is_shared<T: Send + Sync>() {}

/// It is enough that this compiles.
#[allow(dead_code, reason = "calls nothing")]
fn every_future_is_send(
    (client, admin, builder): (&Client, &Admin, fn() -> ClientBuilder),
    (address, key, api, received): (&Address, &VerifyingKey, &ApiUrl, &Received),
    (draft, signed, ids, sent): (fn() -> Draft, SignedMessage, &[MessageId], &MessageKey),
    (register, update, owner, identity): (&Register, &UpdateMe, ApiKey, Identity),
) {
    is_send(builder().register("alice"));
    is_send(builder().open());
    is_send(client.send(draft()));
    is_send(client.send(signed));
    is_send(client.prepare(draft()));
    is_send(client.accept_card(b"{}"));
    is_send(client.read_sent(sent));
    is_send(client.resolve(address));
    is_send(client.confirm_key(address, key));
    is_send(client.known_key(address));
    is_send(client.pending());
    is_send(client.pending_count());
    is_send(client.acknowledge(ids));
    is_send(client.mark_read(received));
    is_send(client.rotate_keys());
    is_send(client.rotate_keys_to(identity));
    is_send(client.rotate_api_key());
    is_send(client.info());
    is_send(client.me());
    is_send(client.card());
    is_send(client.update(update));
    is_send(client.agents(""));
    is_send(client.call(&GetInfo));
    is_send(client.register_at(api, "alice"));
    is_send(client.register_with(api, register, Some(owner)));
    is_send(client.deregister());
    is_send(client.inbox());
    is_send(admin.quarantine());
    is_send(admin.owned());
    is_send(admin.call(&GetInfo));
}

#[test]
fn every_future_can_be_spawned_and_every_handle_shared() {
    is_shared::<Client>();
    is_shared::<ClientBuilder>();
    is_shared::<Admin>();
    is_shared::<Error>();
    is_shared::<Outgoing>();
    is_shared::<Sent>();
    is_shared::<SentMessage>();
    is_shared::<Peer>();
    is_shared::<Registration>();
    is_shared::<TraceContext>();
    let every: usize = every_future_is_send as *const () as usize;
    assert_ne!(every, 0);
}
