//! Timestamps: a table of what is refused, and agreement with an independent implementation on what is read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use core::time::Duration;

use amp_envelope::{Timestamp, TimestampError};
use proptest::prelude::*;

// rule: ID-10
#[test]
fn what_is_not_rfc_3339_is_refused() {
    for text in [
        "",
        "Z",
        "2026-01-01",
        "2026-01-01T00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01t00:00:00Z",
        "2026-01-01T00:00:00z",
        "2026-01-01 00:00:00Z",
        "2026-01-01_00:00:00Z",
        "2026-01-01T00:00:00 Z",
        " 2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z ",
        "2026-01-01T00:00:00Z\n",
        "2026-01-01T00:00:00Z\0",
        "2026-1-1T00:00:00Z",
        "2026-01-01T0:00:00Z",
        "20260101T000000Z",
        "2026-W01-1T00:00:00Z",
        "2026-001T00:00:00Z",
        "26-01-01T00:00:00Z",
        "+2026-01-01T00:00:00Z",
        "-2026-01-01T00:00:00Z",
        "12026-01-01T00:00:00Z",
        "+002026-01-01T00:00:00Z",
        "2026/01/01T00:00:00Z",
        "2026-01-01T00.00.00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T00:00:00.5",
        "2026-01-01T00:00:00.5 Z",
        "2026-01-01T00:00:00.-5Z",
        "2026-01-01T00:00:00.1234567890Z",
        "2026-01-01T00:00:00.0000000000Z",
        "2026-01-01T00:00:00+00",
        "2026-01-01T00:00:00+0000",
        "2026-01-01T00:00:00+0:00",
        "2026-01-01T00:00:00+00:0",
        "2026-01-01T00:00:00+00:00Z",
        "2026-01-01T00:00:00Z+00:00",
        "2026-01-01T00:00:00+00:00:00",
        "2026-01-01T00:00:00\u{2212}01:00",
        "2026-01-01T00:00:00 00:00",
        "2026-01-01T00:00:00UTC",
        "2026-01-01T00:00:00Z[UTC]",
        "2026-01-01T00:00:0\u{661}Z",
        "\u{ff12}026-01-01T00:00:00Z",
        "2026-01-01T00:00:+1Z",
        "2026-01-01T00:00:-1Z",
        "2026-01-01T 1:00:00Z",
        "1706648400",
        "now",
    ] {
        assert_eq!(text.parse::<Timestamp>(), Err(TimestampError::Malformed), "{text:?}");
        assert_eq!(Timestamp::validate(text), Err(TimestampError::Malformed), "{text:?}");
    }
}

// rule: ID-11
#[test]
fn a_date_or_hour_that_does_not_exist_is_refused() {
    for text in [
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-06-31T00:00:00Z",
        "2026-09-31T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T25:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:99Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00-24:00",
        "2026-01-01T00:00:00+00:60",
        "2026-01-01T00:00:00+99:99",
    ] {
        assert_eq!(text.parse::<Timestamp>(), Err(TimestampError::NoSuchTime), "{text:?}");
    }
}

// rule: ID-12
#[test]
fn a_leap_second_is_refused_also_where_there_was_one() {
    for text in ["2016-12-31T23:59:60Z", "2017-01-01T00:59:60+01:00", "2026-01-01T00:00:60Z"] {
        assert_eq!(text.parse::<Timestamp>(), Err(TimestampError::LeapSecond), "{text:?}");
    }
}

// rule: ID-13
#[test]
fn a_time_whose_utc_year_has_not_four_digits_is_refused() {
    for text in
        ["0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59.999999999-23:59"]
    {
        assert_eq!(text.parse::<Timestamp>(), Err(TimestampError::OutOfRange), "{text:?}");
    }
}

// rule: ID-10, ID-14
#[test]
fn what_is_read_is_printed_in_utc() {
    for (text, printed) in [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00-00:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00+23:59", "2025-12-31T00:01:00Z"),
        ("2026-01-01T00:00:00-23:59", "2026-01-01T23:59:00Z"),
        ("2024-02-29T23:59:59.1Z", "2024-02-29T23:59:59.100Z"),
        ("2000-02-29T00:00:00.000001Z", "2000-02-29T00:00:00.000001Z"),
        ("0000-02-29T00:00:00.123456789Z", "0000-02-29T00:00:00.123456789Z"),
        ("0000-01-01T00:00:00-23:59", "0000-01-01T23:59:00Z"),
        ("9999-12-31T23:59:59+00:01", "9999-12-31T23:58:59Z"),
        ("1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00Z"),
    ] {
        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), printed, "{text:?}");
    }
}

