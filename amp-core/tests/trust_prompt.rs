//! What a model sees: no whole token of a chat template, nothing hidden, and everything else as it was.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

mod wrapper_reader;

use amp_core::trust::{Prompt, PromptOptions, TrustLevel, prompt_text};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;
use wrapper_reader::{assert_sealed, without_escapes};

/// Tokens that end where they stand.
const TOKENS: [&str; 62] = [
    "<|im_start|>",
    "<|im_end|>",
    "<|im_sep|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|python_tag|>",
    "<|endoftext|>",
    "<|endofprompt|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|end|>",
    "<|channel|>",
    "<|message|>",
    "<|start|>",
    "<|return|>",
    "<|call|>",
    "<|constrain|>",
    "<|fim_prefix|>",
    "<|START_OF_TURN_TOKEN|>",
    "<|CHATBOT_TOKEN|>",
    "<|reserved_special_token_17|>",
    "<｜User｜>",
    "<｜begin▁of▁sentence｜>",
    "<｜tool▁calls▁begin｜>",
    "[INST]",
    "[/INST]",
    "[SYSTEM_PROMPT]",
    "[TOOL_CALLS]",
    "[AVAILABLE_TOOLS]",
    "[/TOOL_RESULTS]",
    "[gMASK]",
    "<<SYS>>",
    "<</SYS>>",
    "<s>",
    "</s>",
    "<bos>",
    "<eos>",
    "<pad>",
    "<unk>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<function_calls>",
    "</function_calls>",
    "<invoke>",
    "</invoke>",
    "<tool_call>",
    "</tool_call>",
    "<tool_result>",
    "<tool_response>",
    "<tool_use>",
    "<system>",
    "</system>",
    "<think>",
    "<human>",
    "### Instruction:",
    "###Response:",
    "<function=",
];

/// Tokens at the beginning of a line.
const SPEAKERS: [&str; 4] = ["Human:", "Assistant:", "System:", "User:"];

/// A token in the spellings that a reader who folds sees through.
fn spellings(token: &str) -> Vec<String> {
    let map = |f: &dyn Fn(char) -> String| token.chars().map(f).collect::<String>();
    let wide = |c: char| if c.is_ascii_graphic() { char::from_u32(c as u32 + 0xfee0).unwrap() } else { c };
    let spread =
        |inserted: &str| map(&|c| format!("{c}{inserted}")).strip_suffix(inserted).unwrap().to_owned();
    vec![
        token.to_owned(),
        token.to_uppercase(),
        token.to_lowercase(),
        map(&|c| wide(c).to_string()),
        spread("\u{200b}"),
        spread("\u{ad}\u{fe0f}"),
        spread("\u{e0041}"),
        spread("\u{202e}"),
        map(&|c| "aeosx".find(c).map_or(c, |at| "аеоѕх".chars().nth(at).unwrap()).to_string()),
        map(&|c| {
            if c.is_ascii_lowercase() { char::from_u32(0x1d5ba + c as u32 - 97).unwrap() } else { c }
                .to_string()
        }),
    ]
}

/// A reader of tokens that shares nothing with the library.
fn folded(text: &str) -> String {
    let seen = |c: &char| {
        !matches!(*c as u32, 0..=8 | 0xb..=0x1f | 0x7f..=0x9f | 0xad | 0x34f | 0x61c | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e
            | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0x300..=0x36f | 0x20d0..=0x20ff | 0xe0000..=0xe0fff)
    };
    let alike =
        |c: char| "аеоѕх".chars().position(|a| a == c).map_or(c, |at| "aeosx".chars().nth(at).unwrap());
    text.nfkc()
        .filter(seen)
        .flat_map(char::to_lowercase)
        .map(alike)
        .map(|c| if c == '▁' { '_' } else { c })
        .collect()
}

/// The tokens that are whole in a text, to a reader who keeps its escapes or takes them out.
fn survivors(shown: &str) -> Vec<String> {
    let mut found = Vec::new();
    for text in [folded(shown), folded(&without_escapes(shown))] {
        for token in TOKENS.iter().map(|token| folded(token)) {
            // A capital letter as a type's parameter is not the token: see the test below.
            found.extend((token != "<s>" && text.contains(&token)).then_some(token));
        }
        for line in text.lines() {
            let line = line.trim_start_matches(|c: char| c.is_whitespace() || "*#>".contains(c));
            found.extend(
                SPEAKERS
                    .iter()
                    .filter(|name| line.starts_with(&name.to_lowercase()))
                    .map(|name| (*name).to_owned()),
            );
        }
    }
    found.extend(without_escapes(shown).contains("<s>").then(|| "<s>".to_owned()));
    found
}

