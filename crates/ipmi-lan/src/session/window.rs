/// Which sequence numbers of a session have been received (IPMI 2.0 §6.12.12).
///
/// Every number above the highest is taken, for the authentication code has vouched for it and the BMC may have
/// sent much that was lost; of those below it the last 32, each once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReceiveWindow {
    highest: u32,
    /// Bit n stands for `highest - n`.
    seen: u32,
}

impl ReceiveWindow {
    /// Takes a number, unless it was received before, is too old, or is 0, which no packet of a session has.
    pub(super) fn accept(&mut self, sequence: u32) -> bool {
        if sequence == 0 {
            return false;
        }
        if sequence > self.highest {
            self.seen = self.seen.checked_shl(sequence - self.highest).unwrap_or(0) | 1;
            self.highest = sequence;
            return true;
        }
        let bit = 1_u32.checked_shl(self.highest - sequence).unwrap_or(0);
        let is_new = bit != 0 && self.seen & bit == 0;
        self.seen |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_taken_once() {
        let mut window = ReceiveWindow::default();
        for sequence in [1, 2, 5, 3, 4, 100, 69] {
            assert!(window.accept(sequence), "{sequence} is new");
            assert!(!window.accept(sequence), "{sequence} is a duplicate");
        }
    }

    #[test]
    fn old_numbers_and_zero_are_not_taken() {
        let mut window = ReceiveWindow::default();
        assert!(!window.accept(0));
        assert!(window.accept(40));
        assert!(!window.accept(8), "32 below the highest");
        assert!(window.accept(9), "31 below the highest");
        assert!(window.accept(u32::MAX));
        assert!(!window.accept(40));
    }
}