#[test]
fn every_day_of_four_centuries_reads_back() {
    let start: Timestamp = "1799-12-31T12:00:00Z".parse().unwrap();
    for days in 0..=146_098_u64 {
        let day = start.checked_add(Duration::from_secs(days * 86_400)).unwrap();
        assert_eq!(day.to_string().parse(), Ok(day));
    }
}

#[test]
fn serde_reads_and_writes_the_text() {
    let time: Timestamp = serde_json::from_str("\"2025-01-30T11:00:00+01:00\"").unwrap();
    assert_eq!(serde_json::to_string(&time).unwrap(), "\"2025-01-30T10:00:00Z\"");
    assert!(serde_json::from_str::<Timestamp>("1738231200").is_err());
    assert!(serde_json::from_str::<Timestamp>("null").is_err());
}

fn any_timestamp() -> impl Strategy<Value = Timestamp> {
    let nanos = prop_oneof![Just(0), 0_u64..1_000_000_000, (0_u64..1_000).prop_map(|ms| ms * 1_000_000)];
    (-62_167_219_200_i64..=253_402_300_799, nanos).prop_map(|(seconds, nanos)| {
        Timestamp::from_unix_seconds(seconds).unwrap().checked_add(Duration::from_nanos(nanos)).unwrap()
    })
}

prop_compose! {
    /// A text of the right shape whose fields may be a little out of range.
    fn shaped()(
        year in 0_u32..=9999, month in 0_u32..=13, day in 0_u32..=32, hour in 0_u32..=24, minute in 0_u32..=60,
        second in 0_u32..=59, fraction in "(\\.[0-9]{1,9})?", zone in "Z|[+-][01][0-9]:[0-6][0-9]",
    ) -> String {
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}")
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256 * 16))]

    #[test]
    fn jiff_prints_what_this_crate_reads_alike(time in any_timestamp()) {
        let independent = jiff::Timestamp::new(time.unix_seconds(), time.subsec_nanos().try_into().unwrap());
        // Its first instant is a year of the other sign, its last an hour before ours.
        if let Ok(independent) = independent {
            prop_assert_eq!(independent.to_string().parse(), Ok(time));
            prop_assert_eq!(time.to_string().parse::<jiff::Timestamp>().unwrap(), independent);
        }
    }

    #[test]
    fn jiff_and_this_crate_agree_on_which_dates_exist(text in shaped()) {
        let ours = text.parse::<Timestamp>();
        if let Ok(theirs) = text.parse::<jiff::Timestamp>() {
            // It also reads 24:00, and times whose year in UTC has five digits or a sign.
            if let Ok(ours) = ours {
                prop_assert_eq!((ours.unix_seconds(), ours.subsec_nanos() as i32), {
                    let seconds = theirs.as_nanosecond().div_euclid(1_000_000_000) as i64;
                    (seconds, theirs.as_nanosecond().rem_euclid(1_000_000_000) as i32)
                });
            } else {
                prop_assert!(text.contains("T24:") || text.starts_with("0000") || text.starts_with("9999"), "{}", text);
            }
        } else {
            prop_assert!(ours.is_err() || text.starts_with("9999-12-3"), "{} is no date", text);
        }
    }

    #[test]
    fn what_is_printed_reads_back_as_itself(time in any_timestamp()) {
        let text = time.to_string();
        prop_assert_eq!(text.parse(), Ok(time));
        prop_assert!(matches!(text.len(), 20 | 24 | 27 | 30));
    }

    #[test]
    fn sums_and_differences_are_inverse(a in any_timestamp(), b in any_timestamp()) {
        let (early, late) = if a < b { (a, b) } else { (b, a) };
        let apart = late.duration_since(early).unwrap();
        prop_assert_eq!(early.checked_add(apart), Some(late));
        prop_assert_eq!(late.checked_sub(apart), Some(early));
        prop_assert_eq!(early.abs_diff(late), apart);
        prop_assert_eq!(early.duration_since(late).is_some(), early == late);
    }

    #[test]
    fn milliseconds_keep_the_order_and_the_value(time in any_timestamp()) {
        let rounded = Timestamp::from_unix_milliseconds(time.unix_milliseconds()).unwrap();
        prop_assert!(rounded <= time);
        prop_assert!(time.duration_since(rounded).unwrap() < Duration::from_millis(1));
    }

    #[test]
    fn any_text_is_refused_or_prints_as_the_same_instant(text in ".{0,40}") {
        if let Ok(time) = text.parse::<Timestamp>() {
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }
    }
}
