# The few commands that anyone needs. `just` alone lists them; each line is also what to type without just.

_default:
    @just --list --unsorted

# Serve on http://127.0.0.1:8080, over ./data
run *options:
    cargo run --release -- serve {{ options }}

# Load the demo contact centre into ./data and serve it
demo *options:
    cargo run --release -- demo --serve {{ options }}

# Every test; those of clients that are missing are skipped, loudly
test *options:
    cargo test {{ options }}

# Install the clients that tests/clients runs, into the target folder
clients:
    tests/clients/install

# Format, lints, protos
lint:
    cargo fmt --check
    cargo clippy --all-targets -- --deny warnings
    npx --yes @bufbuild/buf@1.74.0 lint
    npx --yes @bufbuild/buf@1.74.0 format --diff --exit-code

# Put code and protos in shape
fmt:
    cargo fmt
    npx --yes @bufbuild/buf@1.74.0 format --write

# Property tests with fresh cases, and many of them
soak cases="50000":
    PROPTEST_CASES={{ cases }} cargo test --lib --test rest

# Kill the real server many times under load
crash rounds="50":
    COACHING_TESTS_CRASH_ROUNDS={{ rounds }} cargo test --test crash

# Benchmarks
bench *options:
    cargo bench {{ options }}

# Licences, advisories, sources of the dependencies (needs cargo-deny)
deny:
    cargo deny check

# All that must hold before a change lands
ci:
    bash .ci/run
