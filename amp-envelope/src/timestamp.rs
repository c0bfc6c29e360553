//! Points in time as the wire writes them: strict RFC 3339 at the border, a number inside (topic: ids and timestamps).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::ErrorCode;

const NANOS_PER_SECOND: u32 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// 0000-01-01T00:00:00Z, the first second that four digits of a year can name.
const MIN_SECONDS: i64 = -62_167_219_200;
/// 9999-12-31T23:59:59Z, the last one.
const MAX_SECONDS: i64 = 253_402_300_799;

/// A point in time between the years 0000 and 9999, to the nanosecond, without a time zone.
///
/// Text is RFC 3339 and nothing wider: `T` and `Z` in upper case, one to nine digits of fraction after a point, an
/// offset of `Z` or `±hh:mm`. A leap second (`:60`) is refused, for it has no place on the scale of Unix seconds. It is
/// printed in UTC with a fraction of no, three, six or nine digits, the fewest that hold the value.
///
/// No clock is read: the host converts its own with `TryFrom<SystemTime>` (feature `std`) or
/// [`Timestamp::from_unix_seconds`].
///
/// ```
/// use amp_envelope::Timestamp;
///
/// let sent: Timestamp = "2025-01-30T11:00:00.25+01:00".parse()?;
/// assert_eq!(sent.to_string(), "2025-01-30T10:00:00.250Z");
/// assert_eq!(sent.unix_seconds(), 1_738_231_200);
///
/// assert!("2025-02-29T10:00:00Z".parse::<Timestamp>().is_err());
/// # Ok::<(), amp_envelope::TimestampError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Between `MIN_SECONDS` and `MAX_SECONDS`.
    seconds: i64,
    /// Counted forward from `seconds`, below `NANOS_PER_SECOND`.
    nanos: u32,
}

impl Timestamp {
    /// The first point in time that has a text: `0000-01-01T00:00:00Z`.
    pub const MIN: Self = Self { seconds: MIN_SECONDS, nanos: 0 };
    /// The last one: `9999-12-31T23:59:59.999999999Z`.
    pub const MAX: Self = Self { seconds: MAX_SECONDS, nanos: NANOS_PER_SECOND - 1 };
    /// `1970-01-01T00:00:00Z`.
    pub const UNIX_EPOCH: Self = Self { seconds: 0, nanos: 0 };

