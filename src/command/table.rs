//! The table of command classes, from which [`super::Command`] is generated.

/// One row a class: its constant in [`super::ClassId`], and the enum of its commands, which gives the variant its name.
/// From `BASIC = basic::Basic;` come:
///
/// ```text
/// enum Command                  Basic(basic::Basic)
/// Command::CLASSES              ClassId::BASIC
/// parse_as                      ClassId::BASIC => basic::Basic::parse(…), as Command::Basic
/// write_parameters, number      Command::Basic(it) => it.write(…), it.number()
/// class                         Command::Basic(_) => ClassId::BASIC
/// commands_of                   ClassId::BASIC => basic::COMMANDS
/// ```
macro_rules! command_classes {
    ($($class:ident = $module:ident::$name:ident;)*) => {
        /// A command: an application payload without encapsulation.
        #[derive(Clone, PartialEq, Eq, Debug, Serialize)]
        #[serde(untagged)]
        pub enum Command {
            /// No Operation (0x00): a ping.
            NoOperation,
            $(
                #[doc = concat!("A command of [`", stringify!($module), "`].")]
                $name($module::$name),
            )*
            /// A class or command this module has no struct for.
            Other {
                #[serde(skip)]
                class: ClassId,
                /// Its number, where there is one.
                #[serde(skip)]
                command: Option<u8>,
                #[serde(rename = "body_hex")]
                body: Body,
            },
        }

        impl Command {
            /// The classes that have a table of commands.
            pub const CLASSES: &[ClassId] = &[$(ClassId::$class,)*];

            /// `None` where there is no struct for it.
            fn parse_as(class: ClassId, number: u8, parameters: &[u8], depth: Depth) -> Option<codec::Outcome<'_, Self>> {
                match class {
                    $(ClassId::$class => Some($module::$name::parse(number, parameters, depth)?.map(Self::$name)),)*
                    _ => None,
                }
            }

            /// Appends what follows class and number.
            fn write_parameters(&self, out: &mut Vec<u8>) {
                match self {
                    Self::NoOperation => {}
                    $(Self::$name(it) => it.write(out),)*
                    Self::Other { body, .. } => out.extend(&body.0),
                }
            }

            pub fn class(&self) -> ClassId {
                match self {
                    Self::NoOperation => ClassId::NO_OPERATION,
                    $(Self::$name(_) => ClassId::$class,)*
                    Self::Other { class, .. } => *class,
                }
            }

            /// The number of the command within its class; No Operation has none.
            pub fn number(&self) -> Option<u8> {
                match self {
                    Self::NoOperation => None,
                    $(Self::$name(it) => Some(it.number()),)*
                    Self::Other { command, .. } => *command,
                }
            }
        }

        /// The table of a class this module has structs for; empty for the others.
        pub fn commands_of(class: ClassId) -> &'static [CommandSpec] {
            match class {
                $(ClassId::$class => $module::COMMANDS,)*
                _ => &[],
            }
        }
    };
}

pub(super) use command_classes;
