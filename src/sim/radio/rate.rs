//! Bit rates, and how long a frame takes at each (docs/protocol/timing.md §1).

use std::time::Duration;

/// A bit rate of the radio.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub enum Rate {
    /// 9.6 kbit/s: the oldest devices.
    R9_6,
    #[default]
    R40,
    /// 100 kbit/s, in regions of two channels.
    R100,
    /// Long Range: 100 kbit/s, DSSS.
    LongRange,
}

impl Rate {
    /// Time of one frame with `bytes` bytes behind its header; 0 for an acknowledgement.
    pub fn airtime(self, bytes: usize) -> Duration {
        let (overhead, bits_per_second) = match self {
            Self::R9_6 => (10 + 1 + 9 + 1, 9_600),
            Self::R40 => (20 + 1 + 9 + 1, 40_000),
            Self::R100 => (40 + 1 + 9 + 2, 100_000),
            Self::LongRange => (40 + 1 + 12 + 2, 100_000),
        };
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(overhead);
        Duration::from_micros(bytes.saturating_mul(8_000_000) / bits_per_second)
    }

    /// Its number in a report of the controller (docs/protocol/serial-api.md §4, 0x13: byte 15).
    pub fn number(self) -> u8 {
        match self {
            Self::R9_6 => 1,
            Self::R40 => 2,
            Self::R100 => 3,
            Self::LongRange => 4,
        }
    }

    /// Whether European law limits how much is sent at it: the band at 868.4 MHz, which beams use too
    /// (docs/protocol/timing.md §4).
    pub fn is_limited(self) -> bool {
        matches!(self, Self::R9_6 | Self::R40)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_airtime_of_a_frame_matches_the_documented_table() {
        let table = [
            (0, [17.5, 6.2, 4.2, 4.4]),
            (2, [19.2, 6.6, 4.3, 4.6]),
            (8, [24.2, 7.8, 4.8, 5.0]),
            (20, [34.2, 10.2, 5.8, 6.0]),
            (28, [40.8, 11.8, 6.4, 6.6]),
            (38, [49.2, 13.8, 7.2, 7.4]),
            (46, [55.8, 15.4, 7.8, 8.1]),
        ];
        for (bytes, row) in table {
            for (rate, millis) in [Rate::R9_6, Rate::R40, Rate::R100, Rate::LongRange].into_iter().zip(row) {
                let took = rate.airtime(bytes).as_secs_f64() * 1_000.0;
                assert!((took - millis).abs() < 0.06, "{bytes} bytes at {rate:?}: {took} ms, not {millis}");
            }
        }
    }
}
