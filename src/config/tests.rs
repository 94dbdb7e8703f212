use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse("latchkey.toml", text, [])
}

fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn env<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_template_says_the_defaults() {
    assert_eq!(parse(TEMPLATE).unwrap(), Config::default());
    assert_eq!(parse("").unwrap(), Config::default());
}

#[test]
fn every_example_in_the_template_is_accepted_where_it_stands() {
    let mut section = String::new();
    let mut examples = 0;
    for line in TEMPLATE.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        if bare.starts_with('[') {
            section = bare.to_owned();
        }
        let is_example = line.starts_with("# ") && bare.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        if !is_example {
            continue;
        }
        examples += 1;
        let needs = match bare.split_once(" = ").unwrap().0 {
            "url" => "",
            "password_file" => "url = \"mqtt://h\"\nusername = \"u\"\n",
            "client_cert_file" => "url = \"mqtts://h\"\nclient_key_file = \"k\"\n",
            "client_key_file" => "url = \"mqtts://h\"\nclient_cert_file = \"c\"\n",
            _ if section == "[mqtt]" => "url = \"mqtts://h\"\n",
            _ => "",
        };
        parse(&format!("{section}\n{needs}{bare}\n")).unwrap_or_else(|error| panic!("{bare}: {error}"));
    }
    assert!(examples > 12, "the template lost its examples: {examples}");
}

#[test]
fn the_keys_of_the_contract_are_read() {
    let config = parse(
        r#"
        [serial]
        port = "tcp://127.0.0.1:5555"
        soft_reset = "never"
        [store]
        path = "/data/l.db"
        key_file = "/data/l.key"
        [mqtt]
        url = "mqtts://broker.example"
        base = "home/doors"
        username = "u"
        password_file = "/p"
        ca_file = "/ca"
        publish_names = "id"
        [web]
        listen = "[::1]:80"
        trusted_proxy = ["10.0.0.1"]
        metrics = "full"
        [api]
        socket = "/s"
        [home]
        name = "Unit 4"
        time_zone = "Europe/Paris"
        code_length = 6
        [zwave]
        region = "us_lr"
        keys_file = "/keys.json"
        check_interval = "7d"
        frame_budget_per_day = 12
        "#,
    )
    .unwrap();
    assert_eq!(config.serial.port, Some(SerialPort::Tcp { host: "127.0.0.1".into(), port: 5555 }));
    assert_eq!(config.serial.soft_reset, SoftReset::Never);
    let mqtt = config.mqtt.unwrap();
    assert_eq!(mqtt.url, BrokerUrl { tls: true, host: "broker.example".into(), port: 8883 });
    assert_eq!((mqtt.base.as_str(), mqtt.publish_names), ("home/doors", PublishNames::Id));
    assert_eq!(config.web.listen.to_string(), "[::1]:80");
    assert_eq!((config.web.metrics, Config::default().web.metrics), (Metrics::Full, Metrics::Plain));
    assert_eq!(config.home.time_zone.iana_name(), Some("Europe/Paris"));
    assert_eq!(config.home.code_length, CodeLength::Digits(6));
    assert_eq!(config.zwave.region.map(|region| region.0), Some(9));
    assert_eq!(config.zwave.keys, Some(NetworkKeys::File("/keys.json".into())));
    assert_eq!(config.zwave.check_interval, Duration::from_secs(7 * 24 * 3600));
}

#[test]
fn a_misspelt_key_is_named_with_its_line_and_the_right_one() {
    let text = error("[home]\nname = \"x\"\ntimezone = \"UTC\"\n");
    assert_eq!(text, "latchkey.toml:3: there is no key home.timezone; did you mean time_zone?");
    assert_eq!(error("[hone]\n"), "latchkey.toml:1: there is no section hone; did you mean [home]?");
    assert!(error("[home]\nsocket = \"/x\"\n").ends_with("socket belongs below [api]"));
    assert!(error("time_zone = \"UTC\"\n").ends_with("time_zone belongs below [home]"));
    assert!(error("[api]\nzzzzzz = 1\n").ends_with("[api] has socket"));
}

