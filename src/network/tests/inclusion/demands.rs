//! What the operator supplied is a demand, and nothing is granted that was not asked for.

use super::*;

/// Nothing that holds a key of ours went to the device.
fn assert_no_key_left(scene: &Scene, case: &str) {
    let at = scene.at;
    let sent = scene.bench.sent_to(at);
    let keys = |(_, command): &&(Instant, Command)| {
        let grants = matches!(command, Command::Security2(Security2::KEXSet(_) | Security2::MessageEncapsulation(_)));
        grants || command.class() == ClassId::SECURITY
    };
    assert_eq!(sent.iter().filter(keys).count(), 0, "{case}: {sent:?}");
    if let Device::S2(joiner) = &scene.device {
        assert!(joiner.learnt.is_empty(), "{case}");
    }
}

#[test]
fn a_stranger_that_is_quicker_gets_no_key_where_a_pin_was_given() {
    for keys in [0x01, 0x80, 0x81] {
        let case = format!("keys {keys:02x}");
        let mut scene = Scene::s2_with(KeyMask(keys), NEW);
        // As a plug, too: what a device is, it says in clear.
        scene.bench.controller.joins.as_mut().unwrap().1.generic = 0x10;
        scene.include(best(Some(DskPin::new(8_015))));
        scene.run(10_000);
        let failed = Failed { why: Reason::S2(key_exchange::Failure::Unproven), left: Some(NEW) };
        assert_eq!(scene.ended(), Some(Err(failed)), "{case}");
        assert!(!scene.progress().iter().any(|it| matches!(it, Progress::Asked(_))), "{case}: nothing is left to ask");
        assert_no_key_left(&scene, &case);
        assert_eq!(scene.joiner().failed, Some(FailType::KEX_KEY), "{case}");

        // In the place of a failed lock.
        let mut scene = Scene::s2_with(KeyMask(keys), LOCK);
        scene.bench.controller.joins = None;
        scene.bench.controller.nodes.get_mut(&LOCK).unwrap().listens = false;
        scene.begin(Change::ReplaceFailed(LOCK, best(Some(DskPin::new(8_015))))).unwrap();
        scene.heard = scene.bench.sent_to(LOCK).len();
        scene.run(12_000);
        assert!(matches!(scene.ended(), Some(Err(Failed { why: Reason::S2(key_exchange::Failure::Unproven), .. }))), "{case}");
        assert!(scene.joiner().learnt.is_empty(), "{case}");
    }
}

#[test]
fn a_scanned_label_gives_no_key_to_a_device_that_does_not_prove_itself() {
    use key_exchange::Failure;
    // What it asks for, what its label names, and why it is refused.
    for (keys, label, why) in [
        (0x81, 0x87, Failure::Unproven),
        (0x80, 0x87, Failure::Unproven),
        (0x85, 0x81, Failure::Unproven),
        (0x83, 0x87, Failure::TooWeak),
    ] {
        let mut scene = Scene::s2_with(KeyMask(keys), NEW);
        let device = ExpectedDevice { keys: KeyMask(label), ..expected(&mut scene, false) };
        let dsk = device.dsk.clone();
        expect(&mut scene, vec![device]);
        call(&mut scene, &dsk, false);
        scene.run(5_000);
        let Some(Err(Failed { why: Reason::S2(ended), .. })) = scene.ended() else { panic!("{keys:02x}: {:?}", scene.ended()) };
        assert_eq!(ended, why, "keys {keys:02x}, label {label:02x}");
        assert_no_key_left(&scene, &format!("keys {keys:02x}, label {label:02x}"));
    }
}

