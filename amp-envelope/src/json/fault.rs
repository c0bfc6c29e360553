//! What is wrong with a JSON text, small enough to be returned in a register.

use crate::error::{ErrorCode, MessageError};

/// A rule of the JSON profile that a text breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    ByteOrderMark,
    InvalidUtf8,
    NotAnObject,
    TooLarge,
    TooDeep,
    TooManyMembers,
    DuplicateName,
    Trailing,
    Value,
    Word,
    Name,
    Colon,
    AfterMember,
    AfterElement,
    Control,
    UnfinishedString,
    Escape,
    HexDigits,
    LoneSurrogate,
    Number,
    LongNumber,
    Overflow,
    BigInteger,
    /// Not canonical, where a text was read on trial. Never told: the text is read again.
    NotCanonical,
}

impl Fault {
    /// The protocol's code and the rule as a sentence.
    const fn says(self) -> (ErrorCode, &'static str) {
        use ErrorCode as Code;
        match self {
            Self::ByteOrderMark => (Code::ByteOrderMark, "a text begins without a byte order mark"),
            Self::InvalidUtf8 => (Code::InvalidUtf8, "the text is UTF-8"),
            Self::NotAnObject => (Code::NotAnObject, "the value is an object"),
            Self::TooLarge => (Code::TooLarge, "a text has at most 4 GiB"),
            Self::TooDeep => (Code::TooDeep, "containers nest at most 128 deep"),
            Self::TooManyMembers => (Code::TooManyKeys, "an object has at most 10,000 members"),
            Self::DuplicateName => (Code::DuplicateKey, "a member name must not stand twice in one object"),
            Self::Trailing => (Code::InvalidJson, "nothing but white space follows the value"),
            Self::Value => {
                (Code::InvalidJson, "a value is an object, array, string, number, true, false or null")
            }
            Self::Word => (Code::InvalidJson, "a bare word is true, false or null"),
            Self::Name => (Code::InvalidJson, "a member begins with its name, a string"),
            Self::Colon => (Code::InvalidJson, "a member's name is followed by a colon"),
            Self::AfterMember => (Code::InvalidJson, "a member is followed by a comma or a closing brace"),
            Self::AfterElement => {
                (Code::InvalidJson, "an element is followed by a comma or a closing bracket")
            }
            Self::Control => (Code::InvalidJson, "a control character in a string is escaped"),
            Self::UnfinishedString => (Code::InvalidJson, "a string ends with a quotation mark"),
            Self::Escape => (Code::InvalidJson, "a backslash is followed by one of \" \\ / b f n r t u"),
            Self::HexDigits => (Code::InvalidJson, "\\u is followed by four hexadecimal digits"),
            Self::LoneSurrogate => {
                (Code::LoneSurrogate, "a surrogate escape stands in a pair, high before low")
            }
            Self::Number => (
                Code::InvalidJson,
                "a number has an integer part without leading zeros, and digits after its point and exponent",
            ),
            Self::LongNumber => (Code::TooLarge, "a number literal has at most 1,100 bytes"),
            Self::Overflow => (Code::NonFiniteNumber, "a number is at most as large as the largest double"),
            Self::NotCanonical => (Code::InvalidJson, "the text is in canonical form"),
            Self::BigInteger => (Code::UnportableNumber, "an integer literal lies within ±(2^53 − 1)"),
        }
    }

    pub(crate) const fn code(self) -> ErrorCode {
        self.says().0
    }
}

impl From<Fault> for MessageError {
    fn from(fault: Fault) -> Self {
        let (code, rule) = fault.says();
        Self::new(code, rule)
    }
}
