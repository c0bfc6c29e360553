//! Texts and files that are given as arguments, or as `-` on standard input.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use amp_client::{SecretText, VerifyingKey};

use super::failure::{Exit, Failure};

/// As large as a stored message may be.
const MAX_BYTES: u64 = 1024 * 1024;
const SECRET_MAX_BYTES: u64 = 4096;

/// A text, or what stands on standard input when it is `-`. The line feed at its end belongs to whoever typed it.
pub(super) fn text(given: &str, input: &mut dyn Read) -> Result<String, Failure> {
    if given != "-" {
        return Ok(given.into());
    }
    let text = String::from_utf8(bytes(input, MAX_BYTES)?);
    let mut text = text.map_err(|_| Failure::new(Exit::Failed, "standard input is not UTF-8"))?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// What stands in a file, or on standard input when it is `-`.
pub(super) fn file(path: &Path, input: &mut dyn Read) -> Result<Vec<u8>, Failure> {
    if path.as_os_str() == "-" { bytes(input, MAX_BYTES) } else { bytes_of(path, MAX_BYTES) }
}

/// A secret from a file, or from standard input. It never stands among the arguments, where every user of the machine
/// could read it.
pub(super) fn secret(path: &Path, input: &mut dyn Read) -> Result<SecretText, Failure> {
    let bytes = if path.as_os_str() == "-" {
        bytes(input, SECRET_MAX_BYTES)?
    } else {
        bytes_of(path, SECRET_MAX_BYTES)?
    };
    let text = String::from_utf8(bytes).map(SecretText::new);
    let text = text.map_err(|_| Failure::new(Exit::Failed, "the secret is not UTF-8"))?;
    Ok(SecretText::new(text.expose().trim().into()))
}

/// A public key from a PEM file.
pub(super) fn public_key(path: &Path) -> Result<VerifyingKey, Failure> {
    let pem = String::from_utf8(bytes_of(path, MAX_BYTES)?).unwrap_or_default();
    VerifyingKey::from_pem(&pem)
        .map_err(|error| Failure::new(Exit::Failed, format!("the public key: {error}")))
}

/// A file that is there and can be read.
fn opened(path: &Path) -> Result<File, Failure> {
    let file = File::open(path).map_err(|error| unread(path, &error))?;
    match file.metadata() {
        Ok(metadata) if metadata.is_dir() => {
            Err(Failure::new(Exit::Failed, format!("{}: a directory, not a file", path.display())))
        }
        Ok(_) => Ok(file),
        Err(error) => Err(unread(path, &error)),
    }
}

/// Whether a file is there that something else opens.
pub(super) fn is_there(path: &Path) -> Result<(), Failure> {
    path.metadata().map(drop).map_err(|error| unread(path, &error))
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::not_found(format!("{}: there is no such file", path.display()))
        }
        _ => Failure::new(Exit::Failed, format!("{}: {error}", path.display())),
    }
}

fn bytes_of(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    bytes(&mut opened(path)?, max)
}

fn bytes(from: &mut dyn Read, max: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    from.take(max + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= max) {
        return Ok(bytes);
    }
    Err(Failure::new(Exit::Failed, "a text or file is larger than a message may be"))
}