    /// The time `seconds` after 1970-01-01T00:00:00Z (before it when negative).
    ///
    /// None outside the years 0000 to 9999.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Option<Self> {
        Self::new(seconds, 0)
    }

    /// The time `milliseconds` after 1970-01-01T00:00:00Z (before it when negative).
    ///
    /// None outside the years 0000 to 9999.
    #[must_use]
    pub const fn from_unix_milliseconds(milliseconds: i64) -> Option<Self> {
        // The remainder is below 1,000, so its nanoseconds are below one second and fit.
        let nanos = (milliseconds.rem_euclid(1_000) as u32).wrapping_mul(1_000_000);
        Self::new(milliseconds.div_euclid(1_000), nanos)
    }

    const fn new(seconds: i64, nanos: u32) -> Option<Self> {
        if seconds >= MIN_SECONDS && seconds <= MAX_SECONDS && nanos < NANOS_PER_SECOND {
            Some(Self { seconds, nanos })
        } else {
            None
        }
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down; negative before it.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.seconds
    }

    /// Whole milliseconds since 1970-01-01T00:00:00Z, rounded down; negative before it.
    #[must_use]
    pub const fn unix_milliseconds(self) -> i64 {
        // Far from the ends of i64: ten thousand years are less than 10^15 milliseconds.
        self.seconds.saturating_mul(1_000).saturating_add((self.nanos / 1_000_000) as i64)
    }

    /// Nanoseconds past [`Timestamp::unix_seconds`], 0 to 999,999,999.
    #[must_use]
    pub const fn subsec_nanos(self) -> u32 {
        self.nanos
    }

    /// The time `duration` later; none after the year 9999.
    #[must_use]
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        let seconds = self.seconds.checked_add_unsigned(duration.as_secs())?;
        match self.nanos.checked_add(duration.subsec_nanos())? {
            nanos if nanos < NANOS_PER_SECOND => Self::new(seconds, nanos),
            nanos => Self::new(seconds.checked_add(1)?, nanos.checked_sub(NANOS_PER_SECOND)?),
        }
    }

    /// The time `duration` earlier; none before the year 0000.
    #[must_use]
    pub fn checked_sub(self, duration: Duration) -> Option<Self> {
        let seconds = self.seconds.checked_sub_unsigned(duration.as_secs())?;
        match self.nanos.checked_sub(duration.subsec_nanos()) {
            Some(nanos) => Self::new(seconds, nanos),
            None => {
                let nanos = self.nanos.checked_add(NANOS_PER_SECOND)?.checked_sub(duration.subsec_nanos())?;
                Self::new(seconds.checked_sub(1)?, nanos)
            }
        }
    }

    /// The time `duration` later, or [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or(Self::MAX)
    }

    /// The time `duration` earlier, or [`Timestamp::MIN`].
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        self.checked_sub(duration).unwrap_or(Self::MIN)
    }

    /// How long after `earlier` this is; none when it is before.
    ///
    /// ```
    /// use amp_envelope::Timestamp;
    ///
    /// let sent: Timestamp = "2026-01-01T00:00:00Z".parse()?;
    /// let read: Timestamp = "2026-01-01T00:05:00Z".parse()?;
    /// assert_eq!(read.duration_since(sent).map(|d| d.as_secs()), Some(300));
    /// assert_eq!(sent.duration_since(read), None);
    /// # Ok::<(), amp_envelope::TimestampError>(())
    /// ```
    #[must_use]
    pub fn duration_since(self, earlier: Self) -> Option<Duration> {
        let seconds = u64::try_from(self.seconds.checked_sub(earlier.seconds)?).ok()?;
        Duration::from_secs(seconds)
            .checked_add(Duration::from_nanos(self.nanos.into()))?
            .checked_sub(Duration::from_nanos(earlier.nanos.into()))
    }

    /// How far apart the two are, whichever is earlier.
    #[must_use]
    pub fn abs_diff(self, other: Self) -> Duration {
        self.duration_since(other).or_else(|| other.duration_since(self)).unwrap_or_default()
    }

    /// Whether a text is a timestamp, without keeping it.
    ///
    /// # Errors
    /// As [`str::parse`].
    pub fn validate(text: &str) -> Result<(), TimestampError> {
        parse(text.as_bytes()).map(|_| ())
    }
}

/// Why a text, or another clock's value, is not a [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// Not `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±hh:mm)`.
    #[error(
        "timestamp is not RFC 3339: YYYY-MM-DDTHH:MM:SS, a fraction of at most 9 digits, then Z or ±hh:mm"
    )]
    Malformed,
    /// The right shape with a month, day, hour, minute or offset that does not exist.
    #[error("timestamp names a date or time of day that does not exist")]
    NoSuchTime,
    /// Second 60, which Unix time cannot tell from its neighbour.
    #[error("timestamp names a leap second")]
    LeapSecond,
    /// Outside the years 0000 to 9999 in UTC, or outside what the other clock can hold.
    #[error("time is out of range")]
    OutOfRange,
}

impl TimestampError {
    /// The protocol's code: `invalid_field`.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        ErrorCode::InvalidField
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        parse(text.as_bytes())
    }
}

fn parse(text: &[u8]) -> Result<Timestamp, TimestampError> {
    use TimestampError::{LeapSecond, Malformed, NoSuchTime, OutOfRange};

    let (date, rest) = text.split_at_checked(11).ok_or(Malformed)?;
    let (clock, rest) = rest.split_at_checked(8).ok_or(Malformed)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T'] = *date else { return Err(Malformed) };
    let (year, month, day) = (digits(&[y1, y2, y3, y4])?, digits(&[m1, m2])?, digits(&[d1, d2])?);
    let (hour, minute, second) = hours_minutes_seconds(clock)?;
    let (nanos, zone) = fraction(rest)?;
    let offset = offset_seconds(zone)?;

    if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) || hour > 23 || minute > 59
    {
        return Err(NoSuchTime);
    }
    match second {
        0..=59 => {}
        60 => return Err(LeapSecond),
        _ => return Err(NoSuchTime),
    }
    let local = unix_seconds(days_from_civil(year, month, day), hour, minute, second);
    Timestamp::new(local.saturating_sub(offset), nanos).ok_or(OutOfRange)
}

