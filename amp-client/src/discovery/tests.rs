//! Discovery against a DNS server and documents that are made up.

use alloc::sync::Arc;
use std::sync::Mutex;

use amp_core::federation::{Finding, RegistryRecord, Source, WellKnown};
use amp_core::webhook::Target;
use amp_core::{Identity, Provider};

use super::Providers;
use super::providers::Documents;

fn crabmail() -> Provider {
    "crabmail.ai".parse().unwrap()
}

fn identity(seed: u8) -> Identity {
    Identity::from_seed(&[seed; 32])
}

fn document(seed: u8, endpoint: &str) -> Vec<u8> {
    WellKnown::new(crabmail(), endpoint, identity(seed).verifying_key()).unwrap().to_json().into_bytes()
}

/// Answers with what `answer` has for a URL, and notes which were asked for.
fn documents(
    answer: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> (Documents, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&asked);
    let documents = move |target: Target| -> futures_util::future::BoxFuture<'static, Option<Vec<u8>>> {
        log.lock().unwrap().push(target.as_str().to_owned());
        let body = answer(target.as_str());
        Box::pin(async move { body })
    };
    (Arc::new(documents), asked)
}

const WELL_KNOWN: &str = "https://crabmail.ai/.well-known/agent-messaging.json";
const API: &str = "https://api.crabmail.ai/v1";

#[cfg(feature = "dns")]
mod dns {
    use super::*;
    use amp_core::federation::TxtRecord;
    use core::net::SocketAddr;
    use tokio::net::UdpSocket;

    /// A DNS server that has these TXT records for every name, each of its strings.
    pub(super) async fn dns(records: Vec<Vec<String>>) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut query = [0; 512];
            while let Ok((length, peer)) = socket.recv_from(&mut query).await {
                let name = query[12..length].iter().position(|byte| *byte == 0).unwrap();
                let question = &query[12..12 + name + 5];
                // The query's id, an answer without error, one question, so many answers.
                let mut answer =
                    [&query[..2], &[0x81, 0x80, 0, 1, 0, u8::try_from(records.len()).unwrap()]].concat();
                answer.extend([0, 0, 0, 0]);
                answer.extend(question);
                for record in &records {
                    let strings = record
                        .iter()
                        .map(|text| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat());
                    let data: Vec<u8> = strings.flatten().collect();
                    // The name again, TXT, IN, a TTL of 600 seconds.
                    answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 2, 88]);
                    answer.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
                    answer.extend(data);
                }
                let _ = socket.send_to(&answer, peer).await;
            }
        });
        address
    }

    fn record(seed: u8) -> Vec<String> {
        let record = TxtRecord::new(API, identity(seed).verifying_key()).unwrap();
        // In two strings, as long ones are.
        let text = record.to_string();
        let (first, rest) = text.split_at(20);
        vec![first.to_owned(), rest.to_owned()]
    }

    #[tokio::test]
    async fn a_record_in_the_dns_is_found_and_asked_for_once() {
        let (documents, asked) = documents(|_| None);
        let builder =
            Providers::builder().name_server(dns(vec![vec!["v=spf1 -all".into()], record(7)]).await);
        let providers = builder.build_with(documents).unwrap();
        for _ in 0..3 {
            let Finding::Found(found) = providers.find(&crabmail()).await.unwrap() else {
                panic!("not found")
            };
            assert_eq!((found.source(), found.endpoint()), (Source::Dns, API));
            assert!(found.fingerprint().matches(identity(7).verifying_key()).is_some());
        }
        assert_eq!(*asked.lock().unwrap(), [WELL_KNOWN]);
    }

    #[tokio::test]
    async fn a_document_with_another_key_than_the_dns_is_a_conflict() {
        let (documents, _) = documents(|_| Some(document(8, API)));
        let builder = Providers::builder().name_server(dns(vec![record(7)]).await);
        let providers = builder.build_with(documents).unwrap();
        let Finding::Conflict(conflict) = providers.find(&crabmail()).await.unwrap() else {
            panic!("no conflict")
        };
        assert!(conflict.claims().len() > 1);
        let confirmed = providers.confirm(&crabmail(), API, identity(8).verifying_key()).unwrap();
        assert!(confirmed.is_confirmed());
        assert!(providers.find(&crabmail()).await.unwrap().found().is_some());
    }

    #[tokio::test]
    async fn a_dns_that_answers_nothing_or_nonsense_says_nothing() {
        for records in [vec![], vec![vec!["v=AMP1; endpoint=http://10.0.0.1/; pubkey=SHA256:x".into()]]] {
            let (documents, _) = documents(|_| Some(document(7, API)));
            let providers =
                Providers::builder().name_server(dns(records).await).build_with(documents).unwrap();
            let Finding::Found(found) = providers.find(&crabmail()).await.unwrap() else {
                panic!("not found")
            };
            assert_eq!(found.source(), Source::WellKnown);
        }
    }
}

