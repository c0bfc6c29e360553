//! AMP over a transport of one's own: HTTP/1.1 by hand over a `TcpStream`. Anything that moves bytes will do.
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use amp_core::connection::{PickUp, PickUpEvent, PickUpSettings};
use amp_core::prelude::*;
use amp_core::wire::{AnswerParts, ApiUrl, Register, Registered, Request, RequestParts, Resolve, Route};

#[path = "provider_in_one_file.rs"]
#[allow(dead_code, reason = "a program of its own; here it is what there is to talk to")]
mod provider;

/// The whole transport: the parts of a request go out, the parts of an answer come back.
fn send(api: &ApiUrl, parts: &RequestParts) -> provider::Result<AnswerParts> {
    let url = api.join(parts);
    let (host, path) = url.strip_prefix("http://").and_then(|url| url.split_once('/')).ok_or("not http")?;
    let headers: String = parts.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let (mut stream, mut bytes) = (TcpStream::connect(host)?, Vec::new());
    write!(stream, "{} /{path} HTTP/1.1\r\nHost: {host}\r\n{headers}", parts.method)?;
    write!(stream, "Content-Length: {}\r\n\r\n", parts.body.len())?;
    stream.write_all(&parts.body)?;
    stream.take(2 << 20).read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no answer")?;
    let status = str::from_utf8(&bytes[..end])?.split(' ').nth(1).ok_or("no status")?.parse()?;
    Ok(AnswerParts::new(status).with_body(bytes.split_off(end + 4)))
}

fn register(api: &ApiUrl, name: &str, identity: &Identity) -> provider::Result<Registered> {
    let request = Register::new(name.parse()?, identity.verifying_key()).in_tenant("acme");
    Ok(request.read_answer(&send(api, &request.to_parts())?)?)
}

fn alice_writes_to_bob(api: &ApiUrl) -> provider::Result {
    let (alice, bob) = (Identity::generate(), Identity::generate());
    let now = std::time::SystemTime::now().try_into()?;
    let (at_alice, at_bob) = (register(api, "alice", &alice)?, register(api, "bob", &bob)?);
    let hello = Draft::request(at_bob.address.clone(), "Hello", "Are you there?").from(&at_alice.address);
    let route = Route::new(&hello.sign(&alice, now)?);
    route.read_answer(&send(api, &route.to_parts().with_key(&at_alice.api_key))?)?;
    let mut receiver = Receiver::builder(at_bob.address).build();
    let mut pickup = PickUp::new(PickUpSettings::new(7));
    while let Some(call) = pickup.poll_call(now) {
        let answer = send(api, &call.parts().clone().with_key(&at_bob.api_key))?;
        pickup.handle_answer(call.ticket(), &answer, now);
        while let Some(PickUpEvent::Arrived(arrived)) = pickup.poll_event() {
            let sender = Resolve::new(Message::decode(arrived.bytes())?.from());
            let sender = sender.read_answer(&send(api, &sender.to_parts().with_key(&at_bob.api_key))?)?;
            let context = arrived.context(now).with_key(SenderKey::resolved(sender.public_key().clone()));
            let reception = receiver.receive(arrived.bytes(), &context); // what it decides is stored, then:
            let Disposition::Deliver(message) = reception.commit() else { return Err("not genuine".into()) };
            println!("{}", message.for_prompt());
            pickup.acknowledge(arrived);
        }
    }
    Ok(())
}

fn main() -> provider::Result {
    provider::while_serving(alice_writes_to_bob)
}
