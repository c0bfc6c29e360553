//! What characters look like, and which of them cannot be seen: the sets that trust and scan share (trust, wrapping).

mod classes;
mod confusables;
mod reading;
mod visible;

pub(crate) use classes::is_right_to_left;
pub(crate) use reading::{Glyph, for_each_glyph, is_opening};
pub(crate) use visible::{Escape, shown};
