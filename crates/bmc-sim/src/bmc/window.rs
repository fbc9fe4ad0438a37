/// Which sequence numbers of a session were received: those near the highest are taken, each once (IPMI 2.0 §6.12).
pub(super) struct ReceiveWindow {
    highest: u32,
    /// Bit n: the number n + 1 behind the highest was received.
    seen: u32,
    reach: Reach,
}

/// How far from the highest a number may be.
#[derive(Clone, Copy)]
struct Reach {
    ahead: u32,
    behind: u32,
}

impl Reach {
    const IPMI_15: Self = Self { ahead: 8, behind: 8 };
    const IPMI_20: Self = Self { ahead: 15, behind: 16 };
}

impl ReceiveWindow {
    /// The window of a session that just became active: the first number is 1, and nothing comes before it.
    pub(super) fn of_ipmi20() -> Self {
        Self::before(1, Reach::IPMI_20)
    }

    /// The same of IPMI 1.5, where the BMC says which number is the first.
    pub(super) fn of_ipmi15(first: u32) -> Self {
        Self::before(first, Reach::IPMI_15)
    }

    fn before(first: u32, reach: Reach) -> Self {
        Self { highest: first.wrapping_sub(1), seen: u32::MAX, reach }
    }

    /// Whether the number is fresh; if so, it will not be another time.
    pub(super) fn accepts(&mut self, sequence: u32) -> bool {
        let ahead = sequence.wrapping_sub(self.highest);
        let behind = self.highest.wrapping_sub(sequence);
        match sequence {
            0 => false,
            _ if (1..=self.reach.ahead).contains(&ahead) => {
                self.highest = sequence;
                self.seen = (self.seen << ahead) | (1 << (ahead - 1));
                true
            }
            _ if (1..=self.reach.behind).contains(&behind) => {
                let bit = 1 << (behind - 1);
                let is_fresh = self.seen & bit == 0;
                self.seen |= bit;
                is_fresh
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_taken_once_and_only_near_the_highest() {
        let mut window = ReceiveWindow::of_ipmi20();
        assert!(!window.accepts(0));
        assert!(window.accepts(1));
        assert!(!window.accepts(1));
        assert!(!window.accepts(17), "16 ahead");
        assert!(window.accepts(16), "15 ahead");
        assert!(window.accepts(2) && !window.accepts(2));
        assert!(window.accepts(20));
        assert!(!window.accepts(3), "17 behind");
        assert!(window.accepts(4), "16 behind");
        assert!(!window.accepts(16) && !window.accepts(2));
    }

    #[test]
    fn in_ipmi_15_it_begins_anywhere_and_is_narrower() {
        let mut window = ReceiveWindow::of_ipmi15(1000);
        assert!(!window.accepts(999), "before the first");
        assert!(window.accepts(1000) && !window.accepts(1000));
        assert!(!window.accepts(1009), "9 ahead");
        assert!(window.accepts(1008), "8 ahead");
        assert!(window.accepts(1009));
        assert!(window.accepts(1001) && !window.accepts(1001), "8 behind");
        assert!(window.accepts(1010));
        assert!(!window.accepts(1001), "9 behind");
    }

    #[test]
    fn numbers_wrap_around() {
        let mut window =
            ReceiveWindow { seen: 0, ..ReceiveWindow::before(u32::MAX, Reach::IPMI_20) };
        assert!(window.accepts(2));
        assert!(window.accepts(u32::MAX) && !window.accepts(u32::MAX));
        assert!(!window.accepts(0), "0 is for packets outside a session");
    }
}
