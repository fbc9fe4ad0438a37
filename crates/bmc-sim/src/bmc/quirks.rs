//! What a BMC with quirks does otherwise in a login of IPMI 2.0, as far as it is not in the codes and keys that both
//! sides make with [`RakpExchange::quirks`]. [`Quirk::facts`] tells where each was seen. Quirks of anything but the
//! login stand where they matter.

use ipmi_lan::crypto::{RakpExchange, SessionIntegrityKey};
use ipmi_lan::wire::{OpenSessionRequest, OpenSessionResponse, Rakp1, Rakp2, Rakp4, Role};
use ipmi_lan::{Password, Privilege, Quirk, QuirkSet, RmcpPlusStatus, Username};

/// RAKP 1 with sixteen bytes of user name (IPMI 2.0 §13.20).
const LONGEST_RAKP1: usize = 44;
/// RAKP 2 without a code (IPMI 2.0 §13.21).
const RAKP2_WITHOUT_CODE: usize = 40;
/// A key exchange authentication code of HMAC-SHA1 (IPMI 2.0 §13.28).
const SHA1_CODE: usize = 20;
/// Where nothing is to be authenticated, this is as good as any other code.
const NEEDLESS_CODE: [u8; 12] = [0; 12];

/// RAKP 1 as the BMC reads it. `None` when it drops it.
pub(super) fn read_rakp1(payload: &[u8], quirks: QuirkSet) -> Option<Rakp1> {
    if quirks.contains(Quirk::I82571Spt) && payload.len() != LONGEST_RAKP1 {
        return None;
    }
    let mut request = Rakp1::parse(payload).ok()?;
    if quirks.contains(Quirk::Intel20) {
        request.username = without_padding(request.username);
    }
    Some(request)
}

/// The role of which codes and keys are made, when Open Session had asked for that level.
pub(super) fn hashed_role(role: Role, opened: Option<Privilege>, quirks: QuirkSet) -> Role {
    let takes_level_of_open_session =
        [Quirk::OpenSessPriv, Quirk::Sun20].into_iter().any(|quirk| quirks.contains(quirk));
    if !takes_level_of_open_session {
        return role;
    }
    // Who asked for "the highest" does not hash that, so that it matters only that this is another level.
    Role { privilege: opened.unwrap_or(Privilege::Callback), ..role }
}

/// The code of RAKP 2.
pub(super) fn rakp2_code(exchange: &RakpExchange, password: &Password) -> Vec<u8> {
    let mut code = exchange.rakp2_code(password);
    let has_byte_too_many = exchange.quirks.contains(Quirk::Supermicro20)
        || exchange.quirks.contains(Quirk::Sun20) && code.len() == SHA1_CODE;
    if has_byte_too_many {
        code.push(0);
    }
    code
}

/// The code of RAKP 4.
pub(super) fn rakp4_code(exchange: &RakpExchange, key: &SessionIntegrityKey) -> Vec<u8> {
    let code = key.rakp4_code();
    let is_needless = exchange.suite.id() == 0;
    if is_needless && exchange.quirks.contains(Quirk::IntegrityCheckValue) {
        return NEEDLESS_CODE.to_vec();
    }
    code
}

/// Refuses Open Session. OpenBMC fills in tag and session id only when it has taken the algorithms.
pub(super) fn refused_open_session(
    request: OpenSessionRequest,
    status: RmcpPlusStatus,
    quirks: QuirkSet,
) -> OpenSessionResponse {
    let is_early = status != RmcpPlusStatus::INSUFFICIENT_RESOURCES;
    let OpenSessionRequest { tag, console_session_id, .. } = request;
    let (tag, id) = unless_tag0(tag, Some(console_session_id), is_early, quirks);
    OpenSessionResponse::Refused { tag, status, console_session_id: id }
}

/// Refuses RAKP 1. OpenBMC fills in tag and session id only when it accepts, and always sends all of the fields.
pub(super) fn refused_rakp1(
    tag: u8,
    status: RmcpPlusStatus,
    console_session_id: Option<u32>,
    quirks: QuirkSet,
) -> Vec<u8> {
    let (tag, console_session_id) = unless_tag0(tag, console_session_id, true, quirks);
    let mut payload = Rakp2::Refused { tag, status, console_session_id }.to_bytes();
    if quirks.contains(Quirk::Tag0) {
        payload.resize(RAKP2_WITHOUT_CODE, 0);
    }
    payload
}

/// Refuses RAKP 3. OpenBMC fills in tag and session id as soon as it knows the session.
pub(super) fn refused_rakp3(
    tag: u8,
    status: RmcpPlusStatus,
    console_session_id: Option<u32>,
    quirks: QuirkSet,
) -> Rakp4 {
    let is_early = console_session_id.is_none();
    let (tag, console_session_id) = unless_tag0(tag, console_session_id, is_early, quirks);
    Rakp4::Refused { tag, status, console_session_id }
}

fn unless_tag0(
    tag: u8,
    console_session_id: Option<u32>,
    is_early: bool,
    quirks: QuirkSet,
) -> (u8, Option<u32>) {
    if is_early && quirks.contains(Quirk::Tag0) { (0, Some(0)) } else { (tag, console_session_id) }
}

/// The name before the zeros that fill it up to sixteen bytes.
fn without_padding(name: Username) -> Username {
    let bytes = name.as_bytes();
    let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let name = bytes.get(..length).map(Username::new);
    name.and_then(Result::ok).unwrap_or_default() // never longer than it was
}
