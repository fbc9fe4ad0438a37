//! This crate against the bytes that `ipmitool`, FreeIPMI's `ipmipower` and `ipmi-chassis`, and OpenIPMI's `ipmi_sim`
//! said to each other.
//!
//! The fixtures explain every field. Where a test here fails, the crate is wrong, not the fixture.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../exchange/mod.rs"]
mod exchange;

mod codes15;
mod datagrams;
mod login;
mod messages;
mod sealed;
mod sessions;
