//! Webhook deliveries: what is believed was signed, judged by a second reader; a schedule ends after three calls.

use std::time::Duration;

use amp_core::webhook::{PostOutcome, RetrySchedule, RetryStep, Scheme, WebhookSecret, sign, verify};
use amp_core::{Timestamp, hmac_sha256};

use super::{assert_fit_to_show, text_of};

const SECRET: &str = "whsec_4f1c9a6be2d07358";
const NOW: i64 = 1_769_853_600;

/// The first byte chooses: events of a schedule (0xff), or headers as lines `name: value`, an empty line and a body. In a
/// value, `$` stands for the right signature and `@` for the right time.
pub fn webhook(data: &[u8]) {
    match data {
        [0xff, events @ ..] => schedule(events),
        _ => delivery(data),
    }
}

fn delivery(data: &[u8]) {
    let split = data.windows(2).position(|pair| pair == b"\n\n").map_or(data.len(), |at| at);
    let body = data.get(split + 2..).unwrap_or_default();
    let head = text_of(&data[..split]);
    let stated: Vec<(&str, &str)> = head.split('\n').filter_map(|line| line.split_once(": ")).collect();
    // The signature is over whatever time is stated first.
    let time = stated.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amp-timestamp"));
    let time = time.map_or(String::new(), |(_, value)| value.replace('@', &NOW.to_string()));
    let right = format!("sha256={}", hmac_sha256(SECRET.as_bytes(), &[time.as_bytes(), b".", body]).to_hex());
    let headers: Vec<(&str, String)> = stated
        .into_iter()
        .map(|(name, value)| (name, value.replace('@', &NOW.to_string()).replace('$', &right)))
        .collect();
    let now = Timestamp::from_unix_seconds(NOW).unwrap();
    let secrets =
        [WebhookSecret::new("another secret of bytes").unwrap(), WebhookSecret::new(SECRET).unwrap()];
    let given = || headers.iter().map(|(name, value)| (*name, value.as_str()));
    match verify(given(), body, &secrets, now, Scheme::Standard) {
        Ok(delivery) => {
            assert!(believed(&headers, &right), "{headers:?}");
            assert!(delivery.signed_at().unwrap().abs_diff(now) <= Duration::from_secs(300));
            assert_eq!(delivery.body(), body);
            match delivery.message() {
                Ok(message) => {
                    let text = core::str::from_utf8(message.as_bytes()).unwrap();
                    let parts = text.strip_prefix("{\"envelope\":").unwrap().strip_suffix('}').unwrap();
                    assert!(parts.contains(",\"payload\":"));
                    let _ = (message.id(), message.carried_key().and_then(|carried| carried.key()));
                    let _ = message.context(now);
                }
                Err(error) => assert_fit_to_show(&error),
            }
            // It is of this body, this time and this secret.
            assert!(verify(given(), &[body, b" "].concat(), &secrets, now, Scheme::Standard).is_err());
            assert!(verify(given(), body, &secrets[..1], now, Scheme::Standard).is_err());
            assert!(verify(given(), body, &secrets, now, Scheme::Maestro).is_err());
        }
        Err(error) => {
            assert!(!believed(&headers, &right), "{headers:?}: {error}");
            assert_fit_to_show(&error);
            assert!(error.code().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        }
    }
    let sent = sign(&secrets[1], &"msg_1769853600_abc123".parse().unwrap(), 1, body, now);
    assert!(verify(sent.iter(), body, &secrets, now, Scheme::Standard).is_ok());
}

/// The rules once more: one signature, one time, both in their one spelling.
fn believed(headers: &[(&str, String)], right: &str) -> bool {
    let of = |wanted: &str| -> Vec<&str> {
        let own = headers.iter().filter(|(name, _)| name.to_ascii_lowercase() == wanted);
        own.map(|(_, value)| value.as_str()).collect()
    };
    let ([signature], [time]) = (&of("x-amp-signature")[..], &of("x-amp-timestamp")[..]) else {
        return false;
    };
    let near = (NOW - 300..=NOW + 300).any(|second| second.to_string() == *time);
    near && *signature == right
}

/// A byte an event: the clock moves, the host asks, or an outcome comes.
fn schedule(events: &[u8]) {
    let mut now = Timestamp::from_unix_seconds(NOW).unwrap();
    let mut schedule = RetrySchedule::new(now);
    let mut attempts = 0;
    for event in events.iter().take(400) {
        let ended = schedule.end();
        let amount = u64::from(event >> 2);
        match event & 3 {
            0 => now = now.saturating_add(Duration::from_secs(amount * amount * amount)),
            1 => now = now.saturating_sub(Duration::from_secs(amount * amount * amount)),
            2 => match schedule.handle_timeout(now) {
                RetryStep::Post(attempt) => {
                    attempts += 1;
                    assert_eq!(attempt.number(), attempts);
                }
                RetryStep::Wait { until } => {
                    assert!(until.duration_since(now).is_some_and(|wait| wait <= Duration::from_secs(90)));
                }
                RetryStep::End(end) => assert_eq!(schedule.end(), Some(end)),
            },
            _ => match event >> 2 {
                0 => schedule.stop(),
                1 => {
                    if let (Some(due), None) = (schedule.due(), schedule.end()) {
                        schedule = RetrySchedule::resume(schedule.attempts(), due);
                    }
                }
                2 => schedule.handle_outcome(attempts, PostOutcome::NotAdmitted, now),
                3 => schedule.handle_outcome(attempts, PostOutcome::Failed, now),
                status => {
                    schedule.handle_outcome(event >> 6, PostOutcome::Answered(u16::from(status) * 10), now);
                }
            },
        }
        assert!(attempts <= RetrySchedule::ATTEMPTS_MAX && attempts == schedule.attempts());
        assert_eq!(schedule.next_timeout().is_some(), schedule.end().is_none());
        assert!(ended.is_none() || ended == schedule.end());
    }
}
