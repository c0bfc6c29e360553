//! Attachments: what each profile reads, what is refused, and what is written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_envelope::{
    AfpAttachment, AfpRef, AfpRefError, Attachment, AttachmentError, AttachmentId, DigestError, Payload,
    Profile, ProviderAttachment, ScanStatus, Sha256Digest, Timestamp,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn provider() -> Value {
    json!({
        "id": "att_1706648400_abc123",
        "filename": "a.csv",
        "content_type": "text/csv",
        "size": 3,
        "digest": DIGEST,
        "url": "https://files.example.com/a",
        "scan_status": "clean",
        "uploaded_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-08T00:00:00Z",
    })
}

fn afp() -> Value {
    json!({
        "storage": "afp",
        "filename": "a.csv",
        "content_type": "text/csv",
        "size": 30_000_000_000_u64,
        "digest": DIGEST,
        "ref": "afp://lab/runs/a.csv",
    })
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name);
    object
}

fn read(attachment: &Value, profile: Profile) -> Result<Attachment, AttachmentError> {
    read_json(&attachment.to_string(), profile)
}

fn read_json(attachment: &str, profile: Profile) -> Result<Attachment, AttachmentError> {
    let payload = format!(r#"{{"type":"task","message":"m","context":{{"a":{attachment}}}}}"#);
    let payload = Payload::from_json(payload.as_bytes()).unwrap();
    Attachment::read_with(payload.context_json().unwrap().get("a").unwrap(), profile)
}

const PROFILES: [Profile; 2] = [Profile::Spec, Profile::Deployed];

// rule: ATT-9
#[test]
fn storage_decides_the_kind_and_absent_is_provider() {
    for profile in PROFILES {
        assert!(matches!(read(&provider(), profile), Ok(Attachment::Provider(_))));
        assert!(matches!(
            read(&with(provider(), "storage", json!("provider")), profile),
            Ok(Attachment::Provider(_))
        ));
        assert!(matches!(read(&afp(), profile), Ok(Attachment::Afp(_))));
        for storage in [json!("s3"), json!("AFP"), json!(""), json!(1), json!({})] {
            let error = read(&with(provider(), "storage", storage), profile).unwrap_err();
            assert_eq!((error.code().as_str(), error.field()), ("invalid_field", Some("storage")));
        }
        for value in [json!(1), json!("a.csv"), json!([])] {
            assert_eq!(read(&value, profile), Err(AttachmentError::NotAnObject));
        }
    }
}

// rule: ATT-10
#[test]
fn the_specification_demands_every_member_of_the_kind() {
    for (object, members) in [
        (
            provider(),
            &[
                "id",
                "filename",
                "content_type",
                "size",
                "digest",
                "url",
                "scan_status",
                "uploaded_at",
                "expires_at",
            ][..],
        ),
        (afp(), &["filename", "content_type", "size", "digest", "ref"]),
    ] {
        for member in members {
            for incomplete in [without(object.clone(), member), with(object.clone(), member, Value::Null)] {
                let error = read(&incomplete, Profile::Spec).unwrap_err();
                assert_eq!((error.code().as_str(), error.field()), ("missing_field", Some(*member)));
                assert_eq!(read(&incomplete, Profile::Deployed).is_ok(), *member != "ref", "{member}");
            }
            for wrong in [json!(true), json!([1]), json!({"a": 1})] {
                for profile in PROFILES {
                    let error = read(&with(object.clone(), member, wrong.clone()), profile).unwrap_err();
                    assert_eq!((error.code().as_str(), error.field()), ("invalid_field", Some(*member)));
                }
            }
        }
    }
}

// rule: ATT-11
#[test]
fn a_digest_is_sha256_in_lowercase_hex() {
    let hex = DIGEST.strip_prefix("sha256:").unwrap();
    for (text, error) in [
        (String::new(), DigestError::UnknownAlgorithm),
        (hex.to_owned(), DigestError::UnknownAlgorithm),
        (format!("sha512:{hex}{hex}"), DigestError::UnknownAlgorithm),
        (format!("md5:{hex}"), DigestError::UnknownAlgorithm),
        (format!("SHA256:{hex}"), DigestError::UnknownAlgorithm),
        (format!("sha256-{hex}"), DigestError::UnknownAlgorithm),
        (format!(" sha256:{hex}"), DigestError::UnknownAlgorithm),
        ("sha256:".to_owned(), DigestError::Malformed),
        (format!("sha256:{}", &hex[1..]), DigestError::Malformed),
        (format!("sha256:{hex}0"), DigestError::Malformed),
        (format!("sha256:{hex}00"), DigestError::Malformed),
        (format!("sha256: {}", &hex[1..]), DigestError::Malformed),
        (format!("sha256:{}g", &hex[1..]), DigestError::Malformed),
        (format!("sha256:+{}", &hex[1..]), DigestError::Malformed),
    ] {
        for profile in PROFILES {
            assert_eq!(Sha256Digest::parse_with(&text, profile), Err(error), "{text}");
            let refused = read(&with(provider(), "digest", json!(text)), profile).unwrap_err();
            assert_eq!((refused.code().as_str(), refused.field()), ("invalid_field", Some("digest")));
        }
    }
    let upper = format!("sha256:{}", hex.to_uppercase());
    assert_eq!(upper.parse::<Sha256Digest>(), Err(DigestError::Malformed));
    assert_eq!(Sha256Digest::parse_with(&upper, Profile::Deployed), Ok(Sha256Digest::of(b"abc")));
    assert_eq!(Sha256Digest::of(b"abc").to_string(), DIGEST);
    assert!(!Sha256Digest::of(b"abc").equals(&Sha256Digest::of(b"abd")));
}

// rule: ATT-12
#[test]
fn there_are_six_scan_states_and_no_others() {
    for status in ScanStatus::ALL {
        assert_eq!(status.as_str().parse(), Ok(status));
        assert!(read(&with(provider(), "scan_status", json!(status.as_str())), Profile::Spec).is_ok());
    }
    for status in ["", "Clean", "infected", "clean ", "ok"] {
        for profile in PROFILES {
            let error = read(&with(provider(), "scan_status", json!(status)), profile).unwrap_err();
            assert_eq!((error.code().as_str(), error.field()), ("invalid_field", Some("scan_status")));
        }
    }
}

// rule: ATT-13
#[test]
fn an_upload_expires_after_seven_days_at_the_earliest() {
    let until = |text: &str| read(&with(provider(), "expires_at", json!(text)), Profile::Spec);
    assert!(until("2026-01-08T00:00:00Z").is_ok());
    assert!(until("2027-01-01T00:00:00Z").is_ok());
    for early in ["2026-01-07T23:59:59.999Z", "2025-01-01T00:00:00Z", "2026-01-08T00:00:00", "soon"] {
        let error = until(early).unwrap_err();
        assert_eq!((error.code().as_str(), error.field()), ("invalid_field", Some("expires_at")), "{early}");
    }
}

// rule: ATT-14
#[test]
fn a58_a_reference_stays_in_its_space() {
    let long = "a".repeat(512);
    let space = "s".repeat(63);
    for text in ["afp://lab/a", "afp://0-/a.b_c-d/E", "afp://a/./b", &format!("afp://{space}/{long}")] {
        assert_eq!(text.parse::<AfpRef>().unwrap().as_str(), text);
    }
    for (text, error) in [
        ("", AfpRefError::Form),
        ("lab/a", AfpRefError::Form),
        ("AFP://lab/a", AfpRefError::Form),
        ("afp:/lab/a", AfpRefError::Form),
        ("afp://lab", AfpRefError::Form),
        ("https://lab/a", AfpRefError::Form),
        ("afp:///a", AfpRefError::Space),
        ("afp://-lab/a", AfpRefError::Space),
        ("afp://Lab/a", AfpRefError::Space),
        ("afp://la_b/a", AfpRefError::Space),
        ("afp://la.b/a", AfpRefError::Space),
        ("afp://user@lab/a", AfpRefError::Space),
        ("afp://lab:80/a", AfpRefError::Space),
        (&format!("afp://{space}s/a"), AfpRefError::Space),
        ("afp://lab/", AfpRefError::Path),
        ("afp://lab//a", AfpRefError::Path),
        ("afp://lab/a/", AfpRefError::Path),
        ("afp://lab/a//b", AfpRefError::Path),
        ("afp://lab/..", AfpRefError::Path),
        ("afp://lab/../a", AfpRefError::Path),
        ("afp://lab/a/../b", AfpRefError::Path),
        ("afp://lab/a..b", AfpRefError::Path),
        ("afp://lab/a\\b", AfpRefError::Path),
        ("afp://lab/a%2fb", AfpRefError::Path),
        ("afp://lab/a?b", AfpRefError::Path),
        ("afp://lab/a#b", AfpRefError::Path),
        ("afp://lab/a b", AfpRefError::Path),
        ("afp://lab/a\0", AfpRefError::Path),
        ("afp://lab/é", AfpRefError::Path),
        (&format!("afp://lab/{long}a"), AfpRefError::Path),
    ] {
        assert_eq!(text.parse::<AfpRef>(), Err(error), "{text}");
        for profile in PROFILES {
            let refused = read(&with(afp(), "ref", json!(text)), profile).unwrap_err();
            assert_eq!((refused.code().as_str(), refused.field()), ("invalid_field", Some("ref")));
        }
    }
}

// rule: ATT-15
#[test]
fn an_attachment_by_reference_has_no_members_of_an_upload() {
    for member in ["id", "scan_status", "uploaded_at", "expires_at"] {
        let mixed = with(afp(), member, provider()[member].clone());
        assert_eq!(read(&mixed, Profile::Spec), Err(AttachmentError::Invalid { field: member }));
        assert!(read(&mixed, Profile::Deployed).is_ok());
    }
}

fn sized(sizes: &[u64]) -> Vec<Attachment> {
    sizes.iter().map(|size| read(&with(provider(), "size", json!(size)), Profile::Spec).unwrap()).collect()
}

// rule: ATT-16
#[test]
fn limits_count_provider_attachments_only() {
    const MIB: u64 = 1024 * 1024;
    let check = |attachments: &[Attachment]| Attachment::check_limits(attachments);
    let by_reference = read(&afp(), Profile::Spec).unwrap();
    let mut mixed = sized(&[10 * MIB; 10]);
    mixed.extend(core::iter::repeat_n(by_reference, 100));
    assert_eq!(check(&mixed), Ok(()));
    assert_eq!(check(&sized(&[25 * MIB; 4])), Ok(()));
    assert_eq!(check(&sized(&[1; 11])), Err(AttachmentError::TooMany));
    assert_eq!(check(&sized(&[25 * MIB + 1])), Err(AttachmentError::TooLarge));
    assert_eq!(
        check(&sized(&[25 * MIB, 25 * MIB, 25 * MIB, 25 * MIB, 1])),
        Err(AttachmentError::TooLargeTogether)
    );
    assert_eq!(check(&sized(&[u64::MAX, u64::MAX])), Err(AttachmentError::TooLarge));
    assert_eq!(AttachmentError::TooMany.code().as_str(), "too_large");
}

// rule: ATT-17
#[test]
fn only_what_was_scanned_is_routed() {
    for (status, routed, local) in [
        ("pending", false, false),
        ("clean", true, true),
        ("basic_clean", true, true),
        ("unscanned", false, true),
        ("suspicious", true, true),
        ("rejected", false, false),
    ] {
        let attachment = read(&with(provider(), "scan_status", json!(status)), Profile::Spec).unwrap();
        assert_eq!(attachment.check_routed().is_ok(), routed, "{status}");
        assert_eq!(attachment.check_local().is_ok(), local, "{status}");
    }
    let unstated = read(&without(provider(), "scan_status"), Profile::Deployed).unwrap();
    assert_eq!(unstated.check_routed(), Err(AttachmentError::NotDeliverable));
    assert_eq!(unstated.check_local(), Ok(()));
    assert_eq!(read(&afp(), Profile::Spec).unwrap().check_routed(), Ok(()));
}

// rule: ATT-19
#[test]
fn h07_a_script_passes_under_no_type() {
    for declared in [
        "text/x-shellscript",
        "application/x-sh",
        "Text/X-ShellScript; charset=utf-8",
        "application/shellscript",
        " application/x-msdownload ",
        "application/vnd.microsoft.portable-executable",
        "application/hta",
        "application/java-archive",
        "x-perl",
    ] {
        let attachment = read(&with(provider(), "content_type", declared.into()), Profile::Deployed).unwrap();
        assert_eq!(attachment.check_content(b""), Err(AttachmentError::Program), "{declared}");
        assert_eq!(AttachmentError::Program.field(), Some("content_type"));
    }
    for declared in ["text/csv", "text/x-python", "application/x-shockwave", "x-", "", "application/json"] {
        let attachment = read(&with(provider(), "content_type", declared.into()), Profile::Deployed).unwrap();
        assert_eq!(attachment.check_content(b"a,b\n"), Ok(()), "{declared}");
    }
}

// rule: ATT-20
#[test]
fn h07_a_program_is_known_by_its_first_bytes_whatever_is_declared() {
    let untyped = without(without(provider(), "content_type"), "scan_status");
    for attachment in [provider(), afp(), untyped] {
        let attachment = read(&attachment, Profile::Deployed).unwrap();
        for head in [
            &b"#!/bin/sh\n"[..],
            b"\xef\xbb\xbf#!/usr/bin/env python3\n",
            b"\n #! /bin/sh",
            b"\x7fELF\x02\x01",
            b"MZ\x90\0\x03\0\0\0",
            b"\xcf\xfa\xed\xfe\x07",
            b"\xca\xfe\xba\xbe\0\0",
            b"\xca\xfe\xba\xbf\0\0",
            b"\xbe\xba\xfe\xca\x02\0",
            b"dex\n035\0",
            b"\0asm\x01\0\0\0",
            b"L\0\0\0\x01\x14\x02\0\0\0",
            b"\xed\xab\xee\xdb\x03",
            b"!<arch>\ndebian-binary",
        ] {
            assert_eq!(attachment.check_content(head), Err(AttachmentError::Program), "{head:?}");
        }
        for head in
            [&b""[..], b"#", b"# !bash", b"MZ is how it begins", b"a,b\n#!/bin/sh", b"\x7fEL", b"%PDF-1.7"]
        {
            assert_eq!(attachment.check_content(head), Ok(()), "{head:?}");
        }
    }
}

// rule: ATT-21
#[test]
fn a_file_begins_as_its_declared_main_type_says() {
    let agree: [(&str, &[u8]); 30] = [
        ("image/png", b"\x89PNG\r\n\x1a\n\0\0"),
        ("IMAGE/X-Anything; q=1", b"\xff\xd8\xff\xe0"),
        ("image/webp", b"RIFF\x24\0\0\0WEBPVP8 "),
        ("image/avif", b"\0\0\0\x20ftypavif"),
        ("image/svg+xml", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
        ("image/unknown", b"\x93\0\x01\x02"),
        ("audio/wav", b"RIFF\x24\0\0\0WAVEfmt "),
        ("audio/ogg", b"OggS\0\x02"),
        ("application/ogg", b"OggS\0\x02"),
        ("video/mp4", b"\0\0\0\x20ftypisom"),
        ("audio/mp4", b"\0\0\0\x20ftypM4A "),
        ("video/webm", b"\x1a\x45\xdf\xa3\x01"),
        ("application/pdf", b"%PDF-1.7\n"),
        ("application/zip", b"PK\x03\x04\x14\0"),
        ("model/3mf", b"PK\x03\x04\x14\0"),
        ("application/gzip", b"\x1f\x8b\x08\0"),
        ("font/woff2", b"wOF2\0\x01"),
        ("application/font-woff", b"wOFF\0\x01"),
        ("text/csv", b"a,b\n1,2\n"),
        ("text/plain", b"caf\xe9, in Latin-1"),
        ("text/plain", b"\xff\xfea\0b\0"),
        ("text/plain", "\u{feff}text".as_bytes()),
        ("application/json", b"{}"),
        ("message/rfc822", b"From: a@example.com\n"),
        ("application/octet-stream", b"\x89PNG\r\n\x1a\n\0\0"),
        ("Application/Octet-Stream; x", b"text"),
        ("image/png", b""),
        ("text/csv", b""),
        ("", b"%PDF-1.7\n"),
        ("png", b"%PDF-1.7\n"),
    ];
    for (declared, head) in agree {
        assert_eq!(Attachment::check_file(declared, head), Ok(()), "{declared} {head:?}");
    }
    let disagree: [(&str, &[u8]); 14] = [
        ("text/plain", b"%PDF-1.7\n"),
        ("text/plain", b"PK\x03\x04\x14\0"),
        ("text/plain", b"GIF89a"),
        ("text/plain", b"a\0b"),
        ("text/html", b"\x01\x02 text"),
        ("image/png", b"%PDF-1.7\n"),
        ("image/png", b"<html><script>"),
        ("image/png", b"plain words"),
        ("audio/mpeg", "Gr\u{fc}\u{df}e".as_bytes()),
        ("video/mp4", b"\x89PNG\r\n\x1a\n\0\0"),
        ("font/ttf", b"body { }"),
        ("application/pdf", b"\xff\xd8\xff\xe0"),
        ("application/json", b"GIF87a"),
        ("model/obj", b"\0\0\0\x20ftypisom"),
    ];
    for (declared, head) in disagree {
        let error = Attachment::check_file(declared, head).unwrap_err();
        assert_eq!(error, AttachmentError::TypeMismatch, "{declared} {head:?}");
        assert_eq!((error.code().as_str(), error.field()), ("invalid_field", Some("content_type")));
    }
    for declared in ["application/octet-stream", "image/png", "", "text/plain"] {
        assert_eq!(Attachment::check_file(declared, b"#!/bin/sh\n"), Err(AttachmentError::Program));
    }
    assert_eq!(Attachment::check_file("text/x-shellscript", b""), Err(AttachmentError::Program));
}

// rule: ATT-18
#[test]
fn deployed_spellings_are_read_where_the_specifications_own_is_absent() {
    let deployed =
        json!({"name": "a.csv", "type": "text/csv", "path": "/home/bob/a.csv", "download_url": "/d/1"});
    let Ok(Attachment::Provider(attachment)) = read(&deployed, Profile::Deployed) else { panic!("not read") };
    assert_eq!(attachment.filename(), Some("a.csv"));
    assert_eq!(attachment.content_type(), Some("text/csv"));
    assert_eq!(attachment.path(), Some("/home/bob/a.csv"));
    assert_eq!(attachment.url(), Some("/d/1"));
    assert_eq!((attachment.size(), attachment.digest(), attachment.id()), (None, None, None));

    let both = with(with(provider(), "name", json!("x")), "mime_type", json!("x/y"));
    let attachment = read(&both, Profile::Deployed).unwrap();
    assert_eq!((attachment.filename(), attachment.content_type()), (Some("a.csv"), Some("text/csv")));
    assert_eq!(
        read(&with(without(provider(), "filename"), "name", json!("x")), Profile::Spec),
        Err(AttachmentError::Missing { field: "filename" })
    );
}

#[test]
fn a_size_is_a_whole_number_of_bytes() {
    for size in ["-1", "1.5", "1e3", "3.0", "\"3\"", "18446744073709551616"] {
        let object = without(provider(), "size").to_string().replacen('{', &format!("{{\"size\":{size},"), 1);
        for profile in PROFILES {
            assert_eq!(
                read_json(&object, profile),
                Err(AttachmentError::Invalid { field: "size" }),
                "{size}"
            );
        }
    }
}

#[test]
fn a58_the_senders_name_is_made_safe() {
    let attachment =
        read(&with(provider(), "filename", json!("../../.ssh/authorized_keys")), Profile::Spec).unwrap();
    assert_eq!(attachment.safe_filename().unwrap().as_str(), "authorized_keys");
    let nameless = read(&without(provider(), "filename"), Profile::Deployed).unwrap();
    assert_eq!(nameless.safe_filename().unwrap().as_str(), "unnamed_file");
}

proptest! {
    #[test]
    fn what_a_provider_writes_the_specification_reads(
        name in ".{0,40}", kind in ".{0,20}", size: u64, bytes: [u8; 32], url in ".{0,40}", second in 0_i64..4_000_000_000,
        extra in 0_i64..10_000_000, status in 0..6_usize,
    ) {
        let now = Timestamp::from_unix_seconds(second).unwrap();
        let written = ProviderAttachment::new(
            AttachmentId::from_parts(now, [1; 8]), &name, &kind, size, Sha256Digest::from_bytes(bytes),
        )
        .with_url(&url)
        .with_scan_status(ScanStatus::ALL[status])
        .with_uploaded_at(now)
        .with_expires_at(Timestamp::from_unix_seconds(second + extra).unwrap());
        prop_assert_eq!(read_json(&written.to_json(), Profile::Spec), Ok(Attachment::Provider(written)));
    }

    #[test]
    fn what_is_written_by_reference_the_specification_reads(
        name in ".{0,40}", size: u64, space in "[a-z0-9][a-z0-9-]{0,62}", path in "[A-Za-z0-9_-]{1,20}(/[A-Za-z0-9_-]{1,20}){0,5}",
        endpoint in ".{0,20}", url in ".{0,20}",
    ) {
        let reference: AfpRef = format!("afp://{space}/{path}").parse().unwrap();
        prop_assert_eq!((reference.space(), reference.path()), (space.as_str(), path.as_str()));
        let written = AfpAttachment::new(reference, &name, "text/plain", size, Sha256Digest::of(name.as_bytes()))
            .with_endpoint(&endpoint)
            .with_url(&url);
        prop_assert_eq!(read_json(&written.to_json(), Profile::Spec), Ok(Attachment::Afp(written)));
    }

    #[test]
    fn a58_any_reference_is_refused_or_stays_inside(text in "(afp://)?[a-zA-Z./%_-]{0,20}") {
        if let Ok(reference) = text.parse::<AfpRef>() {
            prop_assert!(!reference.path().contains(".."));
            prop_assert!(!reference.path().starts_with('/') && !reference.path().is_empty());
            prop_assert_eq!(format!("afp://{}/{}", reference.space(), reference.path()), text);
        }
    }
}
