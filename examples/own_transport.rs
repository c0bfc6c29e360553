//! AMP over a transport of one's own: HTTP/1.1 by hand over a `TcpStream`. Anything that moves bytes will do.
use std::{io::Read as _, io::Write as _, net::TcpStream, time::SystemTime};

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
    let (mut stream, mut text) = (TcpStream::connect(host)?, String::new());
    write!(stream, "{} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}", parts.method)?;
    write!(stream, "Content-Length: {}\r\n\r\n", parts.body.len())?;
    stream.write_all(&parts.body)?;
    stream.take(2 << 20).read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no answer")?;
    let answer = AnswerParts::new(head.split(' ').nth(1).ok_or("no status")?.parse()?).with_body(body.into());
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    Ok(headers.fold(answer, |answer, (name, value)| answer.with_header(name, value)))
}

fn register(api: &ApiUrl, name: &str, identity: &Identity) -> provider::Result<Registered> {
    let request = Register::new(name.parse()?, identity.verifying_key()).in_tenant("acme");
    Ok(request.read_answer(&send(api, &request.to_parts())?)?)
}

fn main() -> provider::Result {
    provider::while_serving(|api| {
        let (alice, bob, now) = (Identity::generate(), Identity::generate(), SystemTime::now().try_into()?);
        let (at_alice, at_bob) = (register(api, "alice", &alice)?, register(api, "bob", &bob)?);
        let hello = Draft::request(at_bob.address.clone(), "Hello", "Are you there?").from(&at_alice.address);
        let route = Route::new(&hello.sign(&alice, now)?);
        route.read_answer(&send(api, &route.to_parts().with_key(&at_alice.api_key))?)?;
        let ask = |parts: RequestParts| send(api, &parts.with_key(&at_bob.api_key));
        let mut receiver = Receiver::builder(at_bob.address).build();
        let mut pickup = PickUp::new(PickUpSettings::new(7));
        while let Some(call) = pickup.poll_call(now) {
            pickup.handle_answer(call.ticket(), &ask(call.parts().clone())?, now);
            while let Some(PickUpEvent::Arrived(arrived)) = pickup.poll_event() {
                let mut context = arrived.context(now);
                if let Ok(message) = Message::decode(arrived.bytes()) {
                    let who = Resolve::new(message.from());
                    let Ok(sender) = who.read_answer(&ask(who.to_parts())?) else { continue }; // it stays
                    context = context.with_key(SenderKey::resolved(sender.public_key().clone()));
                }
                if let Disposition::Deliver(message) = receiver.receive(arrived.bytes(), &context).commit() {
                    println!("{}", message.for_prompt());
                }
                pickup.acknowledge(arrived); // once what was decided is stored, whatever it was
            }
        }
        Ok(())
    })
}
