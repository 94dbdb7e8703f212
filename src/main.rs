//! The binary: arguments in, exit code out.

use std::alloc::System;
use std::process::ExitCode;

use latchkey::run::wiping::Wiping;

#[global_allocator]
static ALLOCATOR: Wiping = Wiping(System);

fn main() -> ExitCode {
    latchkey::cli::main()
}
