//! Every value that can be built of the classes that carry commands, clocks and settings is the same after a trip over
//! the wire.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::command::application_status::{ApplicationStatus, Busy, BusyStatus, RejectedRequest};
use crate::command::configuration::{self, Configuration, Format, Value, Values};
use crate::command::crc16_encapsulation::{self, Crc16Encapsulation};
use crate::command::device_reset_locally::DeviceResetLocally;
use crate::command::door_lock_logging::{DoorLockLogging, EventType, RecordGet, RecordReport, RecordsSupportedReport};
use crate::command::multi_channel::{self, Destination, MultiChannel};
use crate::command::multi_command::{self, MultiCommand};
use crate::command::security_2::{self, Extension, ExtensionType, Security2};
use crate::command::time::{Changeover, DateReport, Time, TimeOffset, TimeReport};
use crate::command::time_parameters::{DateAndTime, TimeParameters};
use crate::command::transport_service::{self, Offset, SessionId, TransportService};
use crate::command::{Body, ClassId, Command};
use crate::domain::pin::CodeText;
use crate::security::crypto::Key;
use crate::security::crypto::derive::EntropyInput;
use crate::security::crypto::x25519::PublicKey;
use crate::security::keys::KeyMask;

fn bytes(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=longest)
}

fn application_status() -> impl Strategy<Value = ApplicationStatus> {
    prop_oneof![
        any::<[u8; 2]>().prop_map(|[status, wait_time]| ApplicationStatus::Busy(Busy { status: BusyStatus(status), wait_time })),
        any::<u8>().prop_map(|status| ApplicationStatus::RejectedRequest(RejectedRequest { status })),
    ]
}

fn door_lock_logging() -> impl Strategy<Value = DoorLockLogging> {
    let record = (any::<[u8; 7]>(), any::<u16>(), 0..8u8, 0..32u8, option::of((any::<u8>(), bytes(10))));
    prop_oneof![
        Just(DoorLockLogging::RecordsSupportedGet),
        any::<u8>().prop_map(|n| DoorLockLogging::RecordsSupportedReport(RecordsSupportedReport { records_count: n })),
        any::<u8>().prop_map(|n| DoorLockLogging::RecordGet(RecordGet { record_number: n })),
        record.prop_map(|([record_number, month, day, minute, second, event, user_id], year, status, hour, code)| {
            let (code_len, code) = code.unzip();
            DoorLockLogging::RecordReport(RecordReport {
                record_number,
                year,
                month,
                day,
                status,
                hour,
                minute,
                second,
                event_type: EventType(event),
                user_id,
                code_len,
                code: CodeText::new(code.unwrap_or_default()),
            })
        }),
    ]
}

fn transport_service() -> impl Strategy<Value = TransportService> {
    use transport_service::{FirstSegment, SegmentComplete, SegmentRequest, SegmentWait, SubsequentSegment};
    let session = || (0..16u8).prop_map(SessionId::new);
    let offset = || (0..2048usize).prop_map(|bytes| Offset::new(bytes).unwrap());
    let extension = || option::of(bytes(5).prop_map(Body));
    let payload = || bytes(39).prop_map(Body);
    prop_oneof![
        (offset(), session(), extension(), payload()).prop_map(
            |(datagram_size, session_id, header_extension, partial_datagram)| TransportService::FirstSegment(FirstSegment {
                datagram_size,
                session_id,
                header_extension,
                partial_datagram,
            })
        ),
        (offset(), offset(), session(), extension(), payload()).prop_map(
            |(datagram_size, datagram_offset, session_id, header_extension, partial_datagram)| {
                TransportService::SubsequentSegment(SubsequentSegment {
                    datagram_size,
                    datagram_offset,
                    session_id,
                    header_extension,
                    partial_datagram,
                })
            }
        ),
        (session(), offset()).prop_map(|(session_id, datagram_offset)| {
            TransportService::SegmentRequest(SegmentRequest { session_id, datagram_offset })
        }),
        session().prop_map(|session_id| TransportService::SegmentComplete(SegmentComplete { session_id })),
        any::<u8>().prop_map(|pending_segments| TransportService::SegmentWait(SegmentWait { pending_segments })),
    ]
}

