//! Syntax of the control port.

use std::str::FromStr;
use std::time::Duration;

use crate::command::entry_control::EventType;
use crate::domain::ids::NodeId;
use crate::domain::pin::CodeText;
use crate::sim::blueprint::{QUIRKS, Quirk};

use super::{Act, Clock, Command, Deed, Fault};

/// Every command with its description.
#[rustfmt::skip]
pub const COMMANDS: &[(&str, &str)] = &[
    ("dump", "what is in every node: codes, door (255: locked), battery, faults; and where the devices are"),
    ("type N CODE", "somebody types CODE at node N; answers opened and the user, wrong, or keypad dead"),
    ("press N BUTTON [KEYS]", "a button of the keypad N of an alarm panel, after these keys: enter, disarm, arm_away, arm_home, fire, police, medical, cancel; none: keys alone"),
    ("unlock N USER", "the keypad of N unlocks for slot USER, whatever is in it"),
    ("lock N USER", "the keypad of N locks for slot USER"),
    ("turn N lock|unlock", "somebody turns the bolt of N by hand"),
    ("setcode N USER CODE [quiet]", "a code is set at the lock itself, which tells of it unless quiet"),
    ("delcode N USER [quiet]", "a code is taken out at the lock itself"),
    ("delall N [quiet]", "all codes are taken out at the lock itself"),
    ("battery N PERCENT", "the battery of N, which reports it"),
    ("jam N on|off", "the bolt of N is stuck: whoever moves it moves nothing, and N tells of it"),
    ("drop N on|off", "N hears nothing and says nothing: out of range, or without power"),
    ("mute N on|off", "N acknowledges, but no command of its own gets out"),
    ("fail N on|off", "N refuses to store codes"),
    ("dup N on|off", "N refuses a code that another of its slots has"),
    ("quirk N NAME on|off", "any quirk of a world file"),
    ("loss N PERCENT [ack]", "of a hundred frames to and from N, so many are not heard; ack: of its acknowledgements"),
    ("delay N MS", "from hearing a command to answering it"),
    ("join [DEVICE]", "a device of the world file leaves its box, or its button is pressed again: for 30 s it can be included; answers the DSK and PIN of its label"),
    ("enter DEVICE 11111-22222", "the start of the controller's DSK is typed into a device without a label, while it is included"),
    ("leave N", "the button of N is pressed: for 30 s it can be excluded"),
    ("forget N", "the batteries of N are changed: its nonces are lost, its memory is not"),
    ("reset N", "factory reset of N: codes and keys are gone, and the controller is not told"),
    ("advance TIME", "the clock jumps, 90s, 15m, 2h or 3d: everything due until then happens, in order"),
    ("speed X", "the clock runs X times as fast, 0.1 to 20: locks, radio and controller, but not the host"),
    ("stats", "the time of the world, and how many there are"),
    ("help", "this list"),
    ("quit", "end the simulator"),
];

/// Maximum number of words in a line.
const MOST_WORDS: usize = 8;
const FURTHEST: Duration = Duration::from_secs(366 * 24 * 3_600);
/// Maximum number of keys that a keypad stores.
const MOST_KEYS: usize = 16;
/// The longest delay of a lock, in milliseconds.
const LONGEST_DELAY: u64 = 60_000;

/// Why a line was refused, with the right syntax.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

pub(super) fn parse(line: &str) -> Result<Command, Refused> {
    let words: Vec<&str> = line.split_ascii_whitespace().take(MOST_WORDS).collect();
    let Some((name, words)) = words.split_first() else {
        return Err(Refused("an empty line; send help for the list of commands".to_owned()));
    };
    let usage = COMMANDS.iter().map(|(usage, _)| *usage).find(|usage| usage.split(' ').next() == Some(name));
    let usage = usage.ok_or_else(|| {
        let name: String = name.chars().filter(|c| !c.is_control()).take(20).collect();
        Refused(format!("there is no command {name:?}; send help for the list"))
    })?;
    let mut words = Words { usage, left: words };
    let command = words.command(name)?;
    words.no_more()?;
    Ok(command)
}

