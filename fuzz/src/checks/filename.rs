//! File names: whatever the sender wrote, the result stays inside the directory it is joined to.

use std::path::{Component, Path};

use amp_envelope::safe_filename;

use super::{assert_fit_to_show, text_of};

/// The text is a file name from outside.
pub fn filename(data: &[u8]) {
    let text = text_of(data);
    let lower = text.to_ascii_lowercase();
    let smuggles = ["%2f", "%5c", "%00"].iter().any(|escape| lower.contains(escape));
    match safe_filename(&text) {
        Ok(safe) => {
            assert!(!smuggles);
            assert_is_safe(safe.as_str());
            assert_eq!(safe_filename(safe.as_str()).as_ref(), Ok(&safe), "{text:?}");
        }
        Err(error) => {
            assert!(smuggles);
            assert_fit_to_show(&error);
        }
    }
}

/// A plain component on every common file system, and no device.
pub(super) fn assert_is_safe(name: &str) {
    assert!((1..=255).contains(&name.len()), "{name:?}");
    assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)), "{name:?}");
    assert!(!name.starts_with('.') && !name.ends_with('.'), "{name:?}");
    let mut components = Path::new(name).components();
    assert!(matches!((components.next(), components.next()), (Some(Component::Normal(_)), None)));
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let numbered = ["com", "lpt"]
        .iter()
        .any(|device| stem.strip_prefix(device).is_some_and(|rest| matches!(rest.as_bytes(), [b'1'..=b'9'])));
    assert!(!numbered && !["con", "prn", "aux", "nul"].contains(&stem.as_str()), "{name:?}");
}
