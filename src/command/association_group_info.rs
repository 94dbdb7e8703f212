//! Association Group Information (0x59) v1–3: what a group is for; the lifeline is the one with profile 0x0001
//! (docs/protocol/command-classes.md Associations).

use nom::Parser;
use nom::multi::many0;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::Serialize;

use super::class::ClassId;
use super::codec::{Parsed, as_text, count, up_to};
use super::spec::{Kind, command_class};

command_class! {
    AssociationGroupInfo {
        NameGet(NameGet) = 0x01, v 1, Kind::Get { reply: 0x02 };
        NameReport(NameReport) = 0x02, v 1, Kind::Report;
        InfoGet(InfoGet) = 0x03, v 1, Kind::Get { reply: 0x04 };
        InfoReport(InfoReport) = 0x04, v 1, Kind::Report;
        CommandListGet(CommandListGet) = 0x05, v 1, Kind::Get { reply: 0x06 };
        CommandListReport(CommandListReport) = 0x06, v 1, Kind::Report;
    }
}

/// What a group is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct Profile(pub u16);

impl Profile {
    /// Everything a controller must hear.
    pub const LIFELINE: Self = Self(0x0001);
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct NameGet {
    /// The group, from 1.
    pub group: u8,
}

impl NameGet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, group) = be_u8(input)?;
        Ok((input, Self { group }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.group);
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NameReport {
    pub group: u8,
    /// The name as the node has it: UTF-8 or another encoding.
    #[serde(serialize_with = "as_text")]
    pub name: Vec<u8>,
}

impl NameReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (group, len)) = pair(be_u8, be_u8).parse(input)?;
        let (input, name) = up_to(len.into(), input)?;
        Ok((input, Self { group, name: name.to_vec() }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.group, count(self.name.len())]);
        out.extend(&self.name);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct InfoGet {
    /// Don't answer from a cache.
    pub refresh: bool,
    /// Tell of all groups; `group` is ignored.
    pub list: bool,
    /// The group, from 1.
    pub group: u8,
}

impl InfoGet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (flags, group)) = pair(be_u8, be_u8).parse(input)?;
        Ok((input, Self { refresh: flags & 0x80 != 0, list: flags & 0x40 != 0, group }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([u8::from(self.refresh) << 7 | u8::from(self.list) << 6, self.group]);
    }
}

/// One group of an [`InfoReport`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct GroupInfo {
    pub group: u8,
    /// Always 0 in this version.
    pub mode: u8,
    /// What it is for.
    pub profile: Profile,
    /// Always 0 in this version.
    pub event_code: u16,
}

impl GroupInfo {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (group, mode)) = pair(be_u8, be_u8).parse(input)?;
        let (input, (profile, _reserved)) = pair(be_u16, be_u8).parse(input)?;
        let (input, event_code) = be_u16(input)?;
        Ok((input, Self { group, mode, profile: Profile(profile), event_code }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.group, self.mode]);
        out.extend(self.profile.0.to_be_bytes());
        out.push(0);
        out.extend(self.event_code.to_be_bytes());
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct InfoReport {
    /// This is one of several groups that were asked for at once.
    pub list: bool,
    /// Profiles may change; ask again now and then.
    pub dynamic: bool,
    pub groups: Vec<GroupInfo>,
}

impl InfoReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, flags) = be_u8(input)?;
        // The count may be wrong, so everything up to the end is parsed.
        let (input, mut groups) = many0(GroupInfo::parse).parse(input)?;
        groups.truncate((flags & 0x3F).into());
        Ok((input, Self { list: flags & 0x80 != 0, dynamic: flags & 0x40 != 0, groups }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.list) << 7 | u8::from(self.dynamic) << 6 | count(self.groups.len()) & 0x3F);
        self.groups.iter().for_each(|group| group.write(out));
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct CommandListGet {
    /// The answer may come from a cache.
    pub allow_cache: bool,
    /// The group, from 1.
    pub group: u8,
}

impl CommandListGet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (flags, group)) = pair(be_u8, be_u8).parse(input)?;
        Ok((input, Self { allow_cache: flags & 0x80 != 0, group }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([u8::from(self.allow_cache) << 7, self.group]);
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CommandListReport {
    pub group: u8,
    pub commands: Vec<(ClassId, u8)>,
}

impl CommandListReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (group, len)) = pair(be_u8, be_u8).parse(input)?;
        let (input, mut list) = up_to(len.into(), input)?;
        let mut commands = Vec::new();
        while let Some((class, rest)) = ClassId::split(list)
            && let Some((&command, rest)) = rest.split_first()
        {
            commands.push((class, command));
            list = rest;
        }
        Ok((input, Self { group, commands }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut list = Vec::new();
        for (class, command) in &self.commands {
            class.write(&mut list);
            list.push(*command);
        }
        out.extend([self.group, count(list.len())]);
        out.extend(list);
    }
}
