//! A small MQTT broker inside the daemon, for `latchkey demo` only: everything it holds is lost with it.