fn hours_minutes_seconds(clock: &[u8]) -> Result<(i64, i64, i64), TimestampError> {
    match *clock {
        [h1, h2, b':', m1, m2, b':', s1, s2] => {
            Ok((digits(&[h1, h2])?, digits(&[m1, m2])?, digits(&[s1, s2])?))
        }
        _ => Err(TimestampError::Malformed),
    }
}

/// The value of one to nine decimal digits.
fn digits(text: &[u8]) -> Result<i64, TimestampError> {
    text.iter().try_fold(0_i64, |value, byte| match byte {
        b'0'..=b'9' => Ok(value.saturating_mul(10).saturating_add(i64::from(byte & 0x0f))),
        _ => Err(TimestampError::Malformed),
    })
}

/// Nanoseconds of an optional fraction, and what follows it.
fn fraction(rest: &[u8]) -> Result<(u32, &[u8]), TimestampError> {
    let Some(rest) = rest.strip_prefix(b".") else { return Ok((0, rest)) };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, zone) = rest.split_at_checked(count).ok_or(TimestampError::Malformed)?;
    if !(1..=9).contains(&count) {
        return Err(TimestampError::Malformed);
    }
    let padded = fraction.iter().chain(core::iter::repeat(&b'0')).take(9);
    let nanos =
        padded.fold(0_u32, |value, byte| value.saturating_mul(10).saturating_add(u32::from(byte & 0x0f)));
    Ok((nanos, zone))
}

/// Seconds east of UTC. `-00:00`, RFC 3339's "offset unknown", is UTC.
fn offset_seconds(zone: &[u8]) -> Result<i64, TimestampError> {
    let (sign, h1, h2, m1, m2) = match *zone {
        [b'Z'] => return Ok(0),
        [b'+', h1, h2, b':', m1, m2] => (1_i64, h1, h2, m1, m2),
        [b'-', h1, h2, b':', m1, m2] => (-1, h1, h2, m1, m2),
        _ => return Err(TimestampError::Malformed),
    };
    let (hours, minutes) = (digits(&[h1, h2])?, digits(&[m1, m2])?);
    if hours > 23 || minutes > 59 {
        return Err(TimestampError::NoSuchTime);
    }
    Ok(unix_seconds(0, hours, minutes, 0).saturating_mul(sign))
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[expect(clippy::arithmetic_side_effects, reason = "days below 4 million, the rest at most two digits each")]
const fn unix_seconds(days: i64, hours: i64, minutes: i64, seconds: i64) -> i64 {
    days * SECONDS_PER_DAY + hours * 3_600 + minutes * 60 + seconds
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
///
/// A year is taken to begin in March, so that the leap day is its last and every month starts a fixed number of days
/// into it.
#[expect(clippy::arithmetic_side_effects, reason = "the year has four digits, month and day two")]
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - DAYS_FROM_MARCH_0000_TO_1970
}

const DAYS_FROM_MARCH_0000_TO_1970: i64 = 719_468;

/// The date that many days from 1970-01-01: the inverse of [`days_from_civil`].
#[expect(clippy::arithmetic_side_effects, reason = "days lie between the years 0000 and 9999")]
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_400_YEARS: i64 = 146_097;
    let days = days + DAYS_FROM_MARCH_0000_TO_1970;
    let era = days.div_euclid(DAYS_PER_400_YEARS);
    let day_of_era = days.rem_euclid(DAYS_PER_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.seconds.div_euclid(SECONDS_PER_DAY));
        let second_of_day = self.seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match self.nanos {
            0 => f.write_str("Z"),
            nanos if nanos % 1_000_000 == 0 => write!(f, ".{:03}Z", nanos / 1_000_000),
            nanos if nanos % 1_000 == 0 => write!(f, ".{:06}Z", nanos / 1_000),
            nanos => write!(f, ".{nanos:09}Z"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TimestampVisitor)
    }
}

