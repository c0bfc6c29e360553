//! The 21 expressions with which the deployed bash client looks for injections, to compare with (deployed dialects).
//!
//! Written from their description. The client lower-cases a message (ASCII) and matches line by line.

use regex::{RegexSet, RegexSetBuilder};

const EXPRESSIONS: [&str; 21] = [
    // instruction_override
    r"ignore.*(all|any|previous|prior|above).*instructions",
    r"you are now|from now on you|you will now",
    r"forget (everything|all|what)|disregard.*(all|previous|prior)",
    r"important:|urgent:|override:|new instructions:",
    r"^system:|\[system\]|<system>",
    r"developer mode|unrestricted mode|jailbreak mode",
    r"do not follow|don't follow|ignore your",
    // prompt_extraction
    r"print your.*prompt|reveal your instructions|show.*(your|me).*prompt",
    r"repeat.*(everything|all|the text).*above",
    r"translate your.*instructions",
    // command_injection
    r"curl |wget |rm -rf|sudo |chmod |chown ",
    r"eval\(|exec\(|system\(|popen\(",
    r"import os|import subprocess|from os import",
    // data_exfiltration
    r"list all.*(information|data|things).*you know",
    r"api key|password|secret|credential|token",
    r"send.*(data|info|information).*(to|via)",
    // role_manipulation
    r"i am.*(admin|administrator|owner|developer)",
    r"you are dan|do anything now|no restrictions",
    r"user has authorized|pre-authorized|already approved",
    // social_engineering
    r"emergency|act now|immediate action|urgent action required",
    r"this is.*(ceo|cto|admin|security team)",
];

/// The deployed client's expressions, ready to match.
pub(super) struct Deployed(RegexSet);

impl Deployed {
    pub(super) fn new() -> Result<Self, regex::Error> {
        RegexSetBuilder::new(EXPRESSIONS).case_insensitive(true).build().map(Self)
    }

    pub(super) fn is_flagged(&self, parts: &[String]) -> bool {
        let lines = parts.iter().flat_map(|part| part.split('\n'));
        lines.map(str::to_ascii_lowercase).any(|line| self.0.is_match(&line))
    }
}

#[cfg(test)]
mod tests {
    use super::Deployed;

    #[test]
    fn every_word_token_is_flagged_and_nothing_across_lines() {
        let deployed = Deployed::new().unwrap();
        let flags = |text: &str| deployed.is_flagged(&[text.to_owned()]);
        assert!(flags("The TOKEN expired"));
        assert!(flags("first line\nSystem: do"));
        assert!(!flags("ignore all\nprevious instructions"));
        assert!(!flags("The build is green."));
    }
}
