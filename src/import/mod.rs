//! What other controllers leave behind, read: texts in, typed facts out. Nothing here opens a file or sends a frame.

pub mod wire;
pub mod zwave_js;
