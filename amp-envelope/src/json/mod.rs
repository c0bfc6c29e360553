//! The JSON profile: a one-pass reader with limits, over the received bytes.
//!
//! One parser decides what a message says. It keeps no tree: it notes what canonical form needs and
//! which containers can be copied as they are, and every view reads the same bytes again.

mod de;
mod fault;
mod index;
mod number;
mod order;
mod reader;
mod scan;
mod ser;
mod string;
mod value;

pub use de::ViewError;
pub use value::{JsonKind, JsonValue};

pub(crate) use index::{Container, Features, Index, Item, Node, Span};
pub(crate) use number::{Literal, double, read as read_number};
pub(crate) use order::utf16;
pub(crate) use reader::{BigIntegers, Keep, read};
pub(crate) use scan::{skip_string, skip_value, skip_white_space};
pub(crate) use ser::{to_json, write_string};
pub(crate) use string::{Piece, pieces, unescaped_len};
pub(crate) use value::unescaped;
