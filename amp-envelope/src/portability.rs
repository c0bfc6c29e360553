//! tmp
use crate::{JsonValue, MessageError};
#[allow(missing_docs)]
#[derive(Debug)]
pub struct Portability;
pub(crate) fn of(_: JsonValue<'_>) -> Result<Portability, MessageError> {
    Ok(Portability)
}
