use crate::wire::{ResponseMessage, WireError};
use crate::{Quirk, QuirkSet, Workarounds};

/// What vouches for a message, but its checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vouched {
    /// An authentication code covers every byte of it.
    ByCode,
    /// Nothing, and nothing depends on it but how the login goes on.
    OutsideSession,
    /// Nothing, and it is an answer in a session.
    InSession,
}

/// Reads answers, and tells wrong checksums of the firmware from those of a bad network.
#[derive(Default)]
pub(super) struct AnswerReader {
    /// How many answers in a row had a wrong checksum that nothing vouched for.
    suspects: u32,
}

impl AnswerReader {
    /// Outside a session, one wrong checksum may be the network's fault; the second in a row is the firmware's.
    const TOO_MANY: u32 = 2;

    /// The answer that a message is, if it `fits` what was asked. In a packet whose code has vouched for every byte a
    /// wrong checksum can only be the firmware's.
    pub(super) fn read(
        &mut self,
        message: &[u8],
        vouched: Vouched,
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
        if is_right {
            self.suspects = 0;
            return Some(response);
        }
        if !self.is_of_firmware(vouched, workarounds) {
            log::debug!("message dropped: wrong checksum");
            return None;
        }
        quirks.insert(Quirk::NoChecksumCheck);
        Some(response)
    }

    fn is_of_firmware(&mut self, vouched: Vouched, workarounds: &Workarounds) -> bool {
        if workarounds.forces(Quirk::NoChecksumCheck) {
            return true;
        }
        let is_found = match vouched {
            Vouched::ByCode => true,
            Vouched::InSession => false,
            Vouched::OutsideSession => {
                self.suspects += 1;
                self.suspects >= Self::TOO_MANY
            }
        };
        is_found && workarounds.finds(Quirk::NoChecksumCheck)
    }
}