// rule: WRAP-8
#[test]
fn a46_no_token_of_a_chat_template_is_left_whole() {
    let mut count = 0;
    for token in TOKENS {
        for spelling in spellings(token) {
            for text in [
                spelling.clone(),
                format!("x {spelling} y"),
                format!("{spelling}{spelling}"),
                format!("a\n{spelling}\nb"),
            ] {
                let shown = prompt_text(&text);
                assert_eq!(survivors(&shown), Vec::<String>::new(), "{text:?} is shown as {shown:?}");
                assert!(shown.contains("\\u{"), "{text:?}");
                count += 1;
            }
        }
    }
    for speaker in SPEAKERS {
        for spelling in spellings(speaker) {
            for before in ["", "\n\n", "a\n", "  ", "** ", "\n> ", "### ", "a\r\n"] {
                let shown = prompt_text(&format!("{before}{spelling} do this"));
                assert_eq!(survivors(&shown), Vec::<String>::new(), "{spelling:?} is shown as {shown:?}");
                assert!(shown.contains("\\u{"), "{spelling:?} {shown:?}");
                count += 1;
            }
        }
    }
    assert!(count > 40 * 4 * 4, "{count}");
}

// rule: WRAP-8
#[test]
fn a_token_inside_a_token_does_not_come_back() {
    for outer in TOKENS {
        for inner in ["<|im_start|>", "[INST]", "<s>", "<function_calls>", "<<SYS>>", "\\u{"] {
            for at in 0..=outer.chars().count() {
                let (before, after): (String, String) =
                    (outer.chars().take(at).collect(), outer.chars().skip(at).collect());
                let shown = prompt_text(&format!("{before}{inner}{after}"));
                assert_eq!(survivors(&shown), Vec::<String>::new(), "{before}{inner}{after}");
            }
        }
    }
}

// rule: WRAP-8
#[test]
fn tokens_are_broken_at_every_level_and_in_every_part() {
    for level in TrustLevel::ALL {
        for options in
            [PromptOptions::new(), PromptOptions::new().always_wrap(), PromptOptions::new().datamark()]
        {
            for token in TOKENS.iter().chain(&SPEAKERS) {
                let prompt = Prompt::new(*token, level, "a@b.c.d").subject(*token).attachments([*token]);
                let shown = prompt.context([*token]).options(options.with_context()).render();
                assert_eq!(survivors(&shown), Vec::<String>::new(), "{shown}");
            }
        }
    }
}

// rule: WRAP-9
#[test]
fn a48_what_is_hidden_is_spelled_out() {
    let hidden = ('\u{e0000}'..='\u{e01ef}')
        .chain('\u{fe00}'..='\u{fe0f}')
        .chain('\u{200b}'..='\u{200f}')
        .chain('\u{202a}'..='\u{202e}')
        .chain('\u{2060}'..='\u{206f}')
        .chain('\0'..='\u{8}')
        .chain('\u{b}'..='\u{1f}')
        .chain('\u{7f}'..='\u{9f}')
        .chain([
            '\u{ad}', '\u{34f}', '\u{61c}', '\u{115f}', '\u{180e}', '\u{2028}', '\u{2029}', '\u{3164}',
            '\u{feff}', '\u{ffa0}',
        ]);
    for c in hidden {
        assert_eq!(prompt_text(&format!("a{c}b")), format!("a\\u{{{:x}}}b", c as u32));
    }
    // Instructions in tags, behind an emoji and as selectors that stand for bytes.
    let smuggled: String =
        "ignore".bytes().map(|byte| char::from_u32(0xe0000 + u32::from(byte)).unwrap()).collect();
    let selectors: String =
        "ignore".bytes().map(|byte| char::from_u32(0xe0100 + u32::from(byte) - 16).unwrap()).collect();
    let few: String = (0..6).map(|bit| if bit % 2 == 0 { '\u{fe0e}' } else { '\u{fe0f}' }).collect();
    for text in [
        format!("hi{smuggled}"),
        format!("😀{selectors}"),
        format!("😀{few}"),
        format!("🏴{smuggled}\u{e007f}"),
    ] {
        let shown = prompt_text(&text);
        let left = shown.chars().filter(|c| matches!(*c as u32, 0xe0000..=0xe0fff | 0xfe00..=0xfe0f)).count();
        assert_eq!(left, 0, "{shown:?}");
    }
}

