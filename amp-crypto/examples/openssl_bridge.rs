//! The library's side of `tests/interop/openssl.sh`: one operation a call, files in, text out.
//!
//! ```text
//! openssl_bridge key SEED_BYTE                          a throwaway private key, PEM
//! openssl_bridge public PRIVATE                         its public key, PEM
//! openssl_bridge fingerprint PUBLIC                     both digests, base64: raw key (or -), SPKI DER
//! openssl_bridge sign PRIVATE STRING                    signature of a message's signing string, base64
//! openssl_bridge verify PUBLIC STRING SIGNATURE         "ordinary" or "digest-as-message"
//! openssl_bridge rotate PRIVATE NEW_PUBLIC              rotation proof, base64
//! openssl_bridge verify-rotation PUBLIC NEW_PUBLIC PROOF   the form that was signed
//! ```
#![expect(clippy::disallowed_methods, reason = "a program: it reads its arguments and files")]

use core::error::Error;
use std::{env, fs, process::ExitCode};

use amp_crypto::{DigestReading, Fingerprint, Identity, Signature, SigningContext, VerifyingKey};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(text) => {
            println!("{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Outcome<String> {
    match arguments {
        ["key", seed] => Ok(Identity::from_seed(&[seed.parse()?; 32]).to_pkcs8_pem().expose().to_owned()),
        ["public", private] => Ok(identity(private)?.verifying_key().to_pem()),
        ["fingerprint", public] => fingerprints(&key(public)?),
        ["sign", private, string] => {
            Ok(identity(private)?.sign(SigningContext::Message, &fs::read(string)?)?.to_base64())
        }
        ["verify", public, string, sig] => verify(&key(public)?, &fs::read(string)?, &signature(sig)?),
        ["rotate", private, new] => Ok(identity(private)?.prove_rotation(&key(new)?)?.to_base64()),
        ["verify-rotation", public, new, proof] => {
            Ok(format!("{:?}", key(public)?.verify_rotation(&key(new)?, &signature(proof)?)?))
        }
        _ => Err("see the head of this file for the operations".into()),
    }
}

fn verify(key: &VerifyingKey, string: &[u8], signature: &Signature) -> Outcome<String> {
    if key.verify(SigningContext::Message, string, signature).is_ok() {
        return Ok("ordinary".to_owned());
    }
    key.verify_with(SigningContext::Message, string, signature, DigestReading::OrDigestAsMessage)?;
    Ok("digest-as-message".to_owned())
}

fn fingerprints(key: &VerifyingKey) -> Outcome<String> {
    let written = |fingerprint: Fingerprint| fingerprint.to_string().replace("SHA256:", "");
    let raw = key.ed25519_bytes().map_or_else(|| "-".to_owned(), |_| written(key.fingerprint()));
    Ok(format!("{raw} {}", written(Fingerprint::of_spki_der(key))))
}

fn identity(path: &str) -> Outcome<Identity> {
    Ok(Identity::from_pkcs8_pem(&fs::read_to_string(path)?)?)
}

fn key(path: &str) -> Outcome<VerifyingKey> {
    Ok(VerifyingKey::from_pem(&fs::read_to_string(path)?)?)
}

fn signature(path: &str) -> Outcome<Signature> {
    Ok(Signature::from_base64(fs::read_to_string(path)?.trim_ascii())?)
}
