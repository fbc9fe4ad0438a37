use crate::wire::{ResponseMessage, WireError};
use crate::{Quirk, QuirkSet, Workarounds};

/// Reads answers, and tells wrong checksums of the firmware from those of a bad network.
#[derive(Default)]
pub(super) struct AnswerReader {
    /// Answers with a wrong checksum that nothing vouched for.
    suspects: u32,
}

impl AnswerReader {
    /// One wrong checksum may be the network's fault. The second one in a login or session is the firmware's.
    const TOO_MANY: u32 = 2;

    /// The answer that a message is, if it `fits` what was asked. In a packet whose code has vouched for every byte a
    /// wrong checksum can only be the firmware's.
    pub(super) fn read(
        &mut self,
        message: &[u8],
        is_authenticated: bool,
        workarounds: &Workarounds,
        quirks: &mut QuirkSet,
        fits: impl FnOnce(&ResponseMessage) -> bool,
    ) -> Option<ResponseMessage> {
        let parsed = ResponseMessage::parse(message);
        let is_right = !matches!(parsed, Err(WireError::Checksum { .. }));
        let response = parsed.or_else(|_| ResponseMessage::parse_without_checksums(message));
        let response =
            response.inspect_err(|reason| log::debug!("message dropped: {reason}")).ok()?;
        if !fits(&response) {
            log::debug!("message dropped: not the answer to what was asked last");
            return None;
        }
        if is_right || quirks.contains(Quirk::NoChecksumCheck) {
            return Some(response);
        }
        self.suspects += 1;
        let is_firmware = is_authenticated || self.suspects >= Self::TOO_MANY;
        if !is_firmware || !workarounds.finds(Quirk::NoChecksumCheck) {
            log::debug!("message dropped: wrong checksum");
            return None;
        }
        quirks.insert(Quirk::NoChecksumCheck);
        Some(response)
    }
}