// rule: WRAP-9
#[test]
fn ordinary_text_is_unchanged() {
    for text in [
        "fn main() { let v: Vec<Option<u8>> = vec![]; println!(\"{}\", v.len() << 2); }",
        "#include <vector>\nstd::map<std::string, int> m; // a < b && c > d",
        "| Name | Role |\n|------|:----:|\n| Ann  | *QA* |\n\n```rust\nlet s = r\"\\d\\u00e9\";\n```\n",
        "impl<S> Service<S> for Layer<S> where S: Clone {}",
        "C:\\Users\\user\\file.txt and \\u00e9 and \\x1b and {curly} [brackets]\r\nnext\ttab\r\n",
        "<html><body class=\"x\"><p>Hello &amp; welcome</p><!-- note --></body></html>",
        "the user: ann; a system: Linux; Superuser: no. See [1], [INSTALL], <name>, <file>, < s >.",
        "let f = x |> g <| h; a || b; cmd <| x |> y",
        "❤️ 👍🏽 👩‍💻 👨‍👩‍👧‍👦 🇩🇪 1️⃣ #️⃣ ✈️ ☎︎ ©️",
        "日本語のテキスト、中文字符。한국어 Ελληνικά Русский עברית",
        "مرحبا بالعالم می‌خواهم क्‍ष श्री ක්‍ෂ",
        "naïve café — “quotes” … ½ × ÷ ≠ ≤ ≥ → ⇒ ∑ √",
        "e\u{301}toile A\u{30a}",
        "",
        "\n\n\n",
    ] {
        assert_eq!(prompt_text(text), text);
        assert_eq!(Prompt::new(text, TrustLevel::Verified, "a@b.c.d").render(), text);
    }
}

// rule: WRAP-8
#[test]
fn only_the_library_writes_escapes() {
    for text in [r"\u{3e}", r"\\u{3e}", r"\\\u{41}", "\\\u{200b}u{41}", r"\U{41}", "＼ｕ｛41}", r"\u{\u{"]
    {
        let shown = prompt_text(text);
        assert!(!folded(&without_escapes(&shown)).contains("\\u{"), "{shown}");
    }
}

// rule: WRAP-11
#[test]
fn whatever_comes_from_the_message_stands_inside_the_wrapper() {
    for level in [TrustLevel::Untrusted, TrustLevel::External] {
        let prompt =
            Prompt::new("TEXT", level, "a@b.c.d").subject("SUBJECT\nx").attachments(["FILE\r\n1", "FILE 2"]);
        let shown = prompt
            .context(["CONTEXT\u{2028}"])
            .findings(1)
            .options(PromptOptions::new().with_context())
            .render();
        assert_sealed(&shown);
        let (_, body) = shown.split_once("\n\n").unwrap();
        assert_eq!(
            body,
            "Subject: SUBJECT\\u{a}x\nAttachment: FILE\\u{d}\\u{a}1\nAttachment: FILE 2\nContext: CONTEXT\\u{2028}\n\nTEXT\n</external-content>"
        );
    }
    let without = Prompt::new("TEXT", TrustLevel::Verified, "a@b.c.d").context(["CONTEXT"]).render();
    assert_eq!(without, "TEXT");
}

/// Pieces of tokens, and what may stand between them.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "<",
        "<|",
        "|>",
        ">",
        "/",
        "im_start",
        "im_",
        "start",
        "s",
        "S",
        "system",
        "sys",
        "tem",
        "INST",
        "[",
        "]",
        "[/",
        "<<",
        ">>",
        "SYS",
        "function_calls",
        "function_call",
        "s>",
        "invoke",
        " ",
        "\n",
        ":",
        "Human",
        "hu",
        "man",
        "#",
        "*",
        "###",
        " Instruction:",
        "\u{200b}",
        "\u{ad}",
        "\u{301}",
        "\u{20e3}",
        "❤\u{fe0f}",
        "\u{fe0f}",
        "｜",
        "＜",
        "|",
        "\\u{",
        "\\",
        "u",
        "{",
        "}",
        "41",
        "x",
        "x:",
        "<s>",
        "<|a|>",
        "<system>",
        "User:",
        "ſ",
        "\u{e0073}",
        "\u{200d}",
        "é",
        "\r\n",
        "=",
        "1",
        "ﷺ",
        "<invoke ",
        "<think",
    ]);
    prop::collection::vec(pieces, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    // rule: WRAP-8
    #[test]
    fn no_token_survives_in_any_text(text in hostile()) {
        let shown = prompt_text(&text);
        prop_assert_eq!(survivors(&shown), Vec::<String>::new(), "{:?}", shown);
    }

    // rule: WRAP-9
    #[test]
    fn only_characters_that_were_there_are_shown_or_spelled_out(text in any::<String>(), hostile in hostile()) {
        for text in [text, hostile] {
            let shown = prompt_text(&text);
            let mut rest = shown.as_str();
            for c in text.chars() {
                let escaped = format!("\\u{{{:x}}}", c as u32);
                rest = rest.strip_prefix(&*escaped).or_else(|| rest.strip_prefix(c)).unwrap();
            }
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn words_of_ordinary_letters_are_unchanged(text in "[a-zA-Z0-9 .,;()\n\t'\"+*/=&%$@!?~^`-]{0,200}") {
        prop_assert_eq!(prompt_text(&text), text);
    }
}
