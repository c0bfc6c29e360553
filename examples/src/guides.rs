//! The snippets of the guides, compiled and run with the tests.

#[doc = include_str!("../../docs/guides/beside-the-bash-client.md")]
mod beside_the_bash_client {}

#[doc = include_str!("../../docs/guides/embedding.md")]
mod embedding {}

#[doc = include_str!("../../docs/guides/first-message.md")]
mod first_message {}

#[doc = include_str!("../../docs/guides/receiving-safely.md")]
mod receiving_safely {}

#[doc = include_str!("../../docs/guides/sealed-mail.md")]
mod sealed_mail {}

#[doc = include_str!("../../docs/guides/testing-with-loopback.md")]
mod testing_with_loopback {}