/// The rest of a line.
struct Words<'a> {
    usage: &'static str,
    left: &'a [&'a str],
}

impl<'a> Words<'a> {
    fn command(&mut self, name: &str) -> Result<Command, Refused> {
        let deed = match name {
            "dump" => Deed::Dump,
            "stats" => Deed::Stats,
            "join" => Deed::Join(self.maybe().map(str::to_owned)),
            "enter" => Deed::Enter(self.word("DEVICE")?.to_owned(), self.groups()?),
            "help" => return Ok(Command::Help),
            "quit" => return Ok(Command::Quit),
            "advance" => return self.time().map(Clock::Advance).map(Command::Clock),
            "speed" => return self.speed().map(Clock::Speed).map(Command::Clock),
            _ => {
                let node = self.number("N", 1..=u64::from(u16::MAX))?;
                Deed::At(NodeId(node), self.act(name)?)
            }
        };
        Ok(Command::World(deed))
    }

    fn act(&mut self, name: &str) -> Result<Act, Refused> {
        Ok(match name {
            "type" => Act::Type(self.code()?),
            "press" => self.press()?,
            "unlock" => Act::Operate { user: self.user()?, locked: false },
            "lock" => Act::Operate { user: self.user()?, locked: true },
            "turn" => Act::Turn { locked: self.one_of("lock", "unlock")? },
            "setcode" => Act::SetCode { user: self.user()?, code: self.code()?, quiet: self.quiet()? },
            "delcode" => Act::DelCode { user: self.user()?, quiet: self.quiet()? },
            "delall" => Act::DelAll { quiet: self.quiet()? },
            "battery" => Act::Battery(self.number("PERCENT", 0..=100)?),
            "jam" => self.switch(Fault::Jam)?,
            "drop" => self.switch(Fault::Drop)?,
            "mute" => self.switch(Fault::Mute)?,
            "fail" => self.switch(Fault::Quirk(self.quirk("refuses_writes")?))?,
            "dup" => self.switch(Fault::Quirk(self.quirk("refuses_duplicates")?))?,
            "quirk" => {
                let name = self.word("NAME")?;
                self.switch(Fault::Quirk(self.quirk(name)?))?
            }
            "loss" => Act::Loss { percent: self.number("PERCENT", 0..=100)?, acks: self.last_word("ack")? },
            "delay" => Act::Delay(Duration::from_millis(self.number("MS", 0..=LONGEST_DELAY)?)),
            "leave" => Act::Leave,
            "forget" => Act::Forget,
            "reset" => Act::Reset,
            _ => return Err(self.wrong("that is")),
        })
    }

