//! Texts on their way to a model or a person: no text leaves its wrapper, hides anything or acts on a terminal.

use amp_core::trust::{Printable, Prompt, PromptOptions, Quoted, TrustLevel, Wrapper, prompt_text};

use super::text_of;

/// Shares nothing with the library; the tests of amp-core read with it too.
#[path = "../../../amp-core/tests/wrapper_reader/mod.rs"]
mod wrapper_reader;

use wrapper_reader::{assert_sealed, without_escapes};

/// Two lines for the subject and the sender, then the text.
pub fn wrap(data: &[u8]) {
    let all = text_of(data);
    let mut parts = all.splitn(3, '\n');
    let (subject, sender) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let text = parts.next().unwrap_or(subject);
    for text in [text, &all] {
        wrapped(text, subject, sender);
        shown_to_a_model(text);
        shown_to_a_person(text);
    }
}

fn wrapped(text: &str, subject: &str, sender: &str) {
    for level in TrustLevel::ALL {
        assert_sealed(&Wrapper::new(level, sender).with_findings(text.len()).always().wrap(text));
        assert_sealed(&Quoted::new(text, level, sender).to_string());
        for options in [PromptOptions::new(), PromptOptions::new().datamark()] {
            let options = options.with_context().always_wrap();
            let prompt =
                Prompt::new(text, level, sender).subject(subject).attachments([subject]).context([text]);
            let shown = prompt.options(options).render();
            assert_sealed(&shown);
            assert!(level != TrustLevel::Untrusted || shown.contains("sender=\"unknown@unverified\""));
        }
        let plain = Wrapper::new(level, sender).wrap(text);
        assert_eq!(plain == text, !level.needs_wrapping());
    }
}

fn shown_to_a_model(text: &str) {
    let shown = prompt_text(text);
    // Each character stands there, or its escape does.
    let mut rest = shown.as_str();
    for c in text.chars() {
        let escape = format!("\\u{{{:x}}}", u32::from(c));
        rest = rest.strip_prefix(&*escape).or_else(|| rest.strip_prefix(c)).expect("a character is missing");
    }
    assert!(rest.is_empty());
    let is_hidden = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t' | '\r')
            || matches!(c, '\u{ad}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
            || matches!(c, '\u{e0000}'..='\u{e0fff}')
    };
    assert!(!shown.contains(is_hidden), "{shown:?}");
    for text in [shown.to_lowercase(), without_escapes(&shown).to_lowercase()] {
        for token in [
            "<|im_start|>",
            "<|eot_id|>",
            "[inst]",
            "[/inst]",
            "<<sys>>",
            "</s>",
            "<function_calls>",
            "<tool_result>",
            "</system>",
        ] {
            assert!(!text.contains(token), "{shown:?}");
        }
        assert!(
            !text.lines().any(|line| line.starts_with("human:") || line.starts_with("system:")),
            "{shown:?}"
        );
    }
    assert!(!without_escapes(&shown).contains("\\u{"), "{shown:?}");
}

fn shown_to_a_person(text: &str) {
    let (shown, name) = (Printable::new(text).to_string(), Printable::name(text).to_string());
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    assert!(!name.contains(char::is_control) && name.chars().count() <= 67, "{name:?}");
}