fn time() -> impl Strategy<Value = Time> {
    let changeover = || any::<[u8; 3]>().prop_map(|[month, day, hour]| Changeover { month, day, hour });
    let offset = || {
        (any::<[u8; 3]>(), changeover(), changeover()).prop_map(|([hours, minutes, dst], dst_start, dst_end)| TimeOffset {
            sign_and_hours: hours,
            minutes,
            dst_sign_and_minutes: dst,
            dst_start,
            dst_end,
        })
    };
    prop_oneof![
        Just(Time::TimeGet),
        (any::<bool>(), 0..32u8, any::<[u8; 2]>()).prop_map(|(rtc_failure, hour, [minute, second])| {
            Time::TimeReport(TimeReport { rtc_failure, hour, minute, second })
        }),
        Just(Time::DateGet),
        (any::<u16>(), any::<[u8; 2]>()).prop_map(|(year, [month, day])| Time::DateReport(DateReport { year, month, day })),
        offset().prop_map(Time::TimeOffsetSet),
        Just(Time::TimeOffsetGet),
        offset().prop_map(Time::TimeOffsetReport),
    ]
}

fn time_parameters() -> impl Strategy<Value = TimeParameters> {
    let moment = || {
        (any::<u16>(), any::<[u8; 5]>()).prop_map(|(year, [month, day, hour, minute, second])| DateAndTime {
            year,
            month,
            day,
            hour,
            minute,
            second,
        })
    };
    prop_oneof![moment().prop_map(TimeParameters::Set), Just(TimeParameters::Get), moment().prop_map(TimeParameters::Report)]
}

fn configuration() -> impl Strategy<Value = Configuration> {
    use configuration::{BulkGet, BulkReport, BulkSet, Get, InfoReport, NameReport, ParameterId, PropertiesReport, Report, Set};
    let value = || bytes(7).prop_map(Value::new);
    let values = || {
        (any::<u16>(), 0..8usize, 0..9usize).prop_flat_map(|(first, size, number)| {
            vec(vec(any::<u8>(), size).prop_map(Value::new), number).prop_map(move |values| Values::new(first, &values).unwrap())
        })
    };
    let parameter = || any::<u16>().prop_map(|parameter| ParameterId { parameter });
    let text = || (any::<u16>(), any::<u8>(), bytes(20));
    let properties = (0..8usize).prop_flat_map(|size| {
        let value = || vec(any::<u8>(), size).prop_map(Value::new);
        let flags = (any::<bool>(), any::<bool>(), 0..8u8, option::of(any::<u8>()));
        (any::<u16>(), flags, value(), value(), value(), any::<u16>())
    });
    prop_oneof![
        Just(Configuration::DefaultReset),
        (any::<u8>(), any::<bool>(), value())
            .prop_map(|(parameter, reset_to_default, value)| { Configuration::Set(Set { parameter, reset_to_default, value }) }),
        any::<u8>().prop_map(|parameter| Configuration::Get(Get { parameter })),
        (any::<u8>(), value()).prop_map(|(parameter, value)| Configuration::Report(Report { parameter, value })),
        (any::<bool>(), any::<bool>(), values()).prop_map(|(reset_to_default, handshake, values)| {
            Configuration::BulkSet(BulkSet { reset_to_default, handshake, values })
        }),
        (any::<u16>(), any::<u8>()).prop_map(|(first_parameter, number_of_parameters)| {
            Configuration::BulkGet(BulkGet { first_parameter, number_of_parameters })
        }),
        (any::<u8>(), any::<bool>(), any::<bool>(), values()).prop_map(
            |(reports_to_follow, default_values, is_handshake_response, values)| {
                Configuration::BulkReport(BulkReport { reports_to_follow, default_values, is_handshake_response, values })
            }
        ),
        parameter().prop_map(Configuration::NameGet),
        text().prop_map(|(parameter, reports_to_follow, name)| {
            Configuration::NameReport(NameReport { parameter, reports_to_follow, name })
        }),
        parameter().prop_map(Configuration::InfoGet),
        text().prop_map(|(parameter, reports_to_follow, info)| {
            Configuration::InfoReport(InfoReport { parameter, reports_to_follow, info })
        }),
        parameter().prop_map(Configuration::PropertiesGet),
        properties.prop_map(|(parameter, (alters_capabilities, is_readonly, format, flags), min, max, default, next)| {
            Configuration::PropertiesReport(PropertiesReport {
                parameter,
                alters_capabilities,
                is_readonly,
                format: Format(format),
                min,
                max,
                default,
                next_parameter: next,
                flags,
            })
        }),
    ]
}

