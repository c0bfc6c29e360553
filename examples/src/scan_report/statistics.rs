//! Shares of small samples, with the interval that the sample's size allows.

use std::fmt;

/// How many of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) hits: usize,
    pub(super) of: usize,
}

impl Share {
    pub(super) fn count(&mut self, hit: bool) {
        self.hits += usize::from(hit);
        self.of += 1;
    }

    /// The 95 % interval after Wilson, in percent: unlike the textbook's it also holds for few samples and for none of many.
    pub(super) fn interval(self) -> (f64, f64) {
        const Z: f64 = 1.959_963_985;
        if self.of == 0 {
            return (0.0, 100.0);
        }
        let (n, p) = (self.of as f64, self.hits as f64 / self.of as f64);
        let scale = 1.0 + Z * Z / n;
        let middle = (p + Z * Z / (2.0 * n)) / scale;
        let half = Z / scale * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        (100.0 * (middle - half).max(0.0), 100.0 * (middle + half).min(1.0))
    }

    pub(super) fn percent(self) -> f64 {
        100.0 * self.hits as f64 / self.of.max(1) as f64
    }

    /// The share alone, for tables that have no room for its interval.
    pub(super) fn brief(self) -> String {
        if self.of == 0 { "none".to_owned() } else { format!("{:.1} %", self.percent()) }
    }
}

/// `94.2 % of 179 (89.8 to 96.8)`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.of == 0 {
            return f.write_str("none");
        }
        let (low, high) = self.interval();
        write!(f, "{:.1} % of {} ({low:.1} to {high:.1})", self.percent(), self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::Share;

    #[test]
    fn interval_is_wilsons() {
        // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        for ((hits, of), (low, high)) in [
            ((81, 263), (25.53, 36.62)),
            ((15, 148), (6.24, 16.05)),
            ((0, 20), (0.0, 16.11)),
            ((1, 29), (0.61, 17.18)),
        ] {
            let found = Share { hits, of }.interval();
            assert!((found.0 - low).abs() < 0.01 && (found.1 - high).abs() < 0.01, "{hits}/{of}: {found:?}");
        }
    }
}
