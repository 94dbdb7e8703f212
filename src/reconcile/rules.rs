//! Which codes may be used: not taken, not obvious, and fit for every ticked device.

use crate::domain::entropy::Entropy;
use crate::domain::pin::Pin;

/// What the ticked devices and everybody else's codes allow.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// Each ticked device with the least and greatest number of digits it takes.
    pub devices: Vec<DeviceRule>,
    /// Every code that is or may still be in use: other people's, and foreign ones seen in the ticked locks.
    pub taken: Vec<&'a [u8]>,
}

/// What one device allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceRule {
    /// Its slug, for the refusal.
    pub slug: String,
    /// Least number of digits.
    pub min: u8,
    /// Greatest number of digits.
    pub max: u8,
    /// Its keypad has five buttons with two digits each: 1 = 2, 3 = 4 and so on.
    pub five_buttons: bool,
}

/// Why a code can't be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// One of those everybody tries first.
    Weak,
    Duplicate,
    /// A device takes other lengths.
    Length(DeviceRule),
    /// No length suits all devices, or no free code was found.
    NothingFits,
}

/// Judges a code somebody typed.
pub fn judge(pin: &Pin, rules: &Rules<'_>) -> Result<(), Unfit> {
    if let Some(device) = rules.devices.iter().find(|d| !(d.min..=d.max).contains(&digits(pin))) {
        return Err(Unfit::Length(device.clone()));
    }
    if is_weak(pin.reveal()) {
        return Err(Unfit::Weak);
    }
    if is_taken(pin.reveal().as_bytes(), rules) {
        return Err(Unfit::Duplicate);
    }
    Ok(())
}

/// Draws a code through the same judgement. Without a wish: 6 digits where every device allows it, else the fewest
/// (at least 4) that all of them allow.
pub fn generate(wish: Option<u8>, rules: &Rules<'_>, entropy: &mut Entropy) -> Result<Pin, Unfit> {
    let min = rules.devices.iter().map(|d| d.min).max().unwrap_or(4);
    let max = rules.devices.iter().map(|d| d.max).min().unwrap_or(10);
    let digits = match wish {
        Some(wish) => wish,
        None if (min..=max).contains(&6) => 6,
        None => min,
    };
    if min > max || !(4..=10).contains(&digits) {
        return Err(Unfit::NothingFits);
    }
    // With every second four-digit code taken, 64 draws miss with a chance of 2^-64.
    for _ in 0..64 {
        let pin = Pin::generate(digits, entropy);
        match judge(&pin, rules) {
            Ok(()) => return Ok(pin),
            Err(Unfit::Length(device)) => return Err(Unfit::Length(device)),
            Err(Unfit::Weak | Unfit::Duplicate | Unfit::NothingFits) => {}
        }
    }
    Err(Unfit::NothingFits)
}

fn digits(pin: &Pin) -> u8 {
    u8::try_from(pin.digits()).unwrap_or(u8::MAX)
}

/// One digit only, a straight run, a pair repeated, or the middle column of a keypad.
fn is_weak(code: &str) -> bool {
    let d = code.as_bytes();
    let steps = |by: u8| d.windows(2).all(|w| matches!(w, [a, b] if (a - b'0' + by) % 10 == b - b'0'));
    let pairs = d.len().is_multiple_of(2) && d.chunks(2).all(|pair| d.starts_with(pair));
    steps(0) || steps(1) || steps(9) || pairs || ["2580", "0852"].contains(&code)
}

fn is_taken(code: &[u8], rules: &Rules<'_>) -> bool {
    let five_buttons = rules.devices.iter().any(|d| d.five_buttons);
    rules.taken.iter().any(|taken| if five_buttons { same_buttons(taken, code) } else { *taken == code })
}

/// Whether two codes press the same buttons on a five-button keypad (pairs 1-2, 3-4, 5-6, 7-8, 9-0).
fn same_buttons(a: &[u8], b: &[u8]) -> bool {
    let button = |digit: &u8| match digit {
        b'1'..=b'9' => (digit - b'1') / 2,
        b'0' => 4,
        other => *other,
    };
    a.len() == b.len() && a.iter().map(button).eq(b.iter().map(button))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(min: u8, max: u8, five_buttons: bool) -> DeviceRule {
        DeviceRule { slug: "door".into(), min, max, five_buttons }
    }

    fn rules(devices: Vec<DeviceRule>) -> Rules<'static> {
        Rules { devices, taken: vec![b"1357", b"482913"] }
    }

    fn judged(code: &str, devices: Vec<DeviceRule>) -> Result<(), Unfit> {
        judge(&Pin::parse(code).unwrap(), &rules(devices))
    }

    #[test]
    fn a_code_everybody_tries_first_is_refused() {
        for code in ["0000", "1234", "4321", "7890", "1212", "454545", "2580", "999999"] {
            assert_eq!(judged(code, vec![]), Err(Unfit::Weak), "{code}");
        }
        for code in ["2468", "1357000", "4826", "60417", "3110"] {
            assert_eq!(judged(code, vec![]), Ok(()), "{code}");
        }
    }

    #[test]
    fn a_taken_code_is_refused_and_on_five_buttons_its_twins_too() {
        assert_eq!(judged("482913", vec![]), Err(Unfit::Duplicate));
        assert_eq!(judged("2468", vec![device(4, 8, false)]), Ok(()));
        assert_eq!(judged("2468", vec![device(4, 8, true)]), Err(Unfit::Duplicate));
    }

    #[test]
    fn a_code_that_one_of_the_devices_cannot_take_is_refused_before_anything_is_sent() {
        let short = device(4, 4, false);
        assert_eq!(judged("60417", vec![device(4, 8, false), short.clone()]), Err(Unfit::Length(short)));
    }

    #[test]
    fn a_generated_code_suits_every_device_and_nobody_else_has_it() {
        let mut entropy = Entropy::from_number(11);
        let length = |devices, entropy: &mut Entropy| generate(None, &rules(devices), entropy).unwrap().digits();
        assert_eq!(length(vec![device(4, 8, true)], &mut entropy), 6);
        assert_eq!(length(vec![device(4, 8, true), device(4, 5, false)], &mut entropy), 4);
        let apart = rules(vec![device(4, 5, false), device(6, 8, false)]);
        assert_eq!(generate(None, &apart, &mut entropy), Err(Unfit::NothingFits));
    }
}
