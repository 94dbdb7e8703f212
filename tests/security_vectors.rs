//! The primitives and derivations of S0 and S2 against known answers (`data/vectors/security.json`): NIST, RFC 4493, the
//! reference S2 library and Z-Wave JS. Every group names how many vectors it has, so that none is skipped in silence.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking, too")]

use latchkey::command::codec::hex;
use latchkey::command::user_code::crc16;
use latchkey::security::crypto::ctr_drbg::CtrDrbg;
use latchkey::security::crypto::derive::{EntropyInput, ExpandedKey, NoncePrk, TempPrk};
use latchkey::security::crypto::x25519::{PrivateKey, PublicKey, SharedSecret};
use latchkey::security::crypto::{Key, aes, ccm};
use serde_json::Value;

const VECTORS: &str = include_str!("data/vectors/security.json");

fn vectors() -> Value {
    serde_json::from_str(VECTORS).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap();
    digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

fn key(value: &Value) -> Key {
    Key::from_bytes(array(value))
}

fn list(value: &Value, len: usize) -> Vec<Value> {
    let list = value.as_array().unwrap();
    assert_eq!(list.len(), len);
    list.clone()
}

fn assert_expanded(expanded: &ExpandedKey, vector: &Value, [ccm, personalization, mpan]: [&str; 3]) {
    assert_eq!(expanded.ccm, key(&vector[ccm]), "{vector}");
    assert_eq!(expanded.personalization.reveal(), &array(&vector[personalization]), "{vector}");
    assert_eq!(expanded.mpan, key(&vector[mpan]), "{vector}");
}

const EXPANDED: [&str; 3] = ["key_ccm", "personalization", "key_mpan"];

#[test]
fn no_group_of_the_vectors_is_forgotten() {
    let vectors = vectors();
    let groups: Vec<&str> = vectors.as_object().unwrap().keys().map(String::as_str).collect();
    let here =
        ["primitives", "s2_libs2_published", "s2_kex", "s2_network_keys", "s2_span", "s2_frames", "s2_mpan", "s0", "crc16"];
    // What S0 frames, nonce commands and labels say is for who takes them apart.
    let elsewhere = ["_about", "s2_nonce_commands", "dsk", "smartstart_qr"];
    assert_eq!(groups.len(), here.len() + elsewhere.len());
    assert!(groups.iter().all(|group| here.contains(group) || elsewhere.contains(group)), "{groups:?}");
}

#[test]
fn one_block_of_aes() {
    for vector in list(&vectors()["primitives"]["aes128_ecb"], 1) {
        assert_eq!(aes::ecb(&key(&vector["key"]), &array(&vector["in"])), array(&vector["out"]));
    }
}

#[test]
fn cmac_of_nothing_of_a_block_and_of_a_part_of_one() {
    for vector in list(&vectors()["primitives"]["aes_cmac"], 3) {
        let (key, message, mac) = (key(&vector["key"]), bytes(&vector["msg"]), array(&vector["mac"]));
        assert_eq!(aes::cmac(&key, &[&message]), mac);
        let (first, second) = message.split_at(message.len() / 3);
        assert_eq!(aes::cmac(&key, &[first, second]), mac, "where the parts meet makes no difference");
    }
}

#[test]
fn cbc_mac_pads_with_zeros() {
    for vector in list(&vectors()["primitives"]["aes_cbcmac8"], 1) {
        assert_eq!(aes::cbc_mac(&key(&vector["key"]), &bytes(&vector["msg"]))[..8], bytes(&vector["mac8"]));
    }
}

#[test]
fn ofb_takes_any_length_in_both_directions() {
    for vector in list(&vectors()["primitives"]["aes_ofb"], 1) {
        let (key, iv, plain, sealed) = (key(&vector["key"]), array(&vector["iv"]), bytes(&vector["in"]), bytes(&vector["out"]));
        let mut data = plain.clone();
        aes::ofb(&key, &iv, &mut data);
        assert_eq!(data, sealed);
        aes::ofb(&key, &iv, &mut data);
        assert_eq!(data, plain);
    }
}

/// Both ways, and once with each bit of everything wrong.
fn assert_sealed(key: &Key, nonce: &[u8; 13], aad: &[u8], plain: &[u8], sealed: &[u8]) {
    assert_eq!(hex(&ccm::seal(key, nonce, aad, plain).unwrap()), hex(sealed));
    assert_eq!(ccm::open(key, nonce, aad, sealed).unwrap().as_slice(), plain);
    for bit in 0..8 * sealed.len() {
        let mut damaged = sealed.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(ccm::open(key, nonce, aad, &damaged).is_none());
    }
    for bit in 0..8 * aad.len() {
        let mut damaged = aad.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(ccm::open(key, nonce, &damaged, sealed).is_none());
    }
    for cut in 0..sealed.len() {
        assert!(ccm::open(key, nonce, aad, &sealed[..cut]).is_none());
    }
}

#[test]
fn ccm_seals_and_opens_what_others_sealed() {
    for vector in list(&vectors()["primitives"]["aes_ccm"], 2) {
        let (nonce, aad) = (array(&vector["nonce13"]), bytes(&vector["aad"]));
        assert_sealed(&key(&vector["key"]), &nonce, &aad, &bytes(&vector["plain"]), &bytes(&vector["cipher_and_tag8"]));
    }
}

#[test]
fn ctr_drbg_draws_what_nist_says() {
    for vector in list(&vectors()["primitives"]["ctr_drbg_aes128_no_df"], 2) {
        let mut drbg = CtrDrbg::new(&array(&vector["entropy"]), &array(&vector["personalization"]));
        let mut drawn = [0; 64];
        drbg.generate(&mut drawn);
        drbg.generate(&mut drawn);
        assert_eq!(drawn, array(&vector["second_generate_of_64_bytes"]));
    }
}

#[test]
fn derivations_are_those_the_reference_library_publishes() {
    let group = &vectors()["s2_libs2_published"];
    assert_eq!(group.as_object().unwrap().len(), 3 + 1);
    let expand = &group["network_key_expand"];
    assert_expanded(&ExpandedKey::of_network_key(&key(&expand["network_key"])), expand, EXPANDED);

    let extract = &group["temp_extract"];
    let both = bytes(&extract["pubA_then_pubB"]);
    let (including, joining) = both.split_at(32);
    let shared = SharedSecret::from_bytes(array(&extract["shared_secret"]));
    let prk = TempPrk::extract(&shared, &PublicKey(including.try_into().unwrap()), &PublicKey(joining.try_into().unwrap()));
    assert_eq!(prk.reveal(), &array(&extract["prk"]));

    let expand = &group["temp_expand"];
    assert_expanded(&ExpandedKey::temporary(&TempPrk::from_bytes(array(&expand["prk"]))), expand, EXPANDED);
}

#[test]
fn both_sides_of_a_bootstrapping_come_to_the_same_temporary_key() {
    let kex = &vectors()["s2_kex"];
    let (a, b) = (PrivateKey::from_bytes(array(&kex["private_A"])), PrivateKey::from_bytes(array(&kex["private_B"])));
    let (including, joining) = (PublicKey(array(&kex["public_A_including"])), PublicKey(array(&kex["public_B_joining"])));
    assert_eq!((a.public(), b.public()), (including, joining));
    for (ours, theirs) in [(&a, &joining), (&b, &including)] {
        let shared = ours.agree(theirs).unwrap();
        assert_eq!(shared.reveal(), &array(&kex["shared_secret"]));
        let prk = TempPrk::extract(&shared, &including, &joining);
        assert_eq!(prk.reveal(), &array(&kex["temp_prk"]));
        assert_expanded(&ExpandedKey::temporary(&prk), kex, ["temp_key_ccm", "temp_personalization", "temp_key_mpan"]);
    }
}

#[test]
fn every_network_key_expands_to_its_three_keys() {
    let group = &vectors()["s2_network_keys"]["keys"];
    assert_eq!(group.as_object().unwrap().len(), 6);
    for vector in group.as_object().unwrap().values() {
        assert_expanded(&ExpandedKey::of_network_key(&key(&vector["network_key"])), vector, EXPANDED);
    }
}

fn generator(expanded: &ExpandedKey, vector: &Value) -> CtrDrbg {
    let prk = NoncePrk::extract(&EntropyInput(array(&vector["sender_EI"])), &EntropyInput(array(&vector["receiver_EI"])));
    CtrDrbg::new(prk.mixed_entropy().reveal(), expanded.personalization.reveal())
}

fn draw(drbg: &mut CtrDrbg) -> [u8; 16] {
    let mut drawn = [0; 16];
    drbg.generate(&mut drawn);
    drawn
}

#[test]
fn the_nonces_of_two_peers_are_those_of_the_reference_library() {
    let span = &vectors()["s2_span"];
    let prk = NoncePrk::extract(&EntropyInput(array(&span["sender_EI"])), &EntropyInput(array(&span["receiver_EI"])));
    assert_eq!(prk.reveal(), &array(&span["nonce_prk"]));
    assert_eq!(prk.mixed_entropy().reveal(), &array(&span["mei"]));

    let mut drbg = generator(&ExpandedKey::of_network_key(&key(&span["network_key"])), span);
    let steps = list(&span["generator_steps"], 6);
    for (nonce, step) in list(&span["nonces_13"], 6).iter().zip(steps) {
        let drawn = draw(&mut drbg);
        assert_eq!(drawn, array(&step["full_16_byte_output"]));
        assert_eq!(drawn[..13], bytes(nonce));
    }
}

#[test]
fn multicast_nonces_carry_over_the_byte_boundary() {
    let group = &vectors()["s2_mpan"];
    let mut state = None;
    for step in list(&group["steps"], 4) {
        let inner = u128::from_be_bytes(array(&step["inner_state"]));
        assert!(state.replace(inner).is_none_or(|before| before + 1 == inner), "the steps follow each other");
        let mpan = aes::ecb(&key(&group["key_mpan"]), &inner.to_be_bytes());
        assert_eq!(mpan, array(&step["mpan_16"]));
        assert_eq!(mpan[..13], bytes(&step["nonce_13"]));
    }
}

#[test]
fn every_s2_frame_is_sealed_under_the_nonce_and_the_header_that_others_used() {
    let vectors = vectors();
    for frame in list(&vectors["s2_frames"]["frames"], 9) {
        let network_key = key(&vectors["s2_network_keys"]["keys"][frame["key"].as_str().unwrap()]["network_key"]);
        let expanded = ExpandedKey::of_network_key(&network_key);
        let plain = [bytes(&frame["encrypted_extensions"]), bytes(&frame["plain_command"])].concat();
        let (nonce, aad) = (array(&frame["nonce"]), bytes(&frame["aad"]));
        assert_sealed(&expanded.ccm, &nonce, &aad, &plain, &bytes(&frame["ciphertext_and_tag"]));
        if frame["sender_EI"].is_string() {
            assert_eq!(frame["span_index"], 0);
            assert_eq!(draw(&mut generator(&expanded, &frame))[..13], nonce);
        }
    }
}

#[test]
fn s0_needs_three_of_the_primitives() {
    let group = &vectors()["s0"];
    let keys = list(&group["keys"], 2);
    for vector in &keys {
        let network_key = key(&vector["network_key"]);
        assert_eq!(aes::ecb(&network_key, &[0x55; 16]), array(&vector["auth_key"]));
        assert_eq!(aes::ecb(&network_key, &[0xAA; 16]), array(&vector["enc_key"]));
    }
    for frame in list(&group["frames"], 7) {
        let fits = keys.iter().filter(|keys| {
            let mut data = [bytes(&frame["control_byte"]), bytes(&frame["plain_command"])].concat();
            aes::ofb(&key(&keys["enc_key"]), &array(&frame["iv"]), &mut data);
            let mac = aes::cbc_mac(&key(&keys["auth_key"]), &bytes(&frame["mac_input"]));
            data == bytes(&frame["ciphertext"]) && mac[..8] == bytes(&frame["mac"])
        });
        assert_eq!(fits.count(), 1, "{frame}");
    }
}

#[test]
fn the_checksum_of_old_frames() {
    for vector in list(&vectors()["crc16"]["vectors"], 4) {
        assert_eq!(crc16(&bytes(&vector["data"])).to_be_bytes(), array(&vector["crc"]), "{vector}");
    }
}
