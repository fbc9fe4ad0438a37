//! Text from outside.

/// A sentence that somebody else has made, for a terminal or a log: in one line, with quotes as they are.
pub(crate) fn escaped(sentence: &str) -> String {
    let letter = |c: char| match c {
        '\'' | '"' => c.to_string(),
        c => c.escape_debug().to_string(),
    };
    sentence.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_one_line_and_goes_through_twice_unharmed() {
        let sentence = escaped("no target 'node1':\u{1b}[2J\n\"ä\"");
        assert_eq!(sentence, "no target 'node1':\\u{1b}[2J\\n\"ä\"");
        assert_eq!(escaped("no target 'node1'"), "no target 'node1'");
    }
}