#[test]
fn an_unauthenticated_device_gets_only_keys_that_the_user_grants() {
    let asked = || {
        let mut scene = Scene::s2_with(KeyMask(0x81), NEW);
        scene.bench.controller.joins.as_mut().unwrap().1.generic = 0x10;
        scene.include(best(None));
        scene.run(10_000);
        let question = JoinQuestion::Keys { requested: KeyMask(0x81), for_door: false };
        assert_eq!(scene.progress().last(), Some(&Progress::Asked(question)));
        assert_no_key_left(&scene, "nobody answered yet");
        scene
    };
    let mut scene = asked();
    assert_eq!(scene.grant(KeyMask(0x04)), Err(JoinInputRejected::NotOffered));
    scene.grant(KeyMask(0x01)).unwrap();
    scene.run(10_000);
    let included = Ended::Included { node: NEW, security: SecurityClass::S2Unauthenticated, warning: None };
    assert_eq!(scene.ended(), Some(Ok(included)));
    let learnt: Vec<KeyId> = scene.joiner().learnt.keys().copied().collect();
    assert_eq!(learnt, [KeyId::Unauthenticated], "the S0 key was not named");

    let mut scene = asked();
    scene.grant(KeyMask::NONE).unwrap();
    scene.run(5_000);
    let why = Reason::S2(key_exchange::Failure::Cancelled);
    assert_eq!(scene.ended(), Some(Err(Failed { why, left: Some(NEW) })));
    assert_no_key_left(&scene, "no");

    let mut scene = asked();
    scene.run(250_000);
    let why = Reason::S2(key_exchange::Failure::NobodyAnswered);
    assert_eq!(scene.ended(), Some(Err(Failed { why, left: Some(NEW) })), "no answer is no");
    assert_no_key_left(&scene, "no answer");
}

#[test]
fn a_lock_below_access_control_joins_only_if_the_user_agrees() {
    for (keys, pin) in [(0x01, false), (0x02, true), (0x83, true)] {
        let begin = || {
            let mut scene = Scene::s2_with(KeyMask(keys), NEW);
            let pin = pin.then(|| scene.joiner().pin());
            scene.include(best(pin));
            scene.run(5_000);
            let is_asked = matches!(scene.progress().last(), Some(Progress::Asked(JoinQuestion::Keys { .. })));
            assert!(is_asked, "{keys:02x}: {:?}", scene.progress());
            assert_no_key_left(&scene, "nobody answered yet");
            scene
        };
        let mut scene = begin();
        scene.grant(KeyMask::NONE).unwrap();
        scene.run(2_000);
        assert!(matches!(scene.ended(), Some(Err(_))));
        assert_no_key_left(&scene, "no");

        let mut scene = begin();
        if keys == 0x83 {
            assert_eq!(
                scene.grant(KeyMask(0x80)),
                Err(JoinInputRejected::NotOffered),
                "its PIN was given, and S0 does not prove it"
            );
        }
        scene.grant(KeyMask(keys & 0x03)).unwrap();
        scene.run(12_000);
        let Some(Ok(Ended::Included { warning, .. })) = scene.ended() else { panic!("{keys:02x}: {:?}", scene.ended()) };
        assert_eq!(warning, Some(Warning::BelowAccessControl));
        assert!(scene.node(NEW).unwrap().insecure_allowed);
    }
}

#[test]
fn a_lock_whose_s2_was_taken_out_of_its_node_information_gets_no_s0_key_where_a_pin_was_given() {
    let mut scene = Scene::s0(true);
    scene.include(best(Some(DskPin::new(8_015))));
    scene.run(10_000);
    assert_eq!(scene.ended(), Some(Err(Failed { why: Reason::NoS2Offered, left: Some(NEW) })));
    assert_no_key_left(&scene, "stripped");
    assert!(Reason::NoS2Offered.to_string().contains("did not offer S2"));
}

#[test]
fn a_pin_is_not_forgotten_where_it_would_prove_nothing() {
    for security in [JoinSecurity::S0, JoinSecurity::Insecure] {
        let mut scene = Scene::s2();
        let begun = scene.begin(Change::Include(Terms { security, pin: Some(DskPin::new(1)) }));
        assert_eq!(begun, Err(CannotBegin::PinNeedsS2));
    }
}