    fn maybe(&mut self) -> Option<&'a str> {
        let (first, rest) = self.left.split_first()?;
        self.left = rest;
        Some(first)
    }

    fn word(&mut self, what: &str) -> Result<&'a str, Refused> {
        self.maybe().ok_or_else(|| self.wrong(&format!("{what} is missing;")))
    }

    fn number<T: TryFrom<u64>>(&mut self, what: &str, range: std::ops::RangeInclusive<u64>) -> Result<T, Refused> {
        let number = self.word(what)?.parse().ok().filter(|number| range.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| self.wrong(&format!("{what} is a number from {} to {};", range.start(), range.end())))
    }

    fn user(&mut self) -> Result<u16, Refused> {
        self.number("USER", 1..=u64::from(u16::MAX))
    }

    fn code(&mut self) -> Result<CodeText, Refused> {
        let code = self.word("CODE")?;
        let fits = (4..=10).contains(&code.len()) && code.bytes().all(|digit| digit.is_ascii_digit());
        fits.then(|| CodeText::new(code)).ok_or_else(|| self.wrong("CODE is 4 to 10 digits;"))
    }

    fn press(&mut self) -> Result<Act, Refused> {
        let button = match self.word("BUTTON")? {
            "none" => None,
            "enter" => Some(EventType::ENTER),
            "disarm" => Some(EventType::DISARM_ALL),
            "arm_away" => Some(EventType::ARM_AWAY),
            "arm_home" => Some(EventType::ARM_HOME),
            "fire" => Some(EventType::FIRE),
            "police" => Some(EventType::POLICE),
            "medical" => Some(EventType::ALERT_MEDICAL),
            "cancel" => Some(EventType::CANCEL),
            _ => return Err(self.wrong("BUTTON is none of those;")),
        };
        let keys = self.maybe().unwrap_or_default();
        let fits = keys.len() <= MOST_KEYS && keys.bytes().all(|key| key.is_ascii_digit());
        fits.then(|| Act::Press { button, keys: CodeText::new(keys) }).ok_or_else(|| self.wrong("KEYS are up to 16 digits;"))
    }

    /// Two groups of a DSK.
    fn groups(&mut self) -> Result<[u16; 2], Refused> {
        let groups = self.word("11111-22222")?.split_once('-');
        let groups = groups.and_then(|(first, second)| Some([first.parse().ok()?, second.parse().ok()?]));
        groups.ok_or_else(|| self.wrong("a group of a DSK is five digits, at most 65535;"))
    }

    fn quiet(&mut self) -> Result<bool, Refused> {
        self.last_word("quiet")
    }

    fn last_word(&mut self, word: &str) -> Result<bool, Refused> {
        match self.maybe() {
            None => Ok(false),
            Some(last) if last == word => Ok(true),
            Some(_) => Err(self.wrong(&format!("the last word is {word}, or nothing;"))),
        }
    }

    fn switch(&mut self, fault: Fault) -> Result<Act, Refused> {
        Ok(Act::Fault(fault, self.one_of("on", "off")?))
    }

    fn one_of(&mut self, yes: &str, no: &str) -> Result<bool, Refused> {
        match self.maybe() {
            Some(word) if word == yes => Ok(true),
            Some(word) if word == no => Ok(false),
            _ => Err(self.wrong(&format!("the last word is {yes} or {no};"))),
        }
    }

    fn quirk(&self, name: &str) -> Result<&'static Quirk, Refused> {
        let names = || QUIRKS.iter().map(|quirk| quirk.name).collect::<Vec<_>>().join(", ");
        QUIRKS.iter().find(|quirk| quirk.name == name).ok_or_else(|| self.wrong(&format!("NAME is one of {};", names())))
    }

    fn time(&mut self) -> Result<Duration, Refused> {
        let word = self.word("TIME")?;
        let wrong = || self.wrong("TIME is as in 90s, 15m, 2h or 3d, at most 366d;");
        let unit = word.chars().last().and_then(|unit| match unit {
            's' => Some(1),
            'm' => Some(60),
            'h' => Some(3_600),
            'd' => Some(86_400),
            _ => None,
        });
        let number = word.get(..word.len().saturating_sub(1)).and_then(|number| u64::from_str(number).ok());
        let seconds = unit.zip(number).and_then(|(unit, number)| number.checked_mul(unit));
        seconds.map(Duration::from_secs).filter(|time| *time <= FURTHEST).ok_or_else(wrong)
    }

    fn speed(&mut self) -> Result<f64, Refused> {
        let speed = self.word("X")?.parse().ok().filter(|speed| (0.1..=20.0).contains(speed));
        speed.ok_or_else(|| self.wrong("X is a number from 0.1 to 20;"))
    }

    fn no_more(&self) -> Result<(), Refused> {
        if self.left.is_empty() { Ok(()) } else { Err(self.wrong("there are too many words;")) }
    }

    fn wrong(&self, what: &str) -> Refused {
        Refused(format!("{what} write: {}", self.usage))
    }
}
