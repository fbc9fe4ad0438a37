/// Which sequence numbers of a session were received: up to 15 ahead of the highest, and 16 behind it, are taken, each
/// once (IPMI 2.0 §6.12).
pub(super) struct ReceiveWindow {
    highest: u32,
    /// Bit n: the number n + 1 behind the highest was received.
    seen: u32,
}

impl ReceiveWindow {
    const AHEAD: u32 = 15;
    const BEHIND: u32 = 16;

    /// The window of a session that just became active: the first number is 1, and nothing comes before it.
    pub(super) fn new() -> Self {
        Self { highest: 0, seen: u32::MAX }
    }

    /// Whether the number is fresh; if so, it will not be another time.
    pub(super) fn accepts(&mut self, sequence: u32) -> bool {
        let ahead = sequence.wrapping_sub(self.highest);
        let behind = self.highest.wrapping_sub(sequence);
        match (ahead, behind) {
            _ if sequence == 0 => false,
            (1..=Self::AHEAD, _) => {
                self.highest = sequence;
                self.seen = (self.seen << ahead) | (1 << (ahead - 1));
                true
            }
            (_, 1..=Self::BEHIND) => {
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
    use super::ReceiveWindow;

    #[test]
    fn each_number_is_taken_once_and_only_near_the_highest() {
        let mut window = ReceiveWindow::new();
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
    fn numbers_wrap_around() {
        let mut window = ReceiveWindow { highest: u32::MAX - 1, seen: 0 };
        assert!(window.accepts(2));
        assert!(window.accepts(u32::MAX) && !window.accepts(u32::MAX));
        assert!(!window.accepts(0), "0 is for packets outside a session");
    }
}