#[test]
fn a_bad_value_says_what_to_write() {
    for (text, line, what, remedy) in [
        ("[home]\ntime_zone = \"Europe/Pariss\"", 2, "home.time_zone", "Europe/Paris"),
        ("[home]\ncode_length = 3", 2, "home.code_length is 3", "4 to 10"),
        ("[home]\ncode_length = 260", 2, "home.code_length is 260", "4 to 10"),
        ("[serial]\nport = 5", 2, "serial.port is a number", "/dev/serial/by-id"),
        ("[serial]\nport = \"tcp://x\"", 2, "serial.port", "tcp://host:port"),
        ("[serial]\nport = \"udp://x:1\"", 2, "serial.port starts with udp://", "tcp://host:port"),
        ("[serial]\nport = true", 2, "serial.port can't be true or false", "latchkey config"),
        ("[web]\nlisten = \"localhost\"", 2, "web.listen is \"localhost\"", "127.0.0.1:8480"),
        ("[web]\nmetrics = \"all\"", 2, "web.metrics is \"all\"", "\"plain\" or \"full\""),
        ("[web]\ntrusted_proxy = [\"x\"]", 2, "web.trusted_proxy", "192.0.2.1"),
        ("[web]\ntrusted_proxy = [1]", 2, "web.trusted_proxy can't be a list of anything but texts", ""),
        ("[mqtt]\nbase = \"a/#\"\nurl = \"mqtt://h\"", 2, "mqtt.base", "latchkey"),
        ("[mqtt]\nurl = \"http://h\"", 2, "mqtt.url", "mqtts://host:8883"),
        ("[mqtt]\nurl = \"mqtt://h:0\"", 2, "mqtt.url", "mqtts://host:8883"),
        ("[mqtt]\nurl = \"mqtt://h\"\nca_file = \"/c\"", 3, "mqtt.ca_file", "mqtts://"),
        ("[mqtt]\nurl = \"mqtt://h\"\npassword_file = \"/c\"", 3, "mqtt.password_file", "username"),
        ("[zwave]\nregion = \"mars\"", 2, "zwave.region is \"mars\"", "eu, us"),
        ("[zwave]\ncheck_interval = \"1m\"", 2, "zwave.check_interval", "24h"),
        ("[zwave]\ncheck_interval = \"é\"", 2, "zwave.check_interval", "24h"),
        ("[zwave]\ncredential = \"../x\"", 2, "zwave.credential", "name of a systemd credential"),
        ("[zwave]\nframe_budget_per_day = -1", 2, "zwave.frame_budget_per_day is -1", "0 to 10000"),
        ("[zwave]\nkeys_file = \"\"", 2, "zwave.keys_file is empty", "path"),
        ("[home]\nname = \"a\\nb\"", 2, "home.name", "one line"),
        ("home = 1", 1, "home is a section", "[home]"),
        ("[home\n", 1, "not TOML", "latchkey config"),
    ] {
        let error = error(text);
        assert!(error.starts_with(&format!("latchkey.toml:{line}: ")), "{text}: {error}");
        assert!(error.contains(what) && error.contains(remedy), "{text}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_broker_without_an_address_is_not_quietly_no_broker() {
    assert!(error("[mqtt]\n").contains("mqtt.url is missing"));
    assert!(error("[mqtt]\nbase = \"x\"\n").contains("mqtt.url is missing"));
}

#[test]
fn a_password_in_the_brokers_url_is_refused_and_not_repeated() {
    let error = error("[mqtt]\nurl = \"mqtt://ada:hunter2@broker\"\n");
    assert!(error.contains("password_file") && !error.contains("hunter2"), "{error}");
}

#[test]
fn the_environment_goes_before_the_file_and_an_empty_variable_brings_the_default_back() {
    let file = "[home]\nname = \"File\"\n[api]\nsocket = \"/file\"\n[web]\ntrusted_proxy = [\"10.0.0.1\"]";
    let variables = [
        ("LATCHKEY_HOME__NAME", "Env"),
        ("LATCHKEY_API__SOCKET", ""),
        ("LATCHKEY_HOME__CODE_LENGTH", "8"),
        ("LATCHKEY_MQTT__URL", "mqtt://[::1]:99"),
        ("LATCHKEY_WEB__TRUSTED_PROXY", "10.0.0.2, ::1"),
        ("LATCHKEY_LOG", "debug"),
        ("PATH", "/bin"),
    ];
    let config = Config::parse("f", file, env(variables)).unwrap();
    assert_eq!(config.home.name, "Env");
    assert_eq!(config.api, Api::default());
    assert_eq!(config.home.code_length, CodeLength::Digits(8));
    assert_eq!(config.mqtt.unwrap().url.to_string(), "mqtt://[::1]:99");
    assert_eq!(config.web.trusted_proxy.len(), 2);
}

#[test]
fn an_error_in_the_environment_names_the_variable() {
    let unknown = Config::parse("f", "", env([("LATCHKEY_HOME__NAMES", "x")])).unwrap_err().to_string();
    assert_eq!(unknown, "environment variable LATCHKEY_HOME__NAMES: there is no key home.names; did you mean name?");
    let bad = Config::parse("f", "", env([("LATCHKEY_HOME__CODE_LENGTH", "many")])).unwrap_err().to_string();
    assert!(bad.starts_with("environment variable LATCHKEY_HOME__CODE_LENGTH: home.code_length is \"many\""), "{bad}");
}

#[test]
fn a_socket_path_that_the_kernel_would_cut_is_refused() {
    assert!(error(&format!("[api]\nsocket = \"/{}\"\n", "x".repeat(107))).contains("108 bytes"));
}
