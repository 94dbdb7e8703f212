//! Serial API Setup and the radio's settings (docs/protocol/serial-api.md §4: 0x0B, 0xDB, 0xDC).

use std::ops::RangeInclusive;

use super::sending::{MAX_LONG_RANGE_PAYLOAD, MAX_PAYLOAD};
use super::{Controller, Effect};
use crate::serial::controller::LongRangeChannel;
use crate::serial::setup::{Region, SetupRequest, SetupResponse};
use crate::serial::{FunctionId, Message};

/// Valid powers, in 0.1 dBm.
const LONG_RANGE_POWERS: RangeInclusive<i16> = -100..=200;
const POWERS: RangeInclusive<i16> = -100..=200;
const MEASURED: RangeInclusive<i16> = -100..=100;

/// Long Range channels: A, B, automatic.
const CHANNELS: RangeInclusive<u8> = 1..=2;
const AUTOMATIC: u8 = 0xFF;
/// Automatic choice is supported and active.
const CAN_CHOOSE: u8 = 0x10;
const CHOOSES: u8 = 0x20;

impl Controller {
    pub(super) fn set_up(&mut self, request: &SetupRequest) -> Vec<Effect> {
        let command = request.command();
        let memory = &mut self.memory;
        let response = match request {
            _ if !self.chip.setup.contains(&command) => SetupResponse::Unsupported(command),
            SetupRequest::GetSupported => SetupResponse::Supported(self.chip.setup.clone()),
            SetupRequest::SetTxStatusReport(on) => {
                self.tx_reports = *on;
                SetupResponse::Done(command, true)
            }
            SetupRequest::SetNodeIdType(width) => {
                self.width = *width;
                SetupResponse::Done(command, true)
            }
            SetupRequest::GetMaxPayload => SetupResponse::MaxPayload(MAX_PAYLOAD),
            SetupRequest::GetLrMaxPayload => SetupResponse::LrMaxPayload(MAX_LONG_RANGE_PAYLOAD),
            SetupRequest::GetLrMaxTxPower => SetupResponse::LrMaxTxPower(memory.long_range_power),
            SetupRequest::SetLrMaxTxPower(power) => {
                let ok = LONG_RANGE_POWERS.contains(power);
                if ok {
                    memory.long_range_power = *power;
                }
                SetupResponse::Done(command, ok)
            }
            SetupRequest::SetPowerlevel(normal, measured) => {
                memory.powers = ((*normal).into(), (*measured).into());
                SetupResponse::Done(command, true)
            }
            SetupRequest::SetPowerlevel16(normal, measured) => {
                let ok = POWERS.contains(normal) && MEASURED.contains(measured);
                if ok {
                    memory.powers = (*normal, *measured);
                }
                SetupResponse::Done(command, ok)
            }
            SetupRequest::GetPowerlevel => SetupResponse::Powerlevel(narrow(memory.powers.0), narrow(memory.powers.1)),
            SetupRequest::GetPowerlevel16 => SetupResponse::Powerlevel16(memory.powers.0, memory.powers.1),
            SetupRequest::GetSupportedRegions => SetupResponse::SupportedRegions(self.chip.regions()),
            SetupRequest::GetRegionInfo(region) if self.chip.regions().contains(region) => region_info(*region),
            // An unknown region has neither radio.
            SetupRequest::GetRegionInfo(region) => SetupResponse::RegionInfo { region: *region, protocols: 0, superset_of: None },
            SetupRequest::GetRfRegion => SetupResponse::RfRegion(self.region),
            SetupRequest::SetRfRegion(region) => {
                let ok = self.chip.regions().contains(region);
                if ok {
                    memory.region = *region;
                }
                SetupResponse::Done(command, ok)
            }
            SetupRequest::Other(..) => SetupResponse::Unsupported(command),
        };
        vec![self.to_host(&Message::Setup(response))]
    }

    pub(super) fn long_range_channel(&self) -> LongRangeChannel {
        if !self.region.is_long_range() {
            return LongRangeChannel { channel: 0, auto: None };
        }
        let channel = self.memory.long_range_channel;
        let chooses = if channel == AUTOMATIC { CHOOSES } else { 0 };
        LongRangeChannel { channel, auto: self.chooses_channel().then_some(CAN_CHOOSE | chooses) }
    }

    pub(super) fn set_long_range_channel(&mut self, channel: u8) -> Message {
        let possible = CHANNELS.contains(&channel) || channel == AUTOMATIC && self.chooses_channel();
        let ok = self.region.is_long_range() && possible;
        if ok {
            self.memory.long_range_channel = channel;
        }
        Message::Response { function: FunctionId::SET_LR_CHANNEL, ok }
    }

    fn chooses_channel(&self) -> bool {
        self.chip.series >= 8
    }
}

/// A region with Long Range includes the one without.
fn region_info(region: Region) -> SetupResponse {
    const CLASSIC: u8 = 0x01;
    const LONG_RANGE: u8 = 0x02;
    let (protocols, superset_of) = match region {
        Region::US_LONG_RANGE => (CLASSIC | LONG_RANGE, Some(Region::US)),
        Region::EU_LONG_RANGE => (CLASSIC | LONG_RANGE, Some(Region::EU)),
        _ => (CLASSIC, None),
    };
    SetupResponse::RegionInfo { region, protocols, superset_of }
}

/// The nearest value with eight bits.
fn narrow(power: i16) -> i8 {
    i8::try_from(power).unwrap_or(if power < 0 { i8::MIN } else { i8::MAX })
}