fn multi_channel(inner: BoxedStrategy<Command>) -> impl Strategy<Value = MultiChannel> {
    use multi_channel::{
        AggregatedMembersReport, CapabilityReport, CommandEncapsulation, EndPointFind, EndPointFindReport, EndPointId,
        EndPointReport, V1CommandEncapsulation, V1Get, V1Report,
    };
    let endpoint = || 0..0x80u8;
    let id = || endpoint().prop_map(|requested_endpoint| EndPointId { requested_endpoint });
    let class = prop_oneof![(0..0xF1u16).prop_map(ClassId), (0xF100..=0xFFFFu16).prop_map(ClassId)];
    prop_oneof![
        any::<u8>().prop_map(|requested_cc| MultiChannel::V1Get(V1Get { requested_cc })),
        any::<[u8; 2]>()
            .prop_map(|[requested_cc, endpoint_count]| { MultiChannel::V1Report(V1Report { requested_cc, endpoint_count }) }),
        (any::<u8>(), inner.clone()).prop_map(|(instance, command)| {
            MultiChannel::V1CommandEncapsulation(V1CommandEncapsulation { instance, command: Box::new(command) })
        }),
        Just(MultiChannel::EndPointGet),
        (any::<[bool; 2]>(), endpoint(), option::of(endpoint())).prop_map(
            |([count_is_dynamic, identical_capabilities], individual_count, aggregated_count)| {
                MultiChannel::EndPointReport(EndPointReport {
                    count_is_dynamic,
                    identical_capabilities,
                    individual_count,
                    aggregated_count,
                })
            }
        ),
        id().prop_map(MultiChannel::CapabilityGet),
        (endpoint(), any::<bool>(), any::<[u8; 2]>(), vec(class, 0..9)).prop_map(
            |(endpoint, is_dynamic, [generic_device_class, specific_device_class], supported_ccs)| {
                MultiChannel::CapabilityReport(CapabilityReport {
                    endpoint,
                    is_dynamic,
                    generic_device_class,
                    specific_device_class,
                    supported_ccs,
                })
            }
        ),
        any::<[u8; 2]>().prop_map(|[generic_class, specific_class]| {
            MultiChannel::EndPointFind(EndPointFind { generic_class, specific_class })
        }),
        (any::<[u8; 3]>(), vec(endpoint(), 0..9)).prop_map(
            |([reports_to_follow, generic_class, specific_class], found_endpoints)| {
                MultiChannel::EndPointFindReport(EndPointFindReport {
                    reports_to_follow,
                    generic_class,
                    specific_class,
                    found_endpoints,
                })
            }
        ),
        (endpoint(), any::<u8>(), inner).prop_map(|(source, destination, command)| {
            MultiChannel::CommandEncapsulation(CommandEncapsulation {
                source,
                destination: Destination(destination),
                command: Box::new(command),
            })
        }),
        id().prop_map(MultiChannel::AggregatedMembersGet),
        (endpoint(), prop::collection::btree_set(1..=127u8, 0..9)).prop_map(|(aggregated_endpoint_index, members)| {
            MultiChannel::AggregatedMembersReport(AggregatedMembersReport { aggregated_endpoint_index, members })
        }),
    ]
}

/// A command that carries none.
fn extension() -> impl Strategy<Value = Extension> {
    (0..64u8, any::<bool>(), bytes(20)).prop_map(|(kind, critical, data)| Extension {
        kind: ExtensionType(kind),
        critical,
        data: Body(data),
    })
}