struct TimestampVisitor;

impl de::Visitor<'_> for TimestampVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RFC 3339 timestamp")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(feature = "std")]
mod system_time {
    use core::time::Duration;
    use std::time::SystemTime;

    use super::{Timestamp, TimestampError};

    impl TryFrom<SystemTime> for Timestamp {
        type Error = TimestampError;

        fn try_from(time: SystemTime) -> Result<Self, TimestampError> {
            match time.duration_since(SystemTime::UNIX_EPOCH) {
                Ok(after) => Self::UNIX_EPOCH.checked_add(after),
                Err(before) => Self::UNIX_EPOCH.checked_sub(before.duration()),
            }
            .ok_or(TimestampError::OutOfRange)
        }
    }

    impl TryFrom<Timestamp> for SystemTime {
        type Error = TimestampError;

        fn try_from(time: Timestamp) -> Result<Self, TimestampError> {
            let whole = Duration::from_secs(time.unix_seconds().unsigned_abs());
            let seconds = if time.unix_seconds() < 0 {
                Self::UNIX_EPOCH.checked_sub(whole)
            } else {
                Self::UNIX_EPOCH.checked_add(whole)
            };
            seconds
                .and_then(|seconds| seconds.checked_add(Duration::from_nanos(time.subsec_nanos().into())))
                .ok_or(TimestampError::OutOfRange)
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_ends_of_the_range_read_and_print() {
        assert_eq!(at("0000-01-01T00:00:00Z"), Timestamp::MIN);
        assert_eq!(at("9999-12-31T23:59:59.999999999Z"), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.to_string(), "0000-01-01T00:00:00Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999999999Z");
        assert_eq!("0000-01-01T00:00:00+00:01".parse::<Timestamp>(), Err(TimestampError::OutOfRange));
        assert_eq!("9999-12-31T23:59:59-00:01".parse::<Timestamp>(), Err(TimestampError::OutOfRange));
        assert_eq!(Timestamp::from_unix_seconds(i64::MAX), None);
        assert_eq!(Timestamp::from_unix_milliseconds(i64::MIN), None);
    }

    #[test]
    fn the_fraction_takes_the_fewest_groups_of_three_digits() {
        for (text, printed) in [
            ("2026-01-01T00:00:00.0Z", "2026-01-01T00:00:00Z"),
            ("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.500Z"),
            ("2026-01-01T00:00:00.0005Z", "2026-01-01T00:00:00.000500Z"),
            ("2026-01-01T00:00:00.000000001Z", "2026-01-01T00:00:00.000000001Z"),
        ] {
            assert_eq!(at(text).to_string(), printed);
        }
    }

    #[test]
    fn before_the_epoch_seconds_and_milliseconds_round_down() {
        let time = at("1969-12-31T23:59:59.999Z");
        assert_eq!(
            (time.unix_seconds(), time.unix_milliseconds(), time.subsec_nanos()),
            (-1, -1, 999_000_000)
        );
        assert_eq!(Timestamp::from_unix_milliseconds(-1), Some(time));
        assert_eq!(Timestamp::UNIX_EPOCH.checked_sub(Duration::from_millis(1)), Some(time));
    }

    #[test]
    fn adding_past_the_end_saturates_only_by_name() {
        assert_eq!(Timestamp::MAX.checked_add(Duration::from_nanos(1)), None);
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.checked_sub(Duration::from_nanos(1)), None);
        assert_eq!(Timestamp::MIN.saturating_sub(Duration::MAX), Timestamp::MIN);
    }

    #[cfg(feature = "std")]
    #[test]
    fn system_time_converts_there_and_back() {
        for text in ["1969-12-31T23:59:59.25Z", "1970-01-01T00:00:00Z", "2026-11-20T10:00:00.5Z"] {
            let system = std::time::SystemTime::try_from(at(text)).unwrap();
            assert_eq!(Timestamp::try_from(system), Ok(at(text)));
        }
    }
}
