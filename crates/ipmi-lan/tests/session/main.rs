//! Sessions in virtual time, against a simulated BMC over networks that lose, double, delay and forge.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(unreachable_pub, reason = "the modules share helpers")]

mod bad_networks;
mod forgeries;
mod ipmi15;
mod logins;
mod odd_answers;
mod pair;
mod quirks;
mod retries;