fn security_2() -> impl Strategy<Value = Security2> {
    use security_2::*;
    let encapsulation = (any::<u8>(), any::<u8>(), vec(extension(), 0..3), bytes(40));
    let classes = || vec((1..0xEFu16).prop_map(ClassId), 0..5);
    prop_oneof![
        any::<u8>().prop_map(|n| Security2::NonceGet(NonceGet { sequence: SequenceNumber(n) })),
        (any::<u8>(), option::of(any::<[u8; 16]>()), any::<bool>()).prop_map(|(n, entropy, multicast_out_of_sync)| {
            let entropy = entropy.map(EntropyInput);
            Security2::NonceReport(NonceReport { sequence: SequenceNumber(n), entropy, multicast_out_of_sync })
        }),
        encapsulation.prop_map(|(n, flags, extensions, sealed)| {
            Security2::MessageEncapsulation(MessageEncapsulation {
                sequence: SequenceNumber(n),
                reserved: flags & 0xFC,
                extensions,
                has_encrypted_extension: flags & 0x02 != 0,
                sealed: Body(sealed),
            })
        }),
        prop::sample::select(vec![Security2::KEXGet, Security2::NetworkKeyVerify, Security2::CommandsSupportedGet]),
        any::<[u8; 4]>().prop_map(|[flags, schemes, curves, keys]| {
            Security2::KEXReport(KexReport {
                flags: KexFlags(flags),
                schemes: Schemes(schemes),
                curves: Curves(curves),
                requested_keys: KeyMask(keys),
            })
        }),
        any::<[u8; 4]>().prop_map(|[flags, scheme, curve, keys]| {
            Security2::KEXSet(KexSet {
                flags: KexFlags(flags),
                scheme: Schemes(scheme),
                curve: Curves(curve),
                granted_keys: KeyMask(keys),
            })
        }),
        any::<u8>().prop_map(|n| Security2::KEXFail(KexFail { fail_type: FailType(n) })),
        any::<(bool, [u8; 32])>().prop_map(|(including_node, key)| {
            Security2::PublicKeyReport(PublicKeyReport { including_node, public_key: PublicKey(key) })
        }),
        any::<u8>().prop_map(|n| Security2::NetworkKeyGet(NetworkKeyGet { requested_key: KeyMask(n) })),
        any::<(u8, [u8; 16])>().prop_map(|(n, key)| {
            Security2::NetworkKeyReport(NetworkKeyReport { granted_key: KeyMask(n), network_key: Key::from_bytes(key) })
        }),
        any::<[bool; 2]>().prop_map(|[key_verified, key_request_complete]| {
            Security2::TransferEnd(TransferEnd { key_verified, key_request_complete })
        }),
        (classes(), classes()).prop_map(|(supported, controlled)| {
            Security2::CommandsSupportedReport(CommandsSupportedReport { supported, controlled })
        }),
    ]
}

fn bare() -> BoxedStrategy<Command> {
    prop_oneof![
        application_status().prop_map(Command::ApplicationStatus),
        door_lock_logging().prop_map(Command::DoorLockLogging),
        transport_service().prop_map(Command::TransportService),
        Just(Command::DeviceResetLocally(DeviceResetLocally::Notification)),
        configuration().prop_map(Command::Configuration),
        security_2().prop_map(Command::Security2),
        time().prop_map(Command::Time),
        time_parameters().prop_map(Command::TimeParameters),
    ]
    .boxed()
}

/// `inner`, or a command around it.
fn around(inner: BoxedStrategy<Command>) -> BoxedStrategy<Command> {
    prop_oneof![
        inner.clone(),
        multi_channel(inner.clone()).prop_map(Command::MultiChannel),
        inner.clone().prop_map(|command| {
            let encapsulated = crc16_encapsulation::CommandEncapsulation { command: Box::new(command) };
            Command::Crc16Encapsulation(Crc16Encapsulation::CommandEncapsulation(encapsulated))
        }),
        vec(inner, 0..3).prop_map(|commands| {
            Command::MultiCommand(MultiCommand::CommandEncapsulation(multi_command::CommandEncapsulation { commands }))
        }),
    ]
    .boxed()
}

proptest! {
    #[test]
    fn what_we_say_is_what_a_node_with_our_codec_hears(command in around(around(bare()))) {
        let written = command.write();
        // A command inside Multi Command has a length of one byte.
        prop_assume!(written.len() < 256);
        prop_assert_eq!(Command::parse(&written), Ok(command));
    }
}
