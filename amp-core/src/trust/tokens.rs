//! Tokens by which chat templates and tool protocols mark who speaks: data (trust, what a model sees).

/// Names that are reserved between `<` and `>`: also closing, with attributes, or with a namespace before them.
pub(super) const TAGS: [&str; 32] = [
    "assistant",
    "bos",
    "end_of_turn",
    "eop",
    "eos",
    "function_call",
    "function_calls",
    "function_response",
    "function_result",
    "function_results",
    "human",
    "invoke",
    "pad",
    "s",
    "sop",
    "start_of_image",
    "start_of_turn",
    "system",
    "system-prompt",
    "system-reminder",
    "system_prompt",
    "system_reminder",
    "think",
    "thinking",
    "tool_call",
    "tool_calls",
    "tool_response",
    "tool_result",
    "tool_results",
    "tool_use",
    "tools",
    "unk",
];

/// Tokens that are reserved as they stand, wherever they stand.
///
/// The last is no template's: it begins our own escapes, which nobody else may write.
pub(super) const LITERALS: [&str; 18] = [
    "[INST]",
    "[/INST]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_CALLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[gMASK]",
    "<<SYS>>",
    "<</SYS>>",
    "<function=",
    "### Instruction:",
    "###Instruction:",
    "### Response:",
    "###Response:",
    "\\u{",
];

/// Names that are reserved at the beginning of a line, before a colon.
pub(super) const SPEAKERS: [&str; 4] = ["assistant", "human", "system", "user"];

/// What may stand before a speaker's name at the beginning of a line.
pub(super) const LINE_MARKS: [u8; 4] = *b" *#>";

/// Longest name between `<|` and `|>`, all of which are reserved.
pub(super) const PIPED_NAME_MAX: usize = 64;

/// Longest namespace before a reserved tag's name.
pub(super) const NAMESPACE_MAX: usize = 32;
