/// Which sequence numbers of a session have been received (IPMI 2.0 §6.12.12, §6.12.13).
///
/// Of the numbers below the highest the last 32 are taken, each once.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceiveWindow {
    highest: u32,
    /// Bit n stands for `highest - n`.
    seen: u32,
    /// How far above the highest a number may be.
    reach: u32,
}

impl ReceiveWindow {
    /// Where nothing vouches for a number but that it fits. Room for 64 answers that were lost.
    const REACH: u32 = 64;

    /// The window of a session of IPMI 2.0. Where an authentication code vouches for it, every number above the highest
    /// is taken: the BMC may have sent much that was lost.
    pub(super) fn for_ipmi20(has_codes: bool) -> Self {
        Self { highest: 0, seen: 0, reach: if has_codes { u32::MAX } else { Self::REACH } }
    }

    /// The window of a session of IPMI 1.5, where the BMC begins with this number, or, as some do, with the one
    /// before.
    pub(super) fn for_ipmi15(first: u32) -> Self {
        Self { highest: first.saturating_sub(2), seen: u32::MAX, reach: Self::REACH }
    }

    /// Takes a number, unless it was received before, is too old or too new, or is 0, which no packet of a session has.
    pub(super) fn accept(&mut self, sequence: u32) -> bool {
        if sequence == 0 {
            return false;
        }
        if sequence > self.highest {
            if sequence - self.highest > self.reach {
                return false;
            }
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
        let mut window = ReceiveWindow::for_ipmi20(true);
        for sequence in [1, 2, 5, 3, 4, 100, 69] {
            assert!(window.accept(sequence), "{sequence} is new");
            assert!(!window.accept(sequence), "{sequence} is a duplicate");
        }
    }

    #[test]
    fn old_numbers_and_zero_are_not_taken() {
        let mut window = ReceiveWindow::for_ipmi20(true);
        assert!(!window.accept(0));
        assert!(window.accept(40));
        assert!(!window.accept(8), "32 below the highest");
        assert!(window.accept(9), "31 below the highest");
        assert!(window.accept(u32::MAX));
        assert!(!window.accept(40));
    }

    #[test]
    fn in_ipmi_15_only_numbers_near_the_highest_are_taken() {
        let mut window = ReceiveWindow::for_ipmi15(1000);
        for far in [997, 998, 1, 1063, u32::MAX] {
            assert!(!window.accept(far), "{far}");
        }
        for near in [1000, 1001, 999, 1065, 1064] {
            assert!(window.accept(near), "{near}");
            assert!(!window.accept(near), "{near} is a duplicate");
        }
    }
}
