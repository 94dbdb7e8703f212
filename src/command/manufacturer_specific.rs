//! Manufacturer Specific (0x72) v1–2: which product a node is (docs/protocol/command-classes.md 0x72).

use nom::Parser;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::Serialize;

use super::codec::{Parsed, as_hex, count, up_to};
use super::spec::{Kind, command_class};
use crate::domain::node::ProductIds;

command_class! {
    ManufacturerSpecific {
        Get = 0x04, v 1, Kind::Get { reply: 0x05 };
        Report(Report) = 0x05, v 1, Kind::Report;
        /// Asks for an id that distinguishes two nodes of one product.
        DeviceSpecificGet(DeviceSpecificGet) = 0x06, v 2, Kind::Get { reply: 0x07 };
        DeviceSpecificReport(DeviceSpecificReport) = 0x07, v 2, Kind::Report;
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    /// Manufacturer, product type and product.
    #[serde(flatten)]
    pub product: ProductIds,
}

impl Report {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, manufacturer) = be_u16(input)?;
        let (input, (product_type, product)) = pair(be_u16, be_u16).parse(input)?;
        Ok((input, Self { product: ProductIds { manufacturer, product_type, product } }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        for id in [self.product.manufacturer, self.product.product_type, self.product.product] {
            out.extend(id.to_be_bytes());
        }
    }
}

/// What kind of device id: 0 default, 1 serial number, 2 pseudo random.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct DeviceSpecificGet {
    /// The kind asked for (bits 2–0).
    pub id_type: u8,
}

impl DeviceSpecificGet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, id_type) = be_u8(input)?;
        Ok((input, Self { id_type: id_type & 0x07 }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.id_type & 0x07);
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DeviceSpecificReport {
    /// 0 default, 1 serial number, 2 pseudo random.
    pub id_type: u8,
    /// 0 UTF-8, 1 binary.
    pub format: u8,
    #[serde(rename = "data_hex", serialize_with = "as_hex")]
    pub data: Vec<u8>,
}

impl DeviceSpecificReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (id_type, layout)) = pair(be_u8, be_u8).parse(input)?;
        let (input, data) = up_to((layout & 0x1F).into(), input)?;
        Ok((input, Self { id_type: id_type & 0x07, format: layout >> 5, data: data.to_vec() }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.id_type & 0x07, self.format << 5 | count(self.data.len()) & 0x1F]);
        out.extend(&self.data);
    }
}