/// With a DNS server that has nothing.
async fn builder() -> super::ProvidersBuilder {
    let builder = Providers::builder();
    #[cfg(feature = "dns")]
    let builder = builder.name_server(dns::dns(Vec::new()).await);
    core::future::ready(builder).await
}

#[tokio::test]
async fn the_document_and_the_registry_are_asked_and_have_to_agree() {
    let registry = |seed: u8| {
        let fingerprint = identity(seed).verifying_key().fingerprint();
        let added_at = "2026-01-31T10:00:00Z".parse().unwrap();
        RegistryRecord::new(crabmail(), API, fingerprint, added_at).unwrap().to_json()
    };
    for (in_registry, agrees) in [(7, true), (8, false)] {
        let record = registry(in_registry).into_bytes();
        let (documents, asked) = documents(move |url| match url {
            WELL_KNOWN => Some(document(7, API)),
            "https://registry.example.com/v1/providers/crabmail.ai" => Some(record.clone()),
            _ => None,
        });
        let builder = builder().await.registry("https://registry.example.com/v1/");
        let finding = builder.build_with(documents).unwrap().find(&crabmail()).await.unwrap();
        assert_eq!(finding.found().is_some(), agrees, "{finding:?}");
        assert_eq!(asked.lock().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn what_was_last_known_is_found_when_nobody_answers_and_contradicts_a_new_key() {
    let known_providers = {
        let (documents, _) = documents(|_| Some(document(7, API)));
        let providers = builder().await.build_with(documents).unwrap();
        providers.find(&crabmail()).await.unwrap();
        providers.last_known(&crabmail()).unwrap()
    };
    let (silent, _) = documents(|_| None);
    let providers = builder().await.known([known_providers.clone()]).build_with(silent).unwrap();
    let found = providers.find(&crabmail()).await.unwrap();
    assert_eq!(found.found().unwrap().source(), Source::LastKnown);
    let (other, _) = documents(|_| Some(document(8, API)));
    let providers = builder().await.known([known_providers]).build_with(other).unwrap();
    assert!(matches!(providers.find(&crabmail()).await.unwrap(), Finding::Conflict(_)));
}

#[tokio::test]
async fn a53_an_endpoint_inside_is_not_believed_and_a_network_without_dns_is_not_asked_about() {
    // What the writer refuses is written by hand.
    let inside = String::from_utf8(document(7, API)).unwrap().replace(API, "https://10.0.0.1/v1");
    let (documents, asked) = documents(move |_| Some(inside.clone().into_bytes()));
    let providers = builder().await.build_with(documents).unwrap();
    assert_eq!(providers.find(&crabmail()).await.unwrap(), Finding::Nothing);
    let asked_before = asked.lock().unwrap().len();
    assert_eq!(providers.find(&"acme.local".parse().unwrap()).await.unwrap(), Finding::Nothing);
    assert_eq!(asked.lock().unwrap().len(), asked_before);
}

#[test]
fn a_registry_without_tls_is_refused() {
    assert!(Providers::builder().registry("http://registry.example.com").build().is_err());
}
