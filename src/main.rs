//! The program. What it does is in `cli`; exit codes are in `coaching --help`.

fn main() -> std::process::ExitCode {
    coaching::cli::run(std::env::args_os())
}
