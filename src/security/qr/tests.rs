use proptest::prelude::*;
use serde_json::Value;

use super::*;

const CODE: &str = "900112409132136962939813912329774477812954572330850400101638700768022000297330310409600258";

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../../../tests/data/vectors/security.json")).unwrap();
    file["smartstart_qr"]["codes"].as_array().unwrap().clone()
}

/// A code with a right checksum: what a maker printed, whatever it says.
fn printed(version: &str, covered: &str) -> String {
    let [first, second, ..] = <[u8; 20]>::from(Sha1::digest(covered.as_bytes()));
    format!("90{version}{:05}{covered}", u16::from_be_bytes([first, second]))
}

/// A code with these fields behind the usual beginning.
fn with_fields(fields: &str) -> Result<QrCode, InvalidQr> {
    QrCode::parse(&printed("01", &format!("{}{fields}", &CODE[COVERED..FIELDS])))
}

const PRODUCT: &str = "00101638700768022000297330310409600258";

#[test]
fn every_recorded_qr_code_is_parsed() {
    let vectors = vectors();
    assert!(vectors.len() >= 3);
    for vector in vectors {
        let code = QrCode::parse(vector["text"].as_str().unwrap()).unwrap();
        assert_eq!(code.version == QrVersion::SmartStart, vector["version"] == 1, "{vector}");
        assert_eq!(code.requested.0, vector["requested_keys"], "{vector}");
        assert_eq!(code.dsk.text(), vector["dsk"], "{vector}");
        let (kind, product) = (code.product_type, code.product_id);
        let fields = [
            ("generic", u64::from(kind.generic)),
            ("specific", kind.specific.into()),
            ("installer_icon", kind.installer_icon.into()),
            ("manufacturer_id", product.manufacturer.into()),
            ("product_type", product.product_type.into()),
            ("product_id", product.product.into()),
            ("max_inclusion_request_interval_s", code.max_inclusion_request_interval.map_or(0, |it| it.as_secs())),
        ];
        for (name, ours) in fields {
            if let Some(theirs) = vector[name].as_u64() {
                assert_eq!(ours, theirs, "{name} of {vector}");
            }
        }
        if let Some(version) = vector["application_version"].as_str() {
            assert_eq!(format!("{}.{}", product.application.0, product.application.1), version);
        }
        let networks = vector["supported_protocols"].as_array().map(|networks| networks.len());
        let ours = code.protocols.map(|it| usize::from(it.classic) + usize::from(it.long_range));
        assert_eq!(ours, networks, "{vector}");
    }
}

#[test]
fn every_digit_that_is_misread_is_noticed() {
    for at in 0..CODE.len() {
        let digit = CODE.as_bytes()[at];
        let other = if digit == b'9' { b'0' } else { digit + 1 };
        let mut misread = CODE.as_bytes().to_vec();
        misread[at] = other;
        let error = QrCode::parse(std::str::from_utf8(&misread).unwrap());
        assert!(error.is_err(), "digit {at}");
        if at >= 4 {
            assert_eq!(error, Err(InvalidQr::Checksum), "digit {at}");
        }
    }
}

#[test]
fn each_fault_has_its_own_name() {
    assert_eq!(QrCode::parse("https://example.org"), Err(InvalidQr::NotZWave));
    assert_eq!(QrCode::parse(&CODE[..51]), Err(InvalidQr::TooShort(51)));
    assert_eq!(QrCode::parse(&CODE.replacen("409", "4O9", 1)), Err(InvalidQr::NotDigits(8)));
    assert_eq!(QrCode::parse(&CODE.replacen("9001", "9007", 1)), Err(InvalidQr::UnknownVersion(7)));
    assert_eq!(QrCode::parse(&CODE[..80]), Err(InvalidQr::Checksum));

    let dsk = &CODE[COVERED + 3..FIELDS];
    let covered = |keys: &str, dsk: &str| QrCode::parse(&printed("01", &format!("{keys}{dsk}{PRODUCT}")));
    assert_eq!(covered("999", dsk), Err(InvalidQr::Number(Field::RequestedKeys)));
    assert_eq!(covered("000", dsk), Err(InvalidQr::NoKeys));
    assert_eq!(covered("132", &dsk.replacen("13696", "93696", 1)), Err(InvalidQr::Number(Field::Dsk)));

    assert_eq!(with_fields(&PRODUCT[..14]), Err(InvalidQr::Missing(Field::ProductId)));
    assert_eq!(with_fields(&PRODUCT[14..]), Err(InvalidQr::Missing(Field::ProductType)));
    assert_eq!(with_fields("0009163870076"), Err(InvalidQr::Length(Field::ProductType)));
    assert_eq!(with_fields("00109638700768"), Err(InvalidQr::Number(Field::ProductType)));
    assert_eq!(with_fields(&format!("{PRODUCT}{}", &PRODUCT[..14])), Err(InvalidQr::Twice(Field::ProductType)));
    assert_eq!(with_fields(&format!("{PRODUCT}0403005")), Err(InvalidQr::Length(Field::Interval)));
    assert_eq!(with_fields(&format!("{PRODUCT}0402")), Err(InvalidQr::CutField));
    assert_eq!(with_fields(&format!("{PRODUCT}06100000000000")), Err(InvalidQr::Length(Field::Uuid)));
    assert_eq!(with_fields(&format!("{PRODUCT}080413  ")), Err(InvalidQr::Checksum));
    assert_eq!(with_fields(&format!("{PRODUCT}110200")), Err(InvalidQr::UnknownCritical(5)));
    let told = InvalidQr::UnknownCritical(5).to_string();
    assert!(told.contains("PIN"), "{told}");
}

#[test]
fn a_field_of_later_years_that_is_not_critical_does_not_shut_a_device_out() {
    let uuid = "00258".repeat(8);
    let code = with_fields(&format!("{PRODUCT}10041234064206{uuid}0803003")).unwrap();
    assert_eq!(code.ignored, [5]);
    assert_eq!(code.uuid, Some(Uuid16 { format: 6, bytes: [1, 2].repeat(8).try_into().unwrap() }));
    assert_eq!(code.protocols, Some(Protocols { classic: true, long_range: true }));
}

#[test]
fn networks_in_two_three_or_five_digits_are_the_same() {
    for value in ["02", "002", "00002"] {
        let code = with_fields(&format!("{PRODUCT}08{:02}{value}", value.len())).unwrap();
        assert_eq!(code.protocols, Some(Protocols { classic: false, long_range: true }));
    }
}

#[test]
fn what_a_scanner_puts_behind_the_code_is_dropped() {
    let code = QrCode::parse(CODE).unwrap();
    for tail in ["\r\n", "  ", "http://example.org", "123456", "0402050"] {
        assert_eq!(QrCode::parse(&format!("{CODE}{tail}")), Ok(code.clone()), "{tail:?}");
    }
}

proptest! {
    #[test]
    fn no_text_of_a_camera_can_panic(text in "90[0-9]{0,120}.{0,9}") {
        let _ = QrCode::parse(&text);
    }

    #[test]
    fn no_printed_code_can_panic(covered in "[0-9]{43,120}", version in "0[01]") {
        let _ = QrCode::parse(&printed(&version, &covered));
    }
}
