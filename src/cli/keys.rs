//! `latchkey network keys`.

use clap::Subcommand;
use hyper::Method;
use serde_json::Value;

use super::client::Client;
use super::failure::{Failure, Outcome};
use super::print_json;

/// The network's keys.
#[derive(Subcommand, Debug)]
pub enum Keys {
    /// Print the network keys, in the form of a zwave.keys_file. Whoever has them can open every lock.
    Export(Export),
}

/// How keys are exported.
#[derive(clap::Args, Debug)]
pub struct Export {
    /// Really show them. Who did it, and when, is written down.
    #[arg(long)]
    reveal: bool,
    /// Print JSON, which they are anyway.
    #[arg(long)]
    json: bool,
}

impl Keys {
    /// Asks the daemon.
    pub async fn run(&self, client: &Client) -> Outcome {
        let Self::Export(export) = self;
        if !export.reveal {
            return Err(Failure::Usage(
                "this prints the network keys, with which anybody nearby can open every lock, and writes down who asked; \
                 add --reveal if you want that"
                    .into(),
            ));
        }
        print_json(&client.call::<Value>(Method::POST, "/api/network/keys/export", None).await?)
    }
}
