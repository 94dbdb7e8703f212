//! Commands as rows of data. Which reply a Get waits for, what may be supervised, and the names in logs all come from
//! these rows.

/// What a command is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Changes something; may travel inside Supervision.
    Set,
    Get {
        /// The number of the report that answers it, in the same class.
        reply: u8,
    },
    /// Tells; sent as an answer or unsolicited. Also what carries other commands: those are what they are.
    Report,
}

/// One row: a command of a class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommandSpec {
    /// The second byte of the payload.
    pub number: u8,
    pub name: &'static str,
    /// The class version that introduced it.
    pub since: u8,
    /// What it is for.
    pub kind: Kind,
}

/// The table of one class: the enum of its commands, `COMMANDS`, and the way between bytes and variants. Payloads are
/// structs written by hand, with `parse` and `write`; a command without parameters has no payload. A payload marked
/// `nesting` carries commands: its `parse` is told how deep it is.
macro_rules! command_class {
    (
        $(#[$doc:meta])*
        $class:ident {
            $( $(#[$about:meta])* $variant:ident $(($payload:ident $(, $nesting:ident)?))? = $number:literal, v $since:literal, $kind:expr; )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
        #[serde(untagged)]
        pub enum $class {
            $( $(#[$about])* $variant $(($payload))?, )*
        }

        /// The commands of this class, one a row.
        pub const COMMANDS: &[crate::command::spec::CommandSpec] = &[
            $( crate::command::spec::CommandSpec {
                number: $number,
                name: stringify!($variant),
                since: $since,
                kind: $kind,
            }, )*
        ];

        impl $class {
            /// The number of this command.
            pub fn number(&self) -> u8 {
                match self {
                    $( Self::$variant { .. } => $number, )*
                }
            }

            /// The command `number` with its parameters; `None` where the class has no such command.
            pub(super) fn parse(
                number: u8,
                parameters: &[u8],
                depth: crate::command::depth::Depth,
            ) -> Option<crate::command::codec::Outcome<'_, Self>> {
                let _ = (parameters, depth);
                match number {
                    $( $number => Some(command_class!(@parse parameters, depth, $variant $(, $payload $(, $nesting)?)?)), )*
                    _ => None,
                }
            }

            /// Appends the parameters, which follow class and number.
            pub(super) fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $( Self::$variant $((parameters @ $payload { .. }))? => command_class!(@write out $(, parameters, $payload)?), )*
                }
            }
        }
    };
    (@parse $parameters:ident, $depth:ident, $variant:ident) => { Ok(Self::$variant) };
    (@parse $parameters:ident, $depth:ident, $variant:ident, $payload:ident) => {
        $payload::parse($parameters).map(|(_, parameters)| Self::$variant(parameters))
    };
    (@parse $parameters:ident, $depth:ident, $variant:ident, $payload:ident, $nesting:ident) => {
        $payload::parse($parameters, $depth).map(Self::$variant)
    };
    (@write $out:ident) => {{
        let _ = &$out;
    }};
    (@write $out:ident, $parameters:ident, $payload:ident) => {
        $parameters.write($out)
    };
}

pub(super) use command_class;
