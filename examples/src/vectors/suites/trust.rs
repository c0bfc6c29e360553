//! The suites trust and wrap.

use amp_core::trust::{PinState, RevocationFact, SignatureFact, TrustFacts, TrustLevel, wrap as wrap_text};
use amp_core::{Address, KnownProviders, Profile};
use unicode_normalization::UnicodeNormalization;

use super::{Input, Outcome, Refusal, output};

pub(super) fn trust(input: Input<'_>) -> Outcome {
    let known = input.known_providers()?;
    let (from, to) = (address(input, "from", &known)?, address(input, "to", &known)?);
    let signature = match input.text("signature")? {
        "valid" => SignatureFact::Valid,
        "invalid" => SignatureFact::Invalid,
        "missing" => SignatureFact::Missing,
        _ => return Err(Refusal::of("invalid_field", "signature")),
    };
    let (pin, revocation) = match input.text("key")? {
        "ok" => (PinState::Pinned, RevocationFact::Clear),
        "conflict" => (PinState::Conflict, RevocationFact::Clear),
        "revoked" => (PinState::Pinned, RevocationFact::Revoked),
        _ => return Err(Refusal::of("invalid_field", "key")),
    };
    let facts = TrustFacts::between(&from, &to).signature(signature).pin(pin).revocation(revocation);
    let level = facts.level();
    Ok(output([("level", level.as_str().into()), ("wrapped", level.needs_wrapping().into())]))
}

pub(super) fn wrap(input: Input<'_>) -> Outcome {
    let level: TrustLevel =
        input.text("level")?.parse().map_err(|_| Refusal::of("invalid_field", "level"))?;
    let wrapped = wrap_text(input.text("text")?, level, input.text("sender")?);
    let folded = folded(&wrapped);
    let tags = |before: &str| {
        let family = ["external-content", "agent-message"];
        family.iter().map(|name| folded.matches(&format!("{before}{name}")).count()).sum::<usize>()
    };
    let (opening, closing) = (tags("<"), tags("</"));
    Ok(output([
        ("text", wrapped.as_str().into()),
        ("open_tags", opening.into()),
        ("close_tags", closing.into()),
    ]))
}

fn address(input: Input<'_>, name: &str, known: &KnownProviders) -> Result<Address, Refusal> {
    let address = Address::parse_with(input.text(name)?, Profile::Deployed);
    let address = address.map_err(|error| Refusal::of(error.code(), name))?;
    Ok(address.with_known_providers(known))
}

/// What is left for a reader who folds case and width, and does not see white space, controls and invisible characters.
///
/// It is no part of the library, so that it can find what the library overlooks.
fn folded(text: &str) -> String {
    let is_ignored = |c: char| {
        matches!(u32::from(c), 0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
            | 0x202a..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
            | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
    };
    let seen = text.nfkc().filter(|&c| !c.is_whitespace() && !c.is_control() && !is_ignored(c));
    let dashes = |c| match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '_' => '-',
        c => c,
    };
    // The composed form again: marks that were kept apart may have come together.
    seen.flat_map(char::to_uppercase).flat_map(char::to_lowercase).map(dashes).nfkc().collect()
}
